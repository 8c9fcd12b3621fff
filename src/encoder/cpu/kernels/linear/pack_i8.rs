//! Packs int8 weights from the order of a file into the panels of a kernel, chunk by chunk. The bytes of a
//! file can be freed as soon as they are put, so the peak of memory is the packed weights and one chunk.

use super::epilogue::Epilogue;
use super::i8::LinearI8;
use super::i8_relaxed::{LinearI8Relaxed, WeightBlocks};
use super::kernel::Kernel;
use super::layout::{AlignedI8x16, PANEL_COLUMNS, panel_count};
use super::packed_linear::Linear;
use super::weight_runs::for_each_run;
use crate::encoder::quantize::int8::{inverse_of, quantize_i8};
use crate::encoder::reserve;
use crate::encoder::spec::{LinearSpec, WeightOrder};
use crate::error::Result;

/// A `Linear` with int8 weights, while its weights arrive.
///
/// Layout: for each panel, for each unit of inputs, for each output, the weights of the unit. A unit is a
/// pair of inputs for the exact kernel and a quad for the relaxed kernels. The padding of the last panel and
/// of the last unit is 0.
#[derive(Debug)]
pub struct PackI8 {
    pub(super) spec: LinearSpec,
    kernel: Kernel,
    weights: Vec<AlignedI8x16>,
    /// Zero points, padded to whole panels, or empty if all are 0.
    zero: Vec<i32>,
    /// For the relaxed kernels.
    blocks: Option<WeightBlocks>,
    epilogue: Epilogue,
}

impl PackI8 {
    /// Reserves the memory for all weights. They are 0 until they are put. `scales` is `[outputs]`, `bias` is
    /// `[outputs]` or empty.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    ///
    /// # Panics
    /// If `scales` or `bias` has another length.
    pub fn new(spec: LinearSpec, kernel: Kernel, scales: Vec<f32>, bias: Vec<f32>) -> Result<Self> {
        let LinearSpec { inputs, outputs, .. } = spec;
        assert_eq!(scales.len(), outputs, "scales is [outputs]");
        assert!(bias.is_empty() || bias.len() == outputs, "bias is [outputs] or empty");
        let what = format_args!("packed weights of {inputs} × {outputs}");
        let panel_bytes = inputs.div_ceil(unit(kernel)).saturating_mul(unit(kernel) * PANEL_COLUMNS);
        let len = panel_count(outputs).saturating_mul(panel_bytes / 16);
        Ok(Self {
            spec,
            kernel,
            weights: reserve::try_filled(len, AlignedI8x16::ZERO, what)?,
            zero: Vec::new(),
            blocks: if kernel.is_relaxed() { Some(WeightBlocks::reserve(&spec)?) } else { None },
            epilogue: Epilogue::new(&spec, scales, bias)?,
        })
    }

    /// Does what [`PackI8::new`] does for weights with zero points, `[outputs]`: `w = scale · (q − zero)`.
    /// They run the exact kernel unless all of them are 0.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    ///
    /// # Panics
    /// If `zero` has another length, or a value beyond ±255.
    pub fn with_zero_points(
        spec: LinearSpec,
        kernel: Kernel,
        scales: Vec<f32>,
        mut zero: Vec<i32>,
        bias: Vec<f32>,
    ) -> Result<Self> {
        assert_eq!(zero.len(), spec.outputs, "zero is [outputs]");
        assert!(zero.iter().all(|z| z.abs() <= 255), "zero points are within ±255");
        if zero.iter().all(|z| *z == 0) {
            return Self::new(spec, kernel, scales, bias);
        }
        let padded = panel_count(spec.outputs) * PANEL_COLUMNS;
        reserve::try_extend(&mut zero, padded, 0, format_args!("{} zero points", spec.outputs))?;
        Ok(Self { zero, ..Self::new(spec, Kernel::Exact, scales, bias)? })
    }

    /// Returns the number of units of inputs. The weights of two units fill whole vectors of 16 bytes.
    fn units(&self) -> usize {
        self.spec.inputs.div_ceil(unit(self.kernel))
    }

    /// Puts `values`, which start at value `first` of the whole weight in `order`.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put_i8(&mut self, order: WeightOrder, first: usize, values: &[i8]) {
        let whole = self.spec.inputs * self.spec.outputs;
        if first == 0 && values.len() == whole && whole > 0 {
            if unit(self.kernel) == 2 {
                self.put_whole::<2>(order, values);
            } else {
                self.put_whole::<4>(order, values);
            }
            return;
        }
        let unit = unit(self.kernel);
        let panel_bytes = self.units() * unit * PANEL_COLUMNS;
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

    /// Puts a whole weight. This is four times as fast as putting single values, and saves a fifth of the
    /// time that loading a model takes.
    fn put_whole<const UNIT: usize>(&mut self, order: WeightOrder, values: &[i8]) {
        let LinearSpec { inputs, outputs, .. } = self.spec;
        let units = self.units();
        let panel_vectors = units * UNIT * PANEL_COLUMNS / 16;
        for (p, panel) in self.weights.chunks_exact_mut(panel_vectors).enumerate() {
            let columns = p * PANEL_COLUMNS..outputs.min((p + 1) * PANEL_COLUMNS);
            for unit in 0..units {
                // The weights of the unit, for each output of the panel.
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

    /// Quantizes `values` with the scales that [`PackI8::new`] took (see
    /// [`ColumnMax`](crate::encoder::quantize::int8::ColumnMax)) and puts them. `values` start at value
    /// `first` of the whole weight in `order`.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put_f32(
        &mut self,
        order: WeightOrder,
        first: usize,
        values: impl IntoIterator<Item = f32>,
    ) -> Result<()> {
        let scales = &self.epilogue.scales()[..self.spec.outputs];
        let mut inverse_scales = reserve::try_with_capacity(scales.len(), "the inverse scales of a weight")?;
        inverse_scales.extend(scales.iter().map(|scale| inverse_of(*scale)));
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
                *q = quantize_i8(value, inverse_scales[n]);
                len += 1;
            }
            if len == 0 {
                return Ok(());
            }
            self.put_i8(order, at, &chunk[..len]);
            at += len;
        }
    }

    /// Returns the `Linear`, after all weights were put.
    pub fn finish(self) -> Linear {
        let Self { spec, kernel, weights, zero, blocks, epilogue } = self;
        match blocks {
            Some(blocks) => Linear::I8Relaxed(LinearI8Relaxed::new(spec, kernel, weights, blocks, epilogue)),
            None => Linear::I8(LinearI8::new(spec, weights, zero, epilogue)),
        }
    }
}

/// Returns the inputs per unit of a kernel.
fn unit(kernel: Kernel) -> usize {
    if kernel.is_relaxed() { 4 } else { 2 }
}
