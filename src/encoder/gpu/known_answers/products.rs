//! Products whose results are known, for each pipeline that a model uses.
//!
//! Weights and inputs are small integers that repeat with the periods 13 and 17, so the 221 different sums are computed
//! quickly, and all of them are exact in f32. A result in another row, column or tile than its own is noticed, because
//! the periods divide no tile.

use super::super::buffer::GpuBuffer;
use super::super::device::GpuDevice;
use super::super::dispatch::GpuOp;
use super::super::failure::failed;
use super::super::inputs::BatchInputs;
use super::super::products::LinearPipelines;
use super::super::run::{GpuModel, params_buffer};
use super::super::run_buffers::RunBuffers;
use super::super::shaders::{BLOCK_QUADS, WeightFormat};
use super::super::submission::{Cut, Part, Readback, clear, submit};
use super::super::variants::Variants;
use super::super::weights::{GpuLinear, Integers, LinearNumbers, Stored, quads};
use super::samples::{MOST_ROWS, ROWS};
use crate::encoder::plan::decode::Int8Weights;
use crate::encoder::reference::linear::{reference_activation, reference_quantize_row};
use crate::encoder::reference::linear_blocks::reference_quantize_i8;
use crate::encoder::spec::{Activation, LinearSpec, WeightOrder};
use crate::error::Result;

const PERIOD_X: usize = 17;
const PERIOD_W: usize = 13;

/// The most inputs and outputs. A processor that emulates a GPU is slow.
const MAX_SIZE: usize = 1024;
const MAX_SOFTWARE_SIZE: usize = 72;

/// Products of the pipelines of a `Linear`.
pub(in crate::encoder::gpu) struct KnownProducts {
    op: GpuOp,
    spec: LinearSpec,
    /// `[rows, inputs]` per number of rows, padded to quads.
    inputs: Vec<GpuBuffer>,
    outputs: Vec<GpuBuffer>,
    scratch: GpuBuffer,
    params: GpuBuffer,
    no_batch: BatchInputs,
    /// True for the products of quantized blocks.
    in_blocks: bool,
    /// One per submission.
    variants: Vec<Variants>,
    /// The sums by row and column modulo the periods, times their scale.
    sums: Vec<f32>,
}

/// Returns the weight of output `n` and input `k`, −6..=6.
fn weight(n: usize, k: usize) -> i32 {
    ((n % PERIOD_W * 5 + k * 3) % PERIOD_W) as i32 - 6
}

/// Returns input `k` of row `m`, −8..=8.
fn input(m: usize, k: usize) -> i32 {
    ((m % PERIOD_X * 3 + k * 7) % PERIOD_X) as i32 - 8
}

fn plain_input(m: usize, k: usize) -> f32 {
    input(m, k) as f32
}

/// Returns input `k` of row `m` for quantized blocks: their first magnitude is the largest, 127 times a power of 2, so
/// scales are exact. The others are a bit less than what they are rounded to.
fn block_input(m: usize, k: usize) -> f32 {
    let scale = [1.0, 2.0, 4.0][(m % PERIOD_X + k / (4 * BLOCK_QUADS)) % 3];
    scale
        * match (k % (4 * BLOCK_QUADS), m % PERIOD_X % 2) {
            (0, 0) => 127.0,
            (0, _) => -127.0,
            _ => plain_input(m, k) - 0.125,
        }
}

fn factor(k: usize) -> f32 {
    [1.0, 2.0][k % 2]
}

fn bias(n: usize) -> f32 {
    (n % 7) as f32
}

impl KnownProducts {
    /// Returns the products for all pipelines of a model, with each activation function that it has.
    ///
    /// # Errors
    /// The errors of the uploads.
    pub(super) fn of_model(model: &GpuModel) -> Result<Vec<Self>> {
        let mut seen: Vec<(&LinearPipelines, Activation)> = Vec::new();
        let mut all = Vec::new();
        for op in &model.ops {
            let GpuOp::Linear { linear, pipelines, check } = op else { continue };
            // The activation function of a checked product is another op.
            let activation = if check.is_some() { Activation::None } else { linear.spec.activation };
            if seen.iter().any(|(other, of)| *of == activation && other.are_equal(pipelines)) {
                continue;
            }
            seen.push((pipelines, activation));
            all.push(Self::of_linear(&model.gpu, linear, activation, false)?);
            if linear.has_blocks {
                all.push(Self::of_linear(&model.gpu, linear, activation, true)?);
            }
        }
        Ok(all)
    }

    /// Makes the products for the pipelines of a `Linear`, or those of quantized blocks.
    pub(super) fn of_linear(
        gpu: &GpuDevice,
        model: &GpuLinear,
        activation: Activation,
        in_blocks: bool,
    ) -> Result<Self> {
        let most = if gpu.is_software() { MAX_SOFTWARE_SIZE } else { MAX_SIZE };
        let spec = LinearSpec {
            inputs: model.spec.inputs.min(most),
            outputs: model.spec.outputs.min(most),
            activation,
        };
        let (inputs, outputs) = (spec.inputs, spec.outputs);
        let has_factors = model.factors.is_some();
        let integers = match model.exact_max {
            Some(_) => Integers::Exact,
            None if in_blocks => Integers::Blocks,
            None => Integers::None,
        };
        let numbers = LinearNumbers {
            spec,
            weight: stored(model.format, inputs, outputs, in_blocks),
            bias: (0..outputs).map(bias).collect(),
            factors: if has_factors { (0..inputs).map(factor).collect() } else { Vec::new() },
        };
        let mut linear = numbers.upload(gpu, integers)?;
        // The quantization of the model's own products, which may have more inputs.
        linear.exact_max = model.exact_max;
        let pipelines = LinearPipelines::compile(gpu, &linear)?;
        let op = GpuOp::Linear { linear, pipelines, check: None };
        let width = quads(inputs) * 4;
        let mut input_buffers = Vec::new();
        let mut output_buffers = Vec::new();
        use wgpu::BufferUsages;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let value = if in_blocks { block_input } else { plain_input };
        for rows in ROWS {
            let of = |i: usize| if i % width < inputs { value(i / width, i % width) } else { 0.0 };
            let x: Vec<f32> = (0..rows * width).map(of).collect();
            input_buffers.push(gpu.filled("known inputs", &x)?);
            output_buffers.push(gpu.buffer("known results", (rows * quads(outputs) * 16) as u64, usage)?);
        }
        Ok(Self {
            spec,
            inputs: input_buffers,
            outputs: output_buffers,
            scratch: gpu.buffer("quantized rows", (MOST_ROWS * op.scratch_bytes()) as u64, usage)?,
            params: params_buffer(gpu, 2 * ROWS.len())?,
            no_batch: BatchInputs::default(),
            in_blocks,
            variants: if integers == Integers::None {
                gpu.checked_variants()
            } else {
                vec![gpu.fixed_variants()]
            },
            sums: sums(&spec, has_factors, model.exact_max, in_blocks),
            op,
        })
    }

    /// Returns the number of different submissions.
    pub(super) fn submissions(&self) -> usize {
        self.variants.len()
    }

    /// Submits the products, in submission `number` with one of the variants.
    ///
    /// # Errors
    /// `GPU_FAILED`.
    pub(super) fn submit(&self, gpu: &GpuDevice, number: usize) -> Result<Readback> {
        let variants = self.variants[number % self.variants.len()];
        let mut dispatches = Vec::new();
        let values: Vec<[&GpuBuffer; 2]> =
            self.inputs.iter().zip(&self.outputs).map(|(x, y)| [x, y]).collect();
        for (values, rows) in values.iter().zip(ROWS) {
            let fault = u32::from(gpu.faults().has_wrong_products());
            let run = RunBuffers {
                values,
                scratch: &self.scratch,
                checked: None,
                inputs: &self.no_batch,
                variants,
                uses_blocks: self.in_blocks,
                fault,
            };
            dispatches.extend(self.op.dispatches(&run, &[0], 1, rows)?);
        }
        let width = self.spec.outputs;
        let parts = self.outputs.iter().zip(ROWS).map(|(buffer, rows)| Part { buffer, rows, width });
        clear(gpu, self.outputs.iter());
        submit(gpu, &self.params, &dispatches, &parts.collect::<Vec<_>>(), Cut::unmeasured(gpu))
    }

    /// Compares the results, one part per number of rows.
    ///
    /// # Errors
    /// `GPU_FAILED` if one differs.
    pub(super) fn check(&self, parts: &[Vec<f32>]) -> Result<()> {
        let outputs = self.spec.outputs;
        // WGSL allows its tanh an error of 1e-5, whatever the result.
        let accuracy = match self.spec.activation {
            Activation::None | Activation::Relu => 0.0,
            Activation::Gelu | Activation::GeluTanh => 4e-6,
            Activation::Tanh => 1.2e-5,
        };
        for (part, rows) in parts.iter().zip(ROWS) {
            if part.len() != rows * outputs {
                return Err(failed("it returned too few results"));
            }
            for (i, actual) in part.iter().enumerate() {
                let (row, output) = (i / outputs, i % outputs);
                let sum = self.sums[row % PERIOD_X * PERIOD_W + output % PERIOD_W] + bias(output);
                let expected = reference_activation(self.spec.activation, f64::from(sum)) as f32;
                let limit = accuracy * expected.abs().max(1.0);
                // False for a NaN.
                let is_right = (actual - expected).abs() <= limit;
                if !is_right {
                    return Err(failed(&format!(
                        "a product of {rows} rows is wrong: row {row}, output {output} is {actual} instead of {expected}"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// Returns the weight in a stored form.
fn stored(format: WeightFormat, inputs: usize, outputs: usize, is_symmetric: bool) -> Stored {
    let of = |i: usize| weight(i / inputs, i % inputs);
    let order = WeightOrder::OutIn;
    match format {
        WeightFormat::F32 | WeightFormat::F16 => Stored::Floats {
            values: (0..inputs * outputs).map(|i| of(i) as f32).collect(),
            order,
            as_halves: format == WeightFormat::F16,
        },
        WeightFormat::I8 => {
            let zero: Vec<i32> = (0..outputs).map(|n| (n % 5) as i32 - 2).collect();
            let zero = if is_symmetric { Vec::new() } else { zero };
            let q = |i: usize| (of(i) + zero.get(i / inputs).copied().unwrap_or(0)) as i8;
            let q = (0..inputs * outputs).map(q).collect();
            Stored::Bytes { weights: Int8Weights { q, scale: vec![1.0; outputs], zero }, order }
        }
        WeightFormat::I4 => {
            let blocks = inputs.div_ceil(32);
            let nibble = |n: usize, k: usize| if k < inputs { (weight(n, k) + 8) as u8 } else { 8 };
            let byte = |i: usize| {
                let (n, k) = (i / (blocks * 16), i % (blocks * 16) * 2);
                nibble(n, k) | nibble(n, k + 1) << 4
            };
            Stored::HalfBytes {
                q: (0..outputs * blocks * 16).map(byte).collect(),
                scale: vec![1.0; outputs * blocks],
                zero: vec![8; outputs * blocks],
            }
        }
    }
}

/// Returns the sums by row and column, `[PERIOD_X, PERIOD_W]`. In integers the rows are quantized first.
fn sums(spec: &LinearSpec, has_factors: bool, exact_max: Option<u32>, in_blocks: bool) -> Vec<f32> {
    let mut sums = Vec::with_capacity(PERIOD_X * PERIOD_W);
    let value = if in_blocks { block_input } else { plain_input };
    for m in 0..PERIOD_X {
        let factored = |k: usize| value(m, k) * if has_factors { factor(k) } else { 1.0 };
        let mut row: Vec<f32> = (0..spec.inputs).map(factored).collect();
        let mut scale = 1.0;
        if let Some(max) = exact_max {
            let quantized = reference_quantize_row(&row, max.cast_signed());
            (row, scale) = (quantized.q.iter().map(|q| *q as f32).collect(), quantized.scale);
        } else if in_blocks {
            for block in row.chunks_mut(4 * BLOCK_QUADS) {
                let quantized = reference_quantize_i8(block);
                block.iter_mut().zip(&quantized.q).for_each(|(x, q)| *x = *q as f32 * quantized.scale);
            }
        }
        for n in 0..PERIOD_W {
            let product = |k: usize| i64::from(row[k] as i32) * i64::from(weight(n, k));
            let sum: i64 = (0..spec.inputs).map(product).sum();
            sums.push(sum as f32 * scale);
        }
    }
    sums
}
