//! The loops around every kernel: blocks of rows that stay in a cache, panels of outputs, and the
//! activation function for a group of them at a time.

use super::layout::{PANEL_COLUMNS, TILE_ROWS, panels};
use crate::encoder::cpu::kernels::activation;
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::spec::LinearSpec;
use std::ops::Range;

/// About how many bytes of packed activations to work on at a time: they stay in a second-level
/// cache while the weights stream past, and the scratch memory does not grow with the batch.
const BLOCK_BYTES: usize = 192 << 10;

/// How many rows to pack at a time, when a row takes `row_bytes`: a multiple of two tiles.
fn block_rows(row_bytes: usize) -> usize {
    // Each block reads all weights again: 64 rows keep that below half a byte a nanosecond (32, where rows have
    // 3072 inputs: 128 tokens took 2 to 7 % longer), and are what `strassen` needs.
    (BLOCK_BYTES / row_bytes.max(1)).clamp(64, 512).next_multiple_of(2 * TILE_ROWS)
}

/// Panels between two passes of the activation function: 128 columns of up to 128 rows are 64 KiB.
const PANELS_PER_GROUP: usize = 16;

/// Rows on their way through a `Linear`: `x` is `[count, inputs]`, `out` is `[count, outputs]`.
pub(super) struct LinearIo<'a> {
    pub(super) x: &'a [f32],
    pub(super) count: usize,
    pub(super) out: &'a mut [f32],
}

impl LinearIo<'_> {
    /// `pack(x, rows, scratch)` makes a block of rows into what the kernel reads, `row_bytes` each;
    /// `compute(panels, rows, scratch, out)` computes the outputs of some panels of all of them.
    #[inline(always)]
    pub(super) fn for_each_group(
        self,
        spec: &LinearSpec,
        row_bytes: usize,
        scratch: &mut Scratch,
        pack: impl Fn(&[f32], usize, &mut Scratch),
        compute: impl Fn(Range<usize>, usize, &mut Scratch, &mut [f32]),
    ) {
        let LinearSpec { inputs, outputs, activation } = *spec;
        let block = block_rows(row_bytes);
        for first in (0..self.count).step_by(block) {
            let count = block.min(self.count - first);
            let out = &mut self.out[first * outputs..][..count * outputs];
            pack(&self.x[first * inputs..][..count * inputs], count, scratch);
            for group in panels(outputs).step_by(PANELS_PER_GROUP) {
                let group = group..(group + PANELS_PER_GROUP).min(panels(outputs).end);
                compute(group.clone(), count, scratch, out);
                // While this part of the rows is still near.
                let columns = group.start * PANEL_COLUMNS..(group.end * PANEL_COLUMNS).min(outputs);
                for row in out.chunks_exact_mut(outputs) {
                    activation::apply(activation, &mut row[columns.clone()]);
                }
            }
        }
    }
}
