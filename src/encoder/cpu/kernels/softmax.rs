//! Softmax of the scores of a tile of queries.

use super::linear::TILE_ROWS;
use super::math::Math;
use super::simd::{F32x4, Floats, Job, Simd};

/// Computes softmax over the rows, for each lane, but without the division. Returns the factor with which
/// each lane has to be multiplied. A lane with a NaN becomes NaN.
pub(super) struct Softmax<'a>(pub(super) &'a mut [[f32; TILE_ROWS]]);

impl Job for Softmax<'_> {
    type Output = [f32; TILE_ROWS];

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) -> [f32; TILE_ROWS] {
        let Self(scores) = self;
        let max = scores.iter().map(F32x4::load).fold(F32x4::splat(f32::NEG_INFINITY), F32x4::max);
        let math = Math::new();
        // The weights two keys at a time where vectors are that wide; their sum in the order of the keys.
        let both = S::F32::load(&[max.to_array(); 2].as_flattened()[..S::F32::LANES]);
        let mut vectors = scores.as_flattened_mut().chunks_exact_mut(S::F32::LANES);
        for vector in &mut vectors {
            math.exp_negative(S::F32::load(vector).sub(both)).store(vector);
        }
        for rest in vectors.into_remainder().as_chunks_mut::<TILE_ROWS>().0 {
            math.exp_negative(F32x4::load(rest).sub(max)).store(rest);
        }
        let sum = scores.iter().fold(F32x4::zero(), |sum, weight| sum.add(F32x4::load(weight)));
        F32x4::splat(1.0).div(sum).to_array()
    }
}
