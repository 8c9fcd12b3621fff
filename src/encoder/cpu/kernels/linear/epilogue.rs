//! The epilogue: from the sums of a panel to outputs, but for the activation function.

use super::layout::{PANEL_COLUMNS, panel_count};
use crate::encoder::cpu::kernels::simd::{Floats, Job, Simd};
use crate::encoder::reserve;
use crate::encoder::spec::LinearSpec;
use crate::error::Result;
use std::ops::Range;

/// Scale and bias of each output, padded to whole panels.
#[derive(Debug)]
pub(super) struct Epilogue {
    outputs: usize,
    scales: Vec<f32>,
    bias: Vec<f32>,
}

impl Epilogue {
    /// Takes `scales` and `bias`, `[outputs]` each. Either may be empty: then all scales are 1, or all biases
    /// 0.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub(super) fn new(spec: &LinearSpec, mut scales: Vec<f32>, bias: Vec<f32>) -> Result<Self> {
        let padded = panel_count(spec.outputs).saturating_mul(PANEL_COLUMNS);
        if !scales.is_empty() {
            scales = pad(scales, padded)?;
        }
        Ok(Self { outputs: spec.outputs, scales, bias: pad(bias, padded)? })
    }

    /// Returns the scales, padded with zeros to whole panels.
    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Returns the bytes held.
    pub(super) fn bytes(&self) -> usize {
        4 * (self.scales.len() + self.bias.len())
    }

    /// Returns `sum · (output scale · row scale) + bias` for the outputs from output `at` of a panel on.
    #[inline(always)]
    pub(super) fn scaled<F: Floats>(&self, panel: usize, at: usize, sum: F, row_scale: F) -> F {
        let scales = &self.scales[panel * PANEL_COLUMNS..][..PANEL_COLUMNS];
        self.biased(panel, at, sum.mul(F::load(&scales[at..]).mul(row_scale)))
    }

    /// Returns `sum + bias` for the outputs from output `at` of a panel on.
    #[inline(always)]
    pub(super) fn biased<F: Floats>(&self, panel: usize, at: usize, sum: F) -> F {
        let bias = &self.bias[panel * PANEL_COLUMNS..][..PANEL_COLUMNS];
        sum.add(F::load(&bias[at..]))
    }
}

/// Stores the eight outputs of a panel in a row, without the padding of the last panel.
#[inline(always)]
pub(super) fn store_panel(row: &mut [f32], panel: usize, outputs: &[f32; PANEL_COLUMNS]) {
    let row = &mut row[panel * PANEL_COLUMNS..];
    match row.first_chunk_mut::<PANEL_COLUMNS>() {
        Some(eight) => *eight = *outputs,
        None => row.copy_from_slice(&outputs[..row.len()]),
    }
}

/// Stores the outputs of a pass, the first of `panels`.
pub(super) struct StoreSums<'a> {
    pub(super) epilogue: &'a Epilogue,
    pub(super) panels: Range<usize>,
    /// For each row, for each panel of the pass, eight sums.
    pub(super) sums: &'a [[f32; PANEL_COLUMNS]],
    /// `[rows, outputs]`.
    pub(super) out: &'a mut [f32],
    /// `[rows]`, or empty if the sums are not multiplied by a scale of their row.
    pub(super) row_scales: &'a [f32],
    /// True if the sums are multiplied by the scales of the outputs.
    pub(super) scaled: bool,
}

impl Job for StoreSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let Self { epilogue, panels, sums, out, row_scales, scaled } = self;
        let rows = sums.chunks_exact(S::PANELS).zip(out.chunks_exact_mut(epilogue.outputs));
        for (r, (sums, row)) in rows.enumerate() {
            let row_scale = S::F32::splat(row_scales.get(r).copied().unwrap_or(1.0));
            for (panel, sums) in panels.clone().zip(sums) {
                let mut outputs = [0.0; PANEL_COLUMNS];
                for at in (0..PANEL_COLUMNS).step_by(S::F32::LANES) {
                    let sum = S::F32::load(&sums[at..]);
                    let output = if scaled {
                        epilogue.scaled(panel, at, sum, row_scale)
                    } else {
                        epilogue.biased(panel, at, sum.mul(row_scale))
                    };
                    output.store(&mut outputs[at..]);
                }
                store_panel(row, panel, &outputs);
            }
        }
    }
}

/// Returns `values` followed by zeros up to `len` elements.
fn pad(mut values: Vec<f32>, len: usize) -> Result<Vec<f32>> {
    reserve::try_extend(&mut values, len, 0.0, "the scales or biases of a Linear")?;
    Ok(values)
}
