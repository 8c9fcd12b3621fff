//! f32 weights from a file's order into panels, a chunk at a time.

use super::f32::LinearF32;
use super::kernel::Kernel;
use super::layout::{PANEL_COLUMNS, PanelRow, panels};
use super::packed_linear::Linear;
use super::weight_runs::for_each_run;
use crate::encoder::spec::{LinearSpec, WeightOrder};

/// A `Linear` with f32 weights while its weights arrive.
#[derive(Debug)]
pub struct PackF32 {
    spec: LinearSpec,
    kernel: Kernel,
    weights: Vec<PanelRow>,
    bias: Vec<f32>,
}

impl PackF32 {
    /// No weight is there yet: all are zero. `bias` is `[outputs]` or empty.
    ///
    /// # Panics
    /// If `bias` has another length.
    pub fn new(spec: LinearSpec, kernel: Kernel, bias: Vec<f32>) -> Self {
        assert!(bias.is_empty() || bias.len() == spec.outputs, "a bias an output");
        Self { spec, kernel, weights: vec![PanelRow::ZERO; panels(spec.outputs).end * spec.inputs], bias }
    }

    /// Puts `values`, which begin at value `first` of the whole weight in `order`.
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

    /// The `Linear`, when all weights are put.
    pub fn finish(self) -> Linear {
        let Self { spec, kernel, weights, bias } = self;
        Linear::F32(LinearF32::new(spec, kernel, weights, bias))
    }
}
