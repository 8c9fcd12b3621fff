//! Pictures of vectors: the first two principal components, by Lanczos' method.
//!
//! ```text
//! C   := Σ (x_i − mean)(x_i − mean)ᵀ / (n − 1)      never written down: C v = Σ (x_i − mean) ⟨x_i − mean, v⟩ / (n − 1)
//! v₁  := eigenvector of C of the largest eigenvalue; v₂: of C without v₁
//! x y := ⟨x_i − mean, v₁⟩, ⟨x_i − mean, v₂⟩
//! ```
//! The largest element of a component is positive, as in scikit-learn.

use super::VectorSource;
use crate::error::Result;
use crate::index::random::Random;

const MAX_STEPS: usize = 120;
/// Its inverse can be squared.
const SMALLEST_SHIFT: f64 = 1e-140;
/// A component is exact enough if `‖C v − λ v‖` is so small a part of `λ`.
const TOLERANCE: f64 = 1e-7;

/// The result of [`project2d`].
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The place of each vector, `[count, 2]`.
    pub places: Vec<f32>,
    /// The share of the variance that each of the two components has.
    pub explained: [f64; 2],
}

/// Projects vectors onto their first two principal components.
///
/// # Errors
/// The errors of the source.
///
/// ```
/// use corom::index::{VectorList, project2d};
///
/// let line = [0.0, 0.0, 3.0, 4.0, 6.0, 8.0]; // three vectors on a line
/// let projection = project2d(&VectorList::new(&line, 2)?)?;
/// assert!((projection.places[0] + 5.0).abs() < 1e-4 && projection.places[1].abs() < 1e-4);
/// # Ok::<(), corom::error::Error>(())
/// ```
pub fn project2d(vectors: &dyn VectorSource) -> Result<Projection> {
    let (count, dimension) = (vectors.count(), vectors.dimension());
    let mut row = vec![0.0; dimension];
    let mut mean = vec![0.0_f64; dimension];
    let mut squares = 0.0;
    for i in 0..count {
        vectors.read(i, &mut row)?;
        mean.iter_mut().zip(&row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    mean.iter_mut().for_each(|sum| *sum /= count.max(1) as f64);
    for i in 0..count {
        vectors.read(i, &mut row)?;
        squares += row.iter().zip(&mean).map(|(&x, mean)| (f64::from(x) - mean).powi(2)).sum::<f64>();
    }
    let covariance = Covariance { vectors, mean };
    let mut components: Vec<Vec<f64>> = Vec::new();
    let mut explained = [0.0; 2];
    for share in &mut explained {
        if components.len() < dimension.min(count.saturating_sub(1)) {
            let (value, component) = covariance.largest(&components)?;
            *share = if squares > 0.0 { value / squares } else { 0.0 };
            components.push(component);
        }
    }
    let mut places = Vec::new();
    for i in 0..count {
        vectors.read(i, &mut row)?;
        for component in 0..2 {
            let place = components.get(component).map_or(0.0, |v| covariance.place(&row, v));
            places.push(place as f32);
        }
    }
    Ok(Projection { places, explained })
}

struct Covariance<'a> {
    vectors: &'a dyn VectorSource,
    mean: Vec<f64>,
}

impl Covariance<'_> {
    /// Returns `⟨x − mean, v⟩`.
    fn place(&self, row: &[f32], v: &[f64]) -> f64 {
        row.iter().zip(&self.mean).zip(v).map(|((&x, mean), v)| (f64::from(x) - mean) * v).sum()
    }

    /// Returns `Σ (x_i − mean) ⟨x_i − mean, v⟩`.
    fn multiply(&self, v: &[f64]) -> Result<Vec<f64>> {
        let mut product = vec![0.0; v.len()];
        let mut row = vec![0.0; v.len()];
        for i in 0..self.vectors.count() {
            self.vectors.read(i, &mut row)?;
            let place = self.place(&row, v);
            for ((sum, &x), mean) in product.iter_mut().zip(&row).zip(&self.mean) {
                *sum += (f64::from(x) - mean) * place;
            }
        }
        Ok(product)
    }

    /// Returns the largest eigenvalue and its vector in the space that is orthogonal to `found`.
    fn largest(&self, found: &[Vec<f64>]) -> Result<(f64, Vec<f64>)> {
        let dimension = self.mean.len();
        let mut random = Random(found.len() as u64);
        let mut v: Vec<f64> = random.normals(dimension).into_iter().map(f64::from).collect();
        orthogonalize(&mut v, found);
        normalize(&mut v);
        let mut basis = vec![v];
        let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
        loop {
            let last = &basis[basis.len() - 1];
            let mut next = self.multiply(last)?;
            diagonal.push(dot(&next, last));
            // Twice: rounding leaves a part of the directions that were found.
            for _ in 0..2 {
                orthogonalize(&mut next, found);
                orthogonalize(&mut next, &basis);
            }
            let rest = normalize(&mut next);
            let (value, weights) = largest_of_tridiagonal(&diagonal, &beside);
            let residual = rest * weights[weights.len() - 1].abs();
            let is_whole = basis.len() + found.len() >= dimension || basis.len() == MAX_STEPS;
            if is_whole || residual <= TOLERANCE * value.abs() || rest == 0.0 {
                let mut component = vec![0.0; dimension];
                for (weight, v) in weights.iter().zip(&basis) {
                    component.iter_mut().zip(v).for_each(|(sum, x)| *sum += weight * x);
                }
                normalize(&mut component);
                let largest =
                    component.iter().fold(0.0_f64, |best, &x| if x.abs() > best.abs() { x } else { best });
                if largest < 0.0 {
                    component.iter_mut().for_each(|x| *x = -*x);
                }
                return Ok((value, component));
            }
            beside.push(rest);
            basis.push(next);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Scales to length 1, and returns the length. A vector that is nearly zero becomes zero.
fn normalize(v: &mut [f64]) -> f64 {
    let length = dot(v, v).sqrt();
    let scale = if length > 1e-150 { 1.0 / length } else { 0.0 };
    v.iter_mut().for_each(|x| *x *= scale);
    if scale > 0.0 { length } else { 0.0 }
}

fn orthogonalize(v: &mut [f64], others: &[Vec<f64>]) {
    for other in others {
        let share = dot(v, other);
        v.iter_mut().zip(other).for_each(|(x, y)| *x -= share * y);
    }
}

/// Returns the largest eigenvalue of a symmetric tridiagonal matrix, by bisection, and its vector, by inverse iteration.
fn largest_of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> (f64, Vec<f64>) {
    let n = diagonal.len();
    let around = |i: usize| {
        let before = i.checked_sub(1).map_or(0.0, |i| beside[i].abs());
        before + beside.get(i).map_or(0.0, |x| x.abs())
    };
    let mut low = diagonal.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut high = (0..n).map(|i| diagonal[i] + around(i)).fold(low, f64::max);
    // Pivots of T − x: all are negative if x is above every eigenvalue.
    let is_above = |x: f64| {
        let mut pivot = diagonal[0] - x;
        for i in 1..n {
            if pivot >= 0.0 {
                return false;
            }
            pivot = diagonal[i] - x - beside[i - 1] * beside[i - 1] / pivot;
        }
        pivot < 0.0
    };
    for _ in 0..200 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if is_above(middle) { high = middle } else { low = middle }
    }
    // Just above the eigenvalue T − x is negative definite, so elimination without exchanges is stable.
    let shift = high + (high.abs() * 1e-14).max(SMALLEST_SHIFT);
    let mut weights = vec![1.0; n];
    for _ in 0..4 {
        let mut pivots = vec![diagonal[0] - shift; n];
        for i in 1..n {
            let factor = beside[i - 1] / pivots[i - 1];
            pivots[i] = diagonal[i] - shift - factor * beside[i - 1];
            weights[i] -= factor * weights[i - 1];
        }
        weights[n - 1] /= pivots[n - 1];
        for i in (0..n - 1).rev() {
            weights[i] = (weights[i] - beside[i] * weights[i + 1]) / pivots[i];
        }
        normalize(&mut weights);
    }
    (high, weights)
}
