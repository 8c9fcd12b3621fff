//! The epilogue: from the sums of a panel to outputs, but for the activation function.

use super::layout::{PANEL_COLUMNS, panel_count};
use crate::encoder::cpu::kernels::simd::F32x4;
use crate::encoder::reserve;
use crate::encoder::spec::LinearSpec;
use crate::error::Result;

/// Scale and bias of each output, padded to whole panels.
#[derive(Debug)]
pub(super) struct Epilogue {
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
        Ok(Self { scales, bias: pad(bias, padded)? })
    }

    /// Returns the scales, padded with zeros to whole panels.
    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Returns the bytes held.
    pub(super) fn bytes(&self) -> usize {
        4 * (self.scales.len() + self.bias.len())
    }

    /// Stores `sum · (output scale · row scale) + bias` for the eight outputs of a panel of one row.
    #[inline(always)]
    pub(super) fn store_scaled(&self, panel: usize, sums: [F32x4; 2], row_scale: F32x4, row: &mut [f32]) {
        let (scales, _) = self.scales[panel * PANEL_COLUMNS..][..PANEL_COLUMNS].as_chunks::<4>();
        let scaled = [0, 1].map(|v| sums[v].mul(F32x4::load(&scales[v]).mul(row_scale)));
        self.store(panel, scaled, row);
    }

    /// Stores `sum + bias`.
    #[inline(always)]
    pub(super) fn store(&self, panel: usize, sums: [F32x4; 2], row: &mut [f32]) {
        let (bias, _) = self.bias[panel * PANEL_COLUMNS..][..PANEL_COLUMNS].as_chunks::<4>();
        let row = &mut row[panel * PANEL_COLUMNS..];
        for (v, sum) in sums.into_iter().enumerate() {
            let sum = sum.add(F32x4::load(&bias[v]));
            match row.get_mut(4 * v..4 * v + 4).and_then(|r| r.first_chunk_mut::<4>()) {
                Some(four) => sum.store(four),
                None => {
                    let from = (4 * v).min(row.len());
                    sum.store_part(&mut row[from..]);
                }
            }
        }
    }
}

/// Returns `values` followed by zeros up to `len` elements.
fn pad(mut values: Vec<f32>, len: usize) -> Result<Vec<f32>> {
    reserve::try_extend(&mut values, len, 0.0, "the scales or biases of a Linear")?;
    Ok(values)
}
