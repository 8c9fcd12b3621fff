//! The directions in which the rows of a matrix are longest.

use candle_core::{Device, Result, Tensor};

use super::random::Random;

/// The purpose of these random numbers.
const PURPOSE: u64 = 5;
/// Multiplications. Each one shrinks the part outside of the subspace by the ratio of the eigenvalues on both sides of its
/// border; the border itself need not be sharp.
const ITERATIONS: usize = 12;

/// Returns `[columns, count]` orthonormal directions in which the rows `[rows, columns]` are longest: the first
/// eigenvectors of `rowsᵀ · rows`, by orthogonal iteration (Golub and Van Loan, Matrix Computations, 8.2.4).
pub(super) fn principal_directions(rows: &Tensor, count: usize, seed: u64) -> Result<Tensor> {
    let (_, columns) = rows.dims2()?;
    let squares = rows.t()?.contiguous()?.matmul(rows)?;
    let mut random = Random::new(seed, &[PURPOSE]);
    let start: Vec<f32> = (0..columns * count).map(|_| random.normal()).collect();
    // Directions are rows while they are made orthogonal.
    let mut directions = orthonormal(start, columns);
    for _ in 0..ITERATIONS {
        let found = Tensor::from_vec(directions, (count, columns), &Device::Cpu)?.matmul(&squares)?;
        directions = orthonormal(found.flatten_all()?.to_vec1()?, columns);
    }
    Tensor::from_vec(directions, (count, columns), &Device::Cpu)?.t()?.contiguous()
}

/// Makes rows orthogonal to each other and of length 1 (Gram and Schmidt, twice, so that rounding does not add up).
fn orthonormal(mut rows: Vec<f32>, columns: usize) -> Vec<f32> {
    for at in 0..rows.len() / columns {
        let (before, rest) = rows.split_at_mut(at * columns);
        let row = &mut rest[..columns];
        for _ in 0..2 {
            for other in before.chunks_exact(columns) {
                let along = dot(row, other);
                row.iter_mut().zip(other).for_each(|(x, y)| *x -= (along * f64::from(*y)) as f32);
            }
        }
        let length = dot(row, row).sqrt().max(f64::from(f32::MIN_POSITIVE));
        row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
    rows
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_subspace_survive_the_way_there_and_back() {
        // Rows of 12 numbers that are sums of 3 directions, and a little noise.
        let mut random = Random::new(7, &[1]);
        let mut numbers = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
        let tensor = |numbers, shape: (usize, usize)| Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap();
        let weights = tensor(numbers(50 * 3), (50, 3));
        let parts = tensor(numbers(3 * 12), (3, 12));
        let noise = (tensor(numbers(50 * 12), (50, 12)) * 1e-3).unwrap();
        let rows = (weights.matmul(&parts).unwrap() + noise).unwrap();

        let directions = principal_directions(&rows, 3, 1).unwrap();
        let error = |directions: &Tensor| {
            let there = rows.matmul(directions).unwrap();
            let back = there.matmul(&directions.t().unwrap().contiguous().unwrap()).unwrap();
            (back - &rows).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap()
        };
        assert!(error(&directions) < 0.01, "{}", error(&directions));
        let others = directions.narrow(1, 0, 2).unwrap().contiguous().unwrap();
        assert!(error(&others) > 0.1, "two directions cannot hold three: {}", error(&others));

        let product = directions.t().unwrap().contiguous().unwrap().matmul(&directions).unwrap();
        let identity = Tensor::eye(3, candle_core::DType::F32, &Device::Cpu).unwrap();
        let off = (product - identity).unwrap().abs().unwrap().max_all().unwrap();
        assert!(off.to_scalar::<f32>().unwrap() < 1e-5);
    }
}
