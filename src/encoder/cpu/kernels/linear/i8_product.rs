//! The innermost loop of the exact int8 kernels: one tile of rows times one panel, for a step of the inputs.
//!
//! `i32x4.dot_i16x8_s` multiplies eight `i16` by eight `i16` and adds neighbors. So inputs are taken in
//! pairs: an activation pair is one `i32`, copied to all lanes, and a weight pair is widened from int8 to
//! `i16`.

use super::layout::AlignedI8x16;
use crate::encoder::cpu::kernels::simd::{I16x8, I32x4};

/// One pair of inputs of eight outputs, widened to `i16`: two vectors.
pub(super) type WidenedPair = [[i32; 4]; 2];

/// Eight sums for each row of a tile.
pub(super) type TileSums<const ROWS: usize> = [[[i32; 4]; 2]; ROWS];

/// Widens one pair of inputs of eight outputs.
#[inline(always)]
pub(super) fn widen_pair(pair: &AlignedI8x16) -> [I16x8; 2] {
    let (halves, _) = pair.0.as_chunks();
    [0, 1].map(|v| I16x8::load_i8(&halves[v]))
}

/// Computes `totals += acts · wide` for one tile and one step of the inputs. V8 made the loop slower when it
/// was unrolled further: 39 instead of 47 GMAC/s.
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
