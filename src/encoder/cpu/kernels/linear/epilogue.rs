//! Outputs of a `Linear`: panels of eight columns, and what happens to each sum.

use super::layout::{PANEL_COLUMNS, panels};
use crate::encoder::cpu::kernels::simd::F32x4;
use crate::encoder::spec::LinearSpec;

/// Scale and bias of each column, padded to whole panels.
#[derive(Debug)]
pub(super) struct Epilogue {
    scales: Vec<f32>,
    bias: Vec<f32>,
}

impl Epilogue {
    /// `scales` and `bias` are `[outputs]` or empty: all 1, all 0.
    pub(super) fn new(spec: &LinearSpec, mut scales: Vec<f32>, mut bias: Vec<f32>) -> Self {
        let padded = panels(spec.outputs).end * PANEL_COLUMNS;
        if !scales.is_empty() {
            scales.resize(padded, 0.0);
        }
        if bias.is_empty() {
            bias = vec![0.0; padded];
        }
        bias.resize(padded, 0.0);
        Self { scales, bias }
    }

    pub(super) fn bytes(&self) -> usize {
        4 * (self.scales.len() + self.bias.len())
    }

    /// `sum · (column scale · row scale) + bias` for a panel's eight columns of one row.
    #[inline(always)]
    pub(super) fn store_scaled(&self, panel: usize, sums: [F32x4; 2], row_scale: F32x4, row: &mut [f32]) {
        let (scales, _) = self.scales[panel * PANEL_COLUMNS..][..PANEL_COLUMNS].as_chunks::<4>();
        let scaled = [0, 1].map(|v| sums[v].mul(F32x4::load(&scales[v]).mul(row_scale)));
        self.store(panel, scaled, row);
    }

    /// `sum + bias`.
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
