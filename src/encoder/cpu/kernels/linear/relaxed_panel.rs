//! What the relaxed kernels of both weight formats share: which of the two instructions, and the tiles.

use super::kernel::Kernel;
use super::pack_activation_blocks::{BlockReader, QuantizedBlocks};
use super::tiles::{TileKernel, run_tiles};
use crate::encoder::cpu::kernels::scratch::Scratch;
use std::ops::Range;

/// PanelRow outputs' weights, with the kernel that multiplies them.
pub(super) trait RelaxedPanel: Copy {
    /// Inputs of a block of quantised activations.
    const BLOCK: usize;

    /// Adds the products with tiles of `ROWS` rows to their totals.
    fn multiply<const ROWS: usize, const I32: bool>(
        self,
        acts: BlockReader<'_>,
        totals: &mut [[[[f32; 4]; 2]; ROWS]],
    );
}

/// The totals of eight outputs of `rows` rows, which lie quantised in `scratch`.
pub(super) fn multiply_panel<P: RelaxedPanel>(
    panel: P,
    kernel: Kernel,
    rows: usize,
    inputs: usize,
    scratch: &mut Scratch,
) -> &[[[f32; 4]; 2]] {
    let (acts, totals) = QuantizedBlocks::of(scratch, rows, inputs, P::BLOCK);
    if kernel == Kernel::RelaxedI32 {
        run_tiles(rows, RelaxedTiles::<_, true> { panel, acts, totals: &mut *totals });
    } else {
        run_tiles(rows, RelaxedTiles::<_, false> { panel, acts, totals: &mut *totals });
    }
    totals
}

/// PanelRow outputs, and the rows that they are computed of.
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
