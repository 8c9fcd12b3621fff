//! Rows of activations on their way into a packer.
//!
//! Weights may be equalized: column `k` of `W` is multiplied by `t[k]`, so the activations have to be
//! multiplied by `f[k] = 1 / t[k]` (see [`equalize`](crate::encoder::quantize::equalize)). The packers do it
//! tile by tile, before they look for the largest magnitude of a row or block. The rows of a tile then stay
//! in the first-level cache until they are quantized, and the kernels know nothing of the factors.

use super::layout::TILE_ROWS;
use crate::encoder::cpu::kernels::scratch::ensure_len;
use crate::encoder::cpu::kernels::simd::F32x4;

/// Rows that a packer quantizes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActivationRows<'a> {
    /// `[count, inputs]`.
    pub(super) x: &'a [f32],
    pub(super) count: usize,
    pub(super) inputs: usize,
    /// `[inputs]`, or empty if all factors are 1.
    pub(super) factors: &'a [f32],
}

impl ActivationRows<'_> {
    /// Returns the rows `first..first + count` times their factors, `[count, inputs]`. `buffer` holds the
    /// products.
    ///
    /// # Panics
    /// If there are more rows than a tile has.
    #[inline(always)]
    pub(super) fn tile<'b>(&'b self, first: usize, count: usize, buffer: &'b mut Vec<f32>) -> &'b [f32] {
        let rows = &self.x[first * self.inputs..][..count * self.inputs];
        if self.factors.is_empty() {
            return rows;
        }
        assert!(count <= TILE_ROWS);
        let buffer = ensure_len(buffer, count * self.inputs);
        for (row, out) in rows.chunks_exact(self.inputs).zip(buffer.chunks_exact_mut(self.inputs)) {
            multiply(row, self.factors, out);
        }
        buffer
    }
}

/// Stores `x · factors` in `out`. All three have the same length.
fn multiply(x: &[f32], factors: &[f32], out: &mut [f32]) {
    let (quads, rest) = x.as_chunks::<4>();
    let (factor_quads, factor_rest) = factors.as_chunks::<4>();
    let (out_quads, out_rest) = out.as_chunks_mut::<4>();
    for ((x, factor), out) in quads.iter().zip(factor_quads).zip(out_quads) {
        F32x4::load(x).mul(F32x4::load(factor)).store(out);
    }
    for ((x, factor), out) in rest.iter().zip(factor_rest).zip(out_rest) {
        *out = x * factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_tile_is_the_rows_times_their_factors(first in 0usize..5, count in 1usize..=4, inputs in 1usize..23) {
            let x: Vec<f32> = (0..(first + count) * inputs).map(|i| (i as f32 * 0.7).sin()).collect();
            let factors: Vec<f32> = (0..inputs).map(|k| 1.0 + k as f32 / 3.0).collect();
            let rows = ActivationRows { x: &x, count: first + count, inputs, factors: &factors };
            let mut buffer = Vec::new();
            let tile = rows.tile(first, count, &mut buffer);
            for (i, y) in tile.iter().enumerate() {
                prop_assert_eq!(*y, x[first * inputs + i] * factors[i % inputs]);
            }
            let plain = ActivationRows { factors: &[], ..rows };
            buffer.clear();
            prop_assert_eq!(plain.tile(first, count, &mut buffer), &x[first * inputs..]);
        }
    }
}
