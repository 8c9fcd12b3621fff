//! The innermost product of the exact int8 kernels: a tile of rows by a panel, a step of the inputs.

use super::layout::AlignedI8x16;
use crate::encoder::cpu::kernels::simd::{I16x8, I32x4};

/// A pair of inputs of eight outputs, widened.
pub(super) type WidenedPair = [[i32; 4]; 2];
/// Of a tile's rows: the sums of eight outputs.
pub(super) type TileSums<const ROWS: usize> = [[[i32; 4]; 2]; ROWS];

/// A pair of inputs of eight outputs.
#[inline(always)]
pub(super) fn widen_pair(pair: &AlignedI8x16) -> [I16x8; 2] {
    let (halves, _) = pair.0.as_chunks();
    [0, 1].map(|v| I16x8::load_i8(&halves[v]))
}

/// `sums += acts · weights`, for a tile and a piece of the inputs. Not unrolled further, which V8 makes slower
/// (39 for 47 GMAC/s).
#[inline(always)]
pub(super) fn multiply_add<const ROWS: usize>(
    wide: &[WidenedPair],
    acts: &[[i32; ROWS]],
    totals: &mut TileSums<ROWS>,
) {
    let mut sums = totals.each_ref().map(|t| t.each_ref().map(I32x4::load));
    for (wide, acts) in wide.iter().zip(acts) {
        let weights = wide.each_ref().map(|w| I32x4::load(w).to_i16_pairs());
        for (sums, act) in sums.iter_mut().zip(acts) {
            let act = I32x4::splat(*act).to_i16_pairs();
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = sum.add(act.dot(weights));
            }
        }
    }
    for (sum, out) in sums.as_flattened().iter().zip(totals.as_flattened_mut()) {
        sum.store(out);
    }
}
