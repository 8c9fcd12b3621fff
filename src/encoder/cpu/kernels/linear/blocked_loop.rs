//! The loops around every kernel: blocks of rows that stay in a cache, panels of outputs, and the
//! activation function for a group of them at a time.

use super::epilogue::{PANEL_COLUMNS, panels};
use super::pack_activations::block_rows;
use crate::encoder::cpu::kernels::activation;
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::spec::LinearSpec;
use std::ops::Range;

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
