//! int8 weights from a file's order into a kernel's panels, a chunk at a time: a shard's bytes
//! can go as soon as they are put, so the peak is the packed weights and one chunk.

use super::i8::LinearI8;
use super::i8_relaxed::LinearI8Relaxed;
use super::kernel::Kernel;
use super::layout::{AlignedI8x16, PANEL_COLUMNS, panels};
use super::packed_linear::Linear;
use super::weight_runs::for_each_run;
use crate::encoder::spec::{LinearSpec, WeightOrder};

/// A `Linear` with int8 weights while its weights arrive.
///
/// Panels of eight outputs, one after the other; in a panel, for each `unit` of inputs (2 for
/// the exact kernel, 4 for the relaxed ones), for each output, the unit's weights. Outputs and
/// inputs that fill up the last panel and unit are zero.
#[derive(Debug)]
pub struct PackI8 {
    pub(super) spec: LinearSpec,
    kernel: Kernel,
    weights: Vec<AlignedI8x16>,
    scales: Vec<f32>,
    bias: Vec<f32>,
    zero: Vec<i32>,
}

impl PackI8 {
    /// No weight is there yet: all are zero. `scales` is `[outputs]`; `bias` is too, or empty.
    ///
    /// # Panics
    /// If `scales` or `bias` has another length.
    pub fn new(spec: LinearSpec, kernel: Kernel, scales: Vec<f32>, bias: Vec<f32>) -> Self {
        assert_eq!(scales.len(), spec.outputs, "a scale an output");
        assert!(bias.is_empty() || bias.len() == spec.outputs, "a bias an output");
        let mut pack = Self { spec, kernel, weights: Vec::new(), scales, bias, zero: Vec::new() };
        pack.weights = vec![
            AlignedI8x16::ZERO;
            panels(spec.outputs).end * pack.units() * pack.unit() * PANEL_COLUMNS / 16
        ];
        pack
    }

    /// The same for weights with zero points, `[outputs]`: `W = scale · (q − zero)`. They run the
    /// exact kernel in every build; where all are 0, any.
    ///
    /// # Panics
    /// If `zero` has another length, or a value beyond ±255.
    pub fn with_zero_points(
        spec: LinearSpec,
        kernel: Kernel,
        scales: Vec<f32>,
        zero: Vec<i32>,
        bias: Vec<f32>,
    ) -> Self {
        assert_eq!(zero.len(), spec.outputs, "a zero point an output");
        assert!(zero.iter().all(|z| z.abs() <= 255), "a zero point is a byte");
        if zero.iter().all(|z| *z == 0) {
            return Self::new(spec, kernel, scales, bias);
        }
        Self { zero, ..Self::new(spec, Kernel::Exact, scales, bias) }
    }

    fn unit(&self) -> usize {
        if self.kernel.is_relaxed() { 4 } else { 2 }
    }

    /// Units of a panel: an even number of bytes, so of vectors.
    fn units(&self) -> usize {
        self.spec.inputs.div_ceil(self.unit())
    }

    /// Puts `values`, which begin at value `first` of the whole weight in `order`.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put_i8(&mut self, order: WeightOrder, first: usize, values: &[i8]) {
        let whole = self.spec.inputs * self.spec.outputs;
        if first == 0 && values.len() == whole && whole > 0 {
            if self.unit() == 2 {
                self.put_whole::<2>(order, values);
            } else {
                self.put_whole::<4>(order, values);
            }
            return;
        }
        let (unit, panel_bytes) = (self.unit(), self.units() * self.unit() * PANEL_COLUMNS);
        let at = |n: usize, k: usize| {
            n / PANEL_COLUMNS * panel_bytes
                + k / unit * unit * PANEL_COLUMNS
                + n % PANEL_COLUMNS * unit
                + k % unit
        };
        for_each_run(&self.spec, order, first, values.len(), |n, k, run| {
            let values = &values[run];
            match order {
                WeightOrder::OutIn => {
                    for (i, value) in values.iter().enumerate() {
                        let at = at(n, k + i);
                        self.weights[at / 16].0[at % 16] = *value;
                    }
                }
                WeightOrder::InOut => {
                    for (i, value) in values.iter().enumerate() {
                        let at = at(n + i, k);
                        self.weights[at / 16].0[at % 16] = *value;
                    }
                }
            }
        });
    }

    /// A whole weight at once: four times as fast as by single values, a fifth of the time to load a
    /// model.
    fn put_whole<const UNIT: usize>(&mut self, order: WeightOrder, values: &[i8]) {
        let LinearSpec { inputs, outputs, .. } = self.spec;
        let units = self.units();
        let panel_vectors = units * UNIT * PANEL_COLUMNS / 16;
        for (p, panel) in self.weights.chunks_exact_mut(panel_vectors).enumerate() {
            let columns = p * PANEL_COLUMNS..outputs.min((p + 1) * PANEL_COLUMNS);
            for unit in 0..units {
                // The unit's inputs of the panel's outputs, as rows of one or the other.
                let mut block = [[0i8; UNIT]; PANEL_COLUMNS];
                let rows = unit * UNIT..inputs.min((unit + 1) * UNIT);
                match order {
                    WeightOrder::InOut => {
                        for (k, row) in rows.enumerate() {
                            let row = &values[row * outputs..][columns.clone()];
                            if let Some(row) = row.first_chunk::<PANEL_COLUMNS>() {
                                block.iter_mut().zip(row).for_each(|(to, from)| to[k] = *from);
                            } else {
                                block.iter_mut().zip(row).for_each(|(to, from)| to[k] = *from);
                            }
                        }
                    }
                    WeightOrder::OutIn => {
                        for (to, column) in block.iter_mut().zip(columns.clone()) {
                            let row = &values[column * inputs..][rows.clone()];
                            to[..row.len()].copy_from_slice(row);
                        }
                    }
                }
                let to = &mut panel[unit * UNIT * PANEL_COLUMNS / 16..][..UNIT * PANEL_COLUMNS / 16];
                for (to, from) in to.iter_mut().zip(block.as_flattened().as_chunks::<16>().0) {
                    to.0 = *from;
                }
            }
        }
    }

    /// Quantises `values` with the scales given before (see
    /// [`ColumnMax`](super::quantize::ColumnMax)) and puts them. `values` begin at value `first`
    /// of the whole weight in `order`.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put_f32(&mut self, order: WeightOrder, first: usize, values: impl IntoIterator<Item = f32>) {
        let steps: Vec<f32> = self.scales.iter().map(|s| if *s > 0.0 { 1.0 / s } else { 0.0 }).collect();
        let LinearSpec { inputs, outputs, .. } = self.spec;
        let mut values = values.into_iter();
        let mut at = first;
        loop {
            let mut chunk = [0i8; 256];
            let mut len = 0;
            for (q, value) in chunk.iter_mut().zip(&mut values) {
                let n = match order {
                    WeightOrder::OutIn => (at + len) / inputs,
                    WeightOrder::InOut => (at + len) % outputs,
                };
                *q = (value * steps[n]).round_ties_even().clamp(-127.0, 127.0) as i8;
                len += 1;
            }
            if len == 0 {
                return;
            }
            self.put_i8(order, at, &chunk[..len]);
            at += len;
        }
    }

    /// The `Linear`, when all weights are put.
    pub fn finish(self) -> Linear {
        let Self { spec, kernel, weights, scales, bias, zero } = self;
        if kernel.is_relaxed() {
            Linear::I8Relaxed(LinearI8Relaxed::new(spec, kernel, weights, scales, bias))
        } else {
            Linear::I8(LinearI8::new(spec, weights, scales, zero, bias))
        }
    }
}
