//! The loop over tiles that the relaxed kernels of both weight formats share, for either of the two
//! instructions.

use super::kernel::Kernel;
use super::pack_activation_blocks::{BlockReader, Correction, QuantizedBlocks};
use super::tiles::{TileKernel, run_tiles};
use crate::encoder::cpu::kernels::scratch::Scratch;
use std::ops::Range;

/// The weights of one panel, with the kernel that multiplies them.
pub(super) trait RelaxedPanel: Copy {
    /// Inputs per block of activations.
    const BLOCK: usize;

    /// The correction of a block of activations.
    const CORRECTION: Correction;

    /// Adds the products with tiles of `ROWS` rows to `totals`. `I32` selects `relaxed_dot_add` instead of
    /// `relaxed_dot`.
    fn multiply<const ROWS: usize, const I32: bool>(
        self,
        acts: BlockReader<'_>,
        totals: &mut [[[[f32; 4]; 2]; ROWS]],
    );
}

/// Returns the sums of the eight outputs of a panel for `rows` rows, which lie packed in `scratch`.
pub(super) fn multiply_panel<P: RelaxedPanel>(
    panel: P,
    kernel: Kernel,
    rows: usize,
    inputs: usize,
    scratch: &mut Scratch,
) -> &[[[f32; 4]; 2]] {
    let (acts, totals) = QuantizedBlocks::of(scratch, rows, inputs, P::BLOCK, P::CORRECTION);
    if kernel == Kernel::RelaxedI32 {
        run_tiles(rows, RelaxedTiles::<_, true> { panel, acts, totals: &mut *totals });
    } else {
        run_tiles(rows, RelaxedTiles::<_, false> { panel, acts, totals: &mut *totals });
    }
    totals
}

/// The product of one panel with rows of packed activations.
struct RelaxedTiles<'a, P, const I32: bool> {
    panel: P,
    acts: QuantizedBlocks<'a>,
    totals: &'a mut [[[f32; 4]; 2]],
}

impl<P: RelaxedPanel, const I32: bool> TileKernel for RelaxedTiles<'_, P, I32> {
    fn run<const ROWS: usize>(&mut self, part: Range<usize>) {
        let totals = self.totals[part.clone()].as_chunks_mut().0;
        self.panel.multiply::<ROWS, I32>(self.acts.part(part), totals);
    }
}
