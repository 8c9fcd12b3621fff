//! A random rotation: signs and Walsh–Hadamard transforms. Sign bits of a rotated vector have the same error whatever
//! the vector's own axes are.
//!
//! ```text
//! 4 times: flip signs by a fixed random pattern, then H over the first 2ᵏ values (rounds 1 and 3) or the last 2ᵏ
//! ```
//! `2ᵏ` is the largest power of two that is at most the dimension, so the two ranges overlap and cover everything.
//! Each step keeps lengths and inner products.

use crate::index::random::Random;

const ROUNDS: usize = 4;
/// The seed of the signs is part of the format.
const SEED: u64 = 0x0000_000C_0720_3517;

/// The rotation of a dimension.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    /// `[ROUNDS, dimension]`: 1 or −1.
    signs: Vec<f32>,
    dimension: usize,
}

impl Rotation {
    pub(crate) fn new(dimension: usize) -> Self {
        let mut random = Random(SEED);
        let signs =
            (0..ROUNDS * dimension).map(|_| if random.next() >> 63 == 0 { 1.0 } else { -1.0 }).collect();
        Self { signs, dimension }
    }

    /// Rotates a vector.
    pub(crate) fn apply(&self, vector: &mut [f32]) {
        let power = 1 << self.dimension.ilog2();
        for (round, signs) in self.signs.chunks_exact(self.dimension).enumerate() {
            vector.iter_mut().zip(signs).for_each(|(x, sign)| *x *= sign);
            let start = if round % 2 == 0 { 0 } else { self.dimension - power };
            hadamard(&mut vector[start..start + power]);
        }
    }
}

impl Rotation {
    /// Rotates a vector back.
    pub(crate) fn invert(&self, vector: &mut [f32]) {
        let power = 1 << self.dimension.ilog2();
        for (round, signs) in self.signs.chunks_exact(self.dimension).enumerate().rev() {
            let start = if round % 2 == 0 { 0 } else { self.dimension - power };
            hadamard(&mut vector[start..start + power]);
            vector.iter_mut().zip(signs).for_each(|(x, sign)| *x *= sign);
        }
    }
}

/// Applies the orthonormal Walsh–Hadamard transform to a power of two values.
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for block in values.chunks_exact_mut(2 * half) {
            let (left, right) = block.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = 1.0 / (values.len() as f32).sqrt();
    values.iter_mut().for_each(|x| *x *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_products_stay() {
        let mut random = Random(1);
        for dimension in [1, 2, 3, 64, 100, 768] {
            let rotation = Rotation::new(dimension);
            let [mut a, mut b] = [0; 2].map(|_| random.normals(dimension));
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
            let (before, original) = ([dot(&a, &b), dot(&a, &a)], a.clone());
            rotation.apply(&mut a);
            rotation.apply(&mut b);
            let mut back = a.clone();
            rotation.invert(&mut back);
            assert!(back.iter().zip(&original).all(|(x, y)| (x - y).abs() < 1e-4), "{dimension}");
            for (before, after) in before.into_iter().zip([dot(&a, &b), dot(&a, &a)]) {
                assert!((before - after).abs() <= 1e-4 * dimension as f32, "{dimension}: {before} {after}");
            }
        }
    }

    #[test]
    fn an_axis_is_spread_over_all_values() {
        let mut axis = vec![0.0; 768];
        axis[3] = 1.0;
        Rotation::new(768).apply(&mut axis);
        assert!(axis.iter().all(|x| x.abs() < 0.2));
    }
}
