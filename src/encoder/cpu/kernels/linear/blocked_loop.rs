//! The loops around every kernel: strips of rows that stay in a cache, panels of outputs, and the activation
//! function after each group of panels.

use super::layout::{PANEL_COLUMNS, TILE_ROWS, panel_count};
use crate::encoder::cpu::kernels::activation;
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::cpu::kernels::simd::Simd;
use crate::encoder::spec::LinearSpec;
use std::ops::Range;

/// Bytes of packed activations per strip, approximately. A strip stays in the second-level cache while the
/// weights stream past, and the scratch memory does not grow with the batch.
const STRIP_BYTES: usize = 192 << 10;

/// Panels between two passes of the activation function: 128 columns of up to 128 rows are 64 KiB.
const PANELS_PER_GROUP: usize = 16;

/// Returns the rows per strip when a packed row takes `row_bytes`: a multiple of two tiles.
fn strip_rows(row_bytes: usize) -> usize {
    // All weights are read once per strip. The minimum of 64 rows is what `strassen` needs; with 32 rows, 128
    // tokens took 2 to 7 % longer where rows have 3072 inputs.
    (STRIP_BYTES / row_bytes.max(1)).clamp(64, 512).next_multiple_of(2 * TILE_ROWS)
}

/// Input and output of a `Linear`: `x` is `[count, inputs]`, `out` is `[count, outputs]`.
pub(super) struct LinearIo<'a> {
    pub(super) x: &'a [f32],
    pub(super) count: usize,
    pub(super) out: &'a mut [f32],
}

impl LinearIo<'_> {
    /// Runs a kernel over all rows and panels.
    ///
    /// - `pack(x, rows, scratch)` packs a strip of `rows` rows, `row_bytes` per row, into `scratch`.
    /// - `compute(panels, rows, scratch, out)` computes the outputs of the panels `panels` for all rows of
    ///   the strip.
    #[inline(always)]
    pub(super) fn for_each_group<S: Simd>(
        self,
        simd: S,
        spec: &LinearSpec,
        row_bytes: usize,
        scratch: &mut Scratch,
        pack: impl Fn(&[f32], usize, &mut Scratch),
        compute: impl Fn(Range<usize>, usize, &mut Scratch, &mut [f32]),
    ) {
        let LinearSpec { inputs, outputs, activation } = *spec;
        let strip = strip_rows(row_bytes);
        for first in (0..self.count).step_by(strip) {
            let count = strip.min(self.count - first);
            let out = &mut self.out[first * outputs..][..count * outputs];
            pack(&self.x[first * inputs..][..count * inputs], count, scratch);
            for group in (0..panel_count(outputs)).step_by(PANELS_PER_GROUP) {
                let group = group..(group + PANELS_PER_GROUP).min(panel_count(outputs));
                compute(group.clone(), count, scratch, out);
                // The outputs of the group are still in the cache.
                let columns = group.start * PANEL_COLUMNS..(group.end * PANEL_COLUMNS).min(outputs);
                for row in out.chunks_exact_mut(outputs) {
                    activation::apply_with(simd, activation, &mut row[columns.clone()]);
                }
            }
        }
    }
}
