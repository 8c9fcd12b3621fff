//! The innermost loop of the exact int8 kernels: one tile of rows times the panels of a pass, for a step of
//! the inputs.
//!
//! An instruction multiplies pairs of `i16` by pairs of `i16` and adds neighbors. So inputs are taken in
//! pairs: an activation pair is one `i32`, copied to all lanes, and a weight pair is widened from int8 to
//! `i16`.

use super::layout::AlignedI8x16;
use crate::encoder::cpu::kernels::simd::{MAX_PANELS, Simd, Sums, Wide16, load_two};

/// One pair of inputs of eight outputs, widened to `i16`.
pub(super) type WidenedPair = [i32; 8];

/// Widened pairs, aligned so that a vector load does not cross a cache line.
#[repr(C, align(64))]
pub(super) struct WidenedStep<const PAIRS: usize>([[WidenedPair; MAX_PANELS]; PAIRS]);

impl<const PAIRS: usize> WidenedStep<PAIRS> {
    pub(super) const ZERO: Self = Self([[[0; 8]; MAX_PANELS]; PAIRS]);

    /// Returns the pairs: for each pair of inputs, the pair of each panel of a pass.
    #[inline(always)]
    pub(super) fn pairs(&self) -> &[WidenedPair] {
        self.0.as_flattened()
    }

    /// Returns the pairs, to write them.
    #[inline(always)]
    pub(super) fn pairs_mut(&mut self) -> &mut [WidenedPair] {
        self.0.as_flattened_mut()
    }
}

/// Widens one pair of inputs of eight outputs.
#[inline(always)]
pub(super) fn widen_pair<S: Simd>(pair: &AlignedI8x16) -> S::I16 {
    S::I16::widen(&pair.0)
}

/// Computes `totals += acts · wide` for one tile and one step of the inputs. `totals` has `S::PANELS` times
/// eight sums per row. V8 made the loop slower when it was unrolled further: 39 instead of 47 GMAC/s.
#[inline(always)]
pub(super) fn multiply_add<S: Simd, const ROWS: usize>(
    simd: S,
    wide: &[WidenedPair],
    acts: &[[i32; ROWS]],
    totals: &mut [[i32; 8]],
) {
    let lanes = S::Sums::LANES;
    let totals = &mut totals.as_flattened_mut()[..ROWS * 2 * lanes];
    let mut sums = [[S::Sums::splat(0); 2]; ROWS];
    for r in 0..ROWS {
        for v in 0..2 {
            sums[r][v] = S::Sums::load(&totals[(2 * r + v) * lanes..]);
        }
    }
    for (wide, acts) in wide.chunks_exact(S::PANELS).zip(acts) {
        let weights: [S::Sums; 2] = load_two(wide.as_flattened());
        for r in 0..ROWS {
            let act = S::Sums::splat(acts[r]);
            for v in 0..2 {
                sums[r][v] = simd.dot_pairs(sums[r][v], act, weights[v]);
            }
        }
    }
    for r in 0..ROWS {
        for v in 0..2 {
            sums[r][v].store(&mut totals[(2 * r + v) * lanes..]);
        }
    }
}
