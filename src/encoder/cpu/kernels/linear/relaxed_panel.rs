//! The loop over tiles that the relaxed kernels of both weight formats share, for either of the two
//! instructions.

use super::kernel::Kernel;
use super::layout::PANEL_COLUMNS;
use super::pack_activation_blocks::{BlockReader, Correction, QuantizedBlocks};
use super::tiles::{TileKernel, run_tiles};
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::cpu::kernels::simd::{Job, Simd};
use std::ops::Range;

/// The weights of the panels of a pass, with the kernel that multiplies them.
pub(super) trait RelaxedPass: Copy {
    /// Inputs per block of activations.
    const BLOCK: usize;

    /// The correction of a block of activations.
    const CORRECTION: Correction;

    /// Adds the products with tiles of `ROWS` rows to `totals`: for each row, for each panel, eight sums.
    /// `I32` selects `relaxed_dot_add` instead of `relaxed_dot`.
    fn multiply<S: Simd, const ROWS: usize, const I32: bool>(
        self,
        simd: S,
        acts: BlockReader<'_>,
        totals: &mut [[f32; PANEL_COLUMNS]],
    );
}

/// Returns the sums of `rows` rows, which lie packed in `scratch`: for each row, for each panel of the pass,
/// eight sums.
pub(super) fn multiply_pass<S: Simd, P: RelaxedPass>(
    simd: S,
    pass: P,
    kernel: Kernel,
    rows: usize,
    inputs: usize,
    scratch: &mut Scratch,
) -> &[[f32; PANEL_COLUMNS]] {
    let shape = (rows, S::PANELS);
    let (acts, totals) = QuantizedBlocks::of(scratch, shape, inputs, P::BLOCK, P::CORRECTION);
    if kernel == Kernel::RelaxedI32 || S::HAS_DOT_QUADS {
        run_tiles(rows, RelaxedTiles::<_, _, true> { simd, pass, acts, totals: &mut *totals });
    } else {
        run_tiles(rows, RelaxedTiles::<_, _, false> { simd, pass, acts, totals: &mut *totals });
    }
    totals
}

/// The product of a pass with rows of packed activations.
struct RelaxedTiles<'a, S, P, const I32: bool> {
    simd: S,
    pass: P,
    acts: QuantizedBlocks<'a>,
    totals: &'a mut [[f32; PANEL_COLUMNS]],
}

impl<S: Simd, P: RelaxedPass, const I32: bool> TileKernel for RelaxedTiles<'_, S, P, I32> {
    fn run<const ROWS: usize>(&mut self, part: Range<usize>) {
        let totals = &mut self.totals[part.start * S::PANELS..part.end * S::PANELS];
        let (pass, acts) = (self.pass, self.acts.part(part));
        self.simd.vectorize(Multiply::<_, ROWS, I32> { pass, acts, totals });
    }
}

/// See [`RelaxedPass::multiply`].
struct Multiply<'a, P, const ROWS: usize, const I32: bool> {
    pass: P,
    acts: BlockReader<'a>,
    totals: &'a mut [[f32; PANEL_COLUMNS]],
}

impl<P: RelaxedPass, const ROWS: usize, const I32: bool> Job for Multiply<'_, P, ROWS, I32> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.pass.multiply::<S, ROWS, I32>(simd, self.acts, self.totals);
    }
}
