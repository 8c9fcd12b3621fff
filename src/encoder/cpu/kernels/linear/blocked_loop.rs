//! The loops around every kernel: blocks of rows that stay in a cache, panels of outputs, and the
//! activation function for a group of them at a time.

use super::epilogue::{COLUMNS, panels};
use super::pack_activations::block_rows;
use crate::encoder::cpu::kernels::activation;
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::reference::linear::LinearSpec;
use std::ops::Range;

/// Panels between two passes of the activation function: 128 columns of up to 128 rows are 64 KiB.
const GROUP: usize = 16;

/// Rows on their way through a `Linear`: `x` is `[count, inputs]`, `out` is `[count, outputs]`.
pub(super) struct Rows<'a> {
    pub(super) x: &'a [f32],
    pub(super) count: usize,
    pub(super) out: &'a mut [f32],
}

impl Rows<'_> {
    /// `pack(x, rows, scratch)` makes a block of rows into what the kernel reads, `row_bytes` each;
    /// `compute(panels, rows, scratch, out)` computes the outputs of some panels of all of them.
    #[inline(always)]
    pub(super) fn drive(
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
            for group in panels(outputs).step_by(GROUP) {
                let group = group..(group + GROUP).min(panels(outputs).end);
                compute(group.clone(), count, scratch, out);
                // While this part of the rows is still near.
                let columns = group.start * COLUMNS..(group.end * COLUMNS).min(outputs);
                for row in out.chunks_exact_mut(outputs) {
                    activation::apply(activation, &mut row[columns.clone()]);
                }
            }
        }
    }
}
