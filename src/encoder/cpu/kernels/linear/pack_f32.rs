//! Packs f32 weights from the order of a file into panels, chunk by chunk.

use super::epilogue::Epilogue;
use super::f32::LinearF32;
use super::kernel::Kernel;
use super::layout::{PANEL_COLUMNS, PanelRow, panel_count};
use super::packed_linear::Linear;
use super::weight_runs::for_each_run;
use crate::encoder::reserve;
use crate::encoder::spec::{LinearSpec, WeightOrder};
use crate::error::Result;

/// A `Linear` with f32 weights, while its weights arrive.
#[derive(Debug)]
pub struct PackF32 {
    spec: LinearSpec,
    kernel: Kernel,
    weights: Vec<PanelRow>,
    epilogue: Epilogue,
}

impl PackF32 {
    /// Reserves the memory for all weights. They are 0 until they are put. `bias` is `[outputs]` or empty.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    ///
    /// # Panics
    /// If `bias` has another length.
    pub fn new(spec: LinearSpec, kernel: Kernel, bias: Vec<f32>) -> Result<Self> {
        assert!(bias.is_empty() || bias.len() == spec.outputs, "bias is [outputs] or empty");
        let LinearSpec { inputs, outputs, .. } = spec;
        let what = format_args!("packed weights of {inputs} × {outputs}");
        let len = panel_count(outputs).saturating_mul(inputs);
        let weights = reserve::try_filled(len, PanelRow::ZERO, what)?;
        Ok(Self { spec, kernel, weights, epilogue: Epilogue::new(&spec, Vec::new(), bias)? })
    }

    /// Puts `values`, which start at value `first` of the whole weight in `order`.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put(&mut self, order: WeightOrder, first: usize, values: &[f32]) {
        let (weights, inputs) = (&mut self.weights, self.spec.inputs);
        for_each_run(&self.spec, order, first, values.len(), |n, k, run| {
            for (i, value) in values[run].iter().enumerate() {
                let (n, k) = match order {
                    WeightOrder::OutIn => (n, k + i),
                    WeightOrder::InOut => (n + i, k),
                };
                weights[n / PANEL_COLUMNS * inputs + k].0[n % PANEL_COLUMNS] = *value;
            }
        });
    }

    /// Returns the `Linear`, after all weights were put.
    pub fn finish(self) -> Linear {
        let Self { spec, kernel, weights, epilogue } = self;
        Linear::F32(LinearF32::new(spec, kernel, weights, epilogue))
    }
}
