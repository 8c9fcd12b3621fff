//! The weights of an op in the layout of its shader.
//!
//! Rows of matrices and of activations are padded with zeros to whole quads of 4 numbers, so that shaders read vectors.
//! A padded output is 0 because its weights, its bias and its scale are.

use std::collections::BTreeMap;

use half::f16;

use super::buffer::GpuBuffer;
use super::device::GpuDevice;
use super::shaders::WeightFormat;
use crate::encoder::embedding_rows::{EmbeddingRows, word_rows};
use crate::encoder::plan::decode::{Int8Weights, floats, int4, int8, order};
use crate::encoder::plan::{EmbedOp, LinearOp, NormWeights, WeightStore};
use crate::encoder::quantize::equalize::multiply_inputs;
use crate::encoder::quantize::int4::{BLOCK_I4, u4_at};
use crate::encoder::reserve::{try_filled, try_with_capacity};
use crate::encoder::spec::{LinearSpec, PositionRule, WeightOrder, activation_max};
use crate::error::{Result, fail};

/// Returns a width as quads.
pub(super) fn quads(width: usize) -> usize {
    width.div_ceil(4)
}

/// The weights of a `Linear` on the GPU.
pub(super) struct GpuLinear {
    pub(super) spec: LinearSpec,
    pub(super) format: WeightFormat,
    /// `[outputs, inputs]`, both padded to quads.
    pub(super) weight: GpuBuffer,
    /// Scales, zero points and biases, `[3, outputs]`.
    pub(super) vectors: GpuBuffer,
    pub(super) factors: Option<GpuBuffer>,
    /// The numbers of `factors`, and of `sums`.
    pub(super) values: [Vec<f32>; 2],
    /// Scales and zero points of 4-bit blocks.
    pub(super) blocks: Option<GpuBuffer>,
    /// The sums of the weight's columns times the input factors, and the sum of the bias, if products are checked.
    pub(super) sums: Option<(GpuBuffer, f32)>,
    /// The largest magnitude of quantized inputs, if the product is computed in integers.
    pub(super) exact_max: Option<u32>,
    /// True if the product may be computed of inputs of 8 bits in blocks.
    pub(super) has_blocks: bool,
    pub(super) bytes: usize,
}

/// The products of int8 weights that are computed in integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Integers {
    None,
    /// Rows of 13 bits, with the sums of the CPU's exact kernel.
    Exact,
    /// Rows of 8 bits in blocks, if the device prefers them. Not of weights with zero points.
    Blocks,
}

/// The numbers of a `Linear` before they are uploaded. `weight` is in the stored order.
pub(super) struct LinearNumbers {
    pub(super) spec: LinearSpec,
    pub(super) weight: Stored,
    /// `[outputs]`, or empty for zeros.
    pub(super) bias: Vec<f32>,
    /// `[inputs]`, or empty for ones.
    pub(super) factors: Vec<f32>,
}

/// The weight of a `Linear`.
pub(super) enum Stored {
    Floats { values: Vec<f32>, order: WeightOrder, as_halves: bool },
    Bytes { weights: Int8Weights, order: WeightOrder },
    HalfBytes { q: Vec<u8>, scale: Vec<f32>, zero: Vec<u8> },
}

impl LinearNumbers {
    /// Takes the weights of an op out of the store. Floats become half floats if `as_halves` is set and all of them
    /// are in the range of half floats.
    ///
    /// # Errors
    /// `INVALID_MODEL` for a weight that is not finite, `OUT_OF_MEMORY`.
    pub(super) fn take(store: &mut WeightStore, op: &LinearOp, as_halves: bool) -> Result<Self> {
        let spec = op.spec;
        let vector = |vector: Option<&_>, len| vector.map_or(Ok(Vec::new()), |v| store.vector(v, len));
        let bias = vector(op.bias.as_ref(), spec.outputs)?;
        let mut factors = vector(op.input_factors.as_ref(), spec.inputs)?;
        if bias.iter().chain(&factors).any(|x| !x.is_finite()) {
            fail!(InvalidModel, "a bias or an input factor is not finite: the weight file is damaged");
        }
        let order = order(&op.weight);
        let weight = if let Some(weights) = int8(store, &op.weight)? {
            Stored::Bytes { weights, order }
        } else if let Some(weights) = int4(store, &op.weight)? {
            Stored::HalfBytes { q: weights.q, scale: weights.scale, zero: weights.zero }
        } else {
            let mut values = floats(store, &op.weight)?;
            multiply_inputs(&spec, order, &mut values, &factors);
            factors.clear();
            let is_in_range = values.iter().all(|x| x.abs() <= f16::MAX.to_f32());
            Stored::Floats { values, order, as_halves: as_halves && is_in_range }
        };
        Ok(Self { spec, weight, bias, factors })
    }

    /// Uploads the numbers.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`, and those of [`GpuDevice::buffer`].
    pub(super) fn upload(self, gpu: &GpuDevice, integers: Integers) -> Result<GpuLinear> {
        let (mut sum_values, bias_sum) = (Vec::new(), self.bias.iter().sum());
        if gpu.checks_products() {
            sum_values = self.column_sums();
        }
        let Self { spec, weight, bias, factors } = self;
        let (rows, outputs) = (quads(spec.outputs) * 4, spec.outputs);
        let mut vectors = try_filled(3 * rows, 0.0f32, "the scales of a weight")?;
        vectors[2 * rows..][..bias.len()].copy_from_slice(&bias);
        let mut blocks = None;
        let (mut exact_max, mut has_blocks) = (None, false);
        let (format, buffer) = match weight {
            Stored::Floats { values, order, as_halves } => {
                vectors[..outputs].fill(1.0);
                let values = padded(&spec, order, values)?;
                if as_halves {
                    let mut halves = try_with_capacity(values.len(), "a weight as half floats")?;
                    halves.extend(values.iter().map(|x| f16::from_f32(*x).to_bits()));
                    (WeightFormat::F16, gpu.filled("a weight", &halves)?)
                } else {
                    (WeightFormat::F32, gpu.filled("a weight", &values)?)
                }
            }
            Stored::Bytes { weights: Int8Weights { q, scale, zero }, order } => {
                vectors[..outputs].copy_from_slice(&scale);
                vectors[rows..].iter_mut().zip(&zero).for_each(|(x, zero)| *x = *zero as f32);
                match integers {
                    Integers::Exact if gpu.has_packed_dot() => {
                        let zero_max =
                            zero.iter().map(|zero| zero.unsigned_abs() as usize).max().unwrap_or(0);
                        exact_max = Some(activation_max(spec.inputs, 128 + zero_max).cast_unsigned());
                    }
                    integers => has_blocks = integers == Integers::Blocks && zero.is_empty(),
                }
                (WeightFormat::I8, gpu.filled("a weight", &padded(&spec, order, q)?)?)
            }
            Stored::HalfBytes { mut q, scale, zero } => {
                vectors[..outputs].fill(1.0);
                let per_output = scale.len() / outputs.max(1);
                q.resize(rows * per_output * 16, 0);
                let mut pairs = try_filled(rows * per_output, [0.0f32; 2], "the scales of a weight")?;
                let both = scale.iter().zip(&zero).map(|(scale, zero)| [*scale, f32::from(*zero)]);
                pairs.iter_mut().zip(both).for_each(|(pair, both)| *pair = both);
                blocks = Some(gpu.filled("the scales of a weight", &pairs)?);
                (WeightFormat::I4, gpu.filled("a weight", &q)?)
            }
        };
        let vectors = gpu.filled("the scales of a weight", &vectors)?;
        let values = [factors, sum_values];
        let (factors, sums) = upload_values(gpu, &values, bias_sum)?;
        let sizes = [Some(&buffer), Some(&vectors), factors.as_ref(), blocks.as_ref()];
        let bytes = sizes.into_iter().flatten().map(|buffer| buffer.size() as usize).sum();
        gpu.flush();
        Ok(GpuLinear {
            spec,
            format,
            weight: buffer,
            vectors,
            factors,
            values,
            blocks,
            sums,
            exact_max,
            has_blocks,
            bytes,
        })
    }
}

/// Input factors, and the sums of a weight with that of its bias. Both may be missing.
pub(super) type Values = (Option<GpuBuffer>, Option<(GpuBuffer, f32)>);

/// Uploads [`GpuLinear::values`].
pub(super) fn upload_values(
    gpu: &GpuDevice,
    [factors, sums]: &[Vec<f32>; 2],
    bias_sum: f32,
) -> Result<Values> {
    let filled = |label, values: &Vec<f32>| match values.is_empty() {
        true => Ok(None),
        false => gpu.filled(label, &padded_row(values.clone())).map(Some),
    };
    let sums = filled("sums of a weight", sums)?;
    Ok((filled("input factors", factors)?, sums.map(|sums| (sums, bias_sum))))
}

impl LinearNumbers {
    /// Returns the sums of the weight's columns times the input factors, `[inputs]`.
    fn column_sums(&self) -> Vec<f32> {
        let LinearSpec { inputs, outputs, .. } = self.spec;
        let place = |order: WeightOrder, n: usize, k: usize| match order {
            WeightOrder::OutIn => n * inputs + k,
            WeightOrder::InOut => k * outputs + n,
        };
        let weight = |n: usize, k: usize| match &self.weight {
            Stored::Floats { values, order, .. } => values[place(*order, n, k)],
            Stored::Bytes { weights: Int8Weights { q, scale, zero }, order } => {
                let zero = zero.get(n).copied().unwrap_or(0);
                (i32::from(q[place(*order, n, k)]) - zero) as f32 * scale[n]
            }
            Stored::HalfBytes { q, scale, zero } => {
                let block = n * inputs.div_ceil(BLOCK_I4) + k / BLOCK_I4;
                let q = u4_at(q, block * BLOCK_I4 + k % BLOCK_I4);
                (f32::from(q) - f32::from(zero[block])) * scale[block]
            }
        };
        let sum = |k: usize| {
            let sum: f64 = (0..outputs).map(|n| f64::from(weight(n, k))).sum();
            sum as f32 * self.factors.get(k).copied().unwrap_or(1.0)
        };
        (0..inputs).map(sum).collect()
    }
}

/// Returns a weight as `[outputs, inputs]`, both padded to quads.
fn padded<T: Copy + Default>(spec: &LinearSpec, order: WeightOrder, values: Vec<T>) -> Result<Vec<T>> {
    let LinearSpec { inputs, outputs, .. } = *spec;
    let (width, rows) = (quads(inputs) * 4, quads(outputs) * 4);
    if order == WeightOrder::OutIn && (width, rows) == (inputs, outputs) {
        return Ok(values);
    }
    let mut padded = try_filled(width * rows, T::default(), "a weight for the GPU")?;
    for (output, row) in padded.chunks_exact_mut(width).take(outputs).enumerate() {
        match order {
            WeightOrder::OutIn => row[..inputs].copy_from_slice(&values[output * inputs..][..inputs]),
            WeightOrder::InOut => {
                let column = values[output..].iter().step_by(outputs);
                row[..inputs].iter_mut().zip(column).for_each(|(x, value)| *x = *value);
            }
        }
    }
    Ok(padded)
}

/// Appends zeros up to a whole quad.
pub(super) fn padded_row(mut row: Vec<f32>) -> Vec<f32> {
    row.resize(quads(row.len()) * 4, 0.0);
    row
}

/// Returns rows of `width` numbers padded to whole quads.
pub(super) fn padded_rows<T: Copy + Default>(width: usize, rows: Vec<T>) -> Result<Vec<T>> {
    let to = quads(width) * 4;
    if to == width {
        return Ok(rows);
    }
    let mut padded = try_filled(rows.len() / width.max(1) * to, T::default(), "a table for the GPU")?;
    let into = padded.chunks_exact_mut(to);
    into.zip(rows.chunks_exact(width)).for_each(|(into, row)| into[..width].copy_from_slice(row));
    Ok(padded)
}

/// The weights of a LayerNorm on the GPU.
pub(super) struct GpuNorm {
    pub(super) width: usize,
    pub(super) eps: f32,
    /// Gamma, then beta, both padded to quads.
    pub(super) norm: GpuBuffer,
}

impl GpuNorm {
    /// Uploads the weights.
    ///
    /// # Errors
    /// `INVALID_MODEL` for a weight that is not finite, and those of [`GpuDevice::buffer`].
    pub(super) fn take(store: &WeightStore, norm: &NormWeights, gpu: &GpuDevice) -> Result<Self> {
        let (gamma, beta) = (store.vector(&norm.gamma, norm.width)?, store.vector(&norm.beta, norm.width)?);
        if gamma.iter().chain(&beta).any(|x| !x.is_finite()) {
            fail!(InvalidModel, "a LayerNorm weight is not finite: the weight file is damaged");
        }
        Self::upload(gamma, beta, norm.eps, gpu)
    }

    pub(super) fn upload(gamma: Vec<f32>, beta: Vec<f32>, eps: f32, gpu: &GpuDevice) -> Result<Self> {
        let width = gamma.len();
        let both = [padded_row(gamma), padded_row(beta)].concat();
        Ok(Self { width, eps, norm: gpu.filled("a LayerNorm", &both)? })
    }
}

/// The embeddings on the GPU.
pub(super) struct GpuEmbed {
    pub(super) format: WeightFormat,
    pub(super) words: GpuBuffer,
    pub(super) word_scales: Option<GpuBuffer>,
    /// The rows of token types, then those of positions.
    pub(super) tables: GpuBuffer,
    /// Rows of the table of token types: 0 if there is none.
    pub(super) type_rows: usize,
    pub(super) types_always_zero: bool,
    /// `None` if there is no table of positions.
    pub(super) positions: Option<PositionRule>,
    pub(super) norm: GpuNorm,
    pub(super) bytes: usize,
}

/// The numbers of an `Embed` before they are uploaded.
pub(super) struct EmbedNumbers {
    pub(super) width: usize,
    pub(super) words: EmbeddingRows,
    pub(super) token_types: Vec<f32>,
    pub(super) types_always_zero: bool,
    pub(super) positions: Option<(PositionRule, Vec<f32>)>,
}

impl EmbedNumbers {
    /// Takes the tables of an op out of the store. `quantize`: float word embeddings become int8 rows.
    ///
    /// # Errors
    /// `INVALID_MODEL` for a weight that is not finite, `OUT_OF_MEMORY`.
    pub(super) fn take(
        store: &mut WeightStore,
        op: &EmbedOp,
        quantize: bool,
        row_scales: &mut BTreeMap<usize, Vec<f32>>,
    ) -> Result<Self> {
        let width = op.norm.width;
        let words = word_rows(store, &op.word, quantize, row_scales)?;
        let mut token_types =
            op.token_type.as_ref().map_or(Ok(Vec::new()), |types| floats(store, &types.table))?;
        if let Some(constant) = &op.constant {
            let first = floats(store, constant)?;
            token_types.iter_mut().enumerate().for_each(|(i, x)| *x += first[i % width]);
        }
        let positions = match &op.position {
            Some(of) => Some((of.rule, floats(store, &of.table)?)),
            None => None,
        };
        let types_always_zero = op.token_type.as_ref().is_none_or(|types| types.always_zero);
        Ok(Self { width, words, token_types, types_always_zero, positions })
    }

    /// Uploads the tables.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`, and those of [`GpuDevice::buffer`].
    pub(super) fn upload(self, norm: GpuNorm, gpu: &GpuDevice) -> Result<GpuEmbed> {
        let Self { width, words, token_types, types_always_zero, positions } = self;
        let type_rows = token_types.len() / width.max(1);
        let rule = positions.as_ref().map(|(rule, _)| *rule);
        let mut tables = token_types;
        tables.extend(positions.map(|(_, table)| table).unwrap_or_default());
        let tables = gpu.filled("embeddings", &padded_rows(width, tables)?)?;
        let (format, words, word_scales) = match words {
            EmbeddingRows::F32(values) => {
                (WeightFormat::F32, gpu.filled("embeddings", &padded_rows(width, values)?)?, None)
            }
            EmbeddingRows::I8 { q, scales } => {
                let words = gpu.filled("embeddings", &padded_rows(width, q)?)?;
                (WeightFormat::I8, words, Some(gpu.filled("embeddings", &scales)?))
            }
        };
        gpu.flush();
        let sizes = [Some(&words), word_scales.as_ref(), Some(&tables)];
        let bytes = sizes.into_iter().flatten().map(|buffer| buffer.size() as usize).sum();
        Ok(GpuEmbed {
            format,
            words,
            word_scales,
            tables,
            type_rows,
            types_always_zero,
            positions: rule,
            norm,
            bytes,
        })
    }
}
