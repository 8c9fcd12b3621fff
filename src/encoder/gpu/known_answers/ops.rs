//! The known results of all ops but products. Inputs look random; the scalar twins compute the expected results.

use std::sync::Arc;

use super::super::buffer::GpuBuffer;
use super::super::device::{GpuDevice, Pipeline};
use super::super::dispatch::{GpuOp, Projections};
use super::super::failure::failed;
use super::super::inputs::TokenRows;
use super::super::products::check_params;
use super::super::run::{GpuModel, params_buffer};
use super::super::run_buffers::{Dispatch, RunBuffers};
use super::super::shaders::WeightFormat;
use super::super::submission::{Cut, Part, Readback, clear, submit};
use super::super::weights::{EmbedNumbers, GpuNorm, padded_row, padded_rows, quads};
use super::samples::{Case, LENGTHS, MOST_ROWS, ROWS, WORDS, norm, numbers};
use crate::encoder::embedding_rows::EmbeddingRows;
use crate::encoder::reference::add_norm::reference_add_norm;
use crate::encoder::reference::attention::reference_attention;
use crate::encoder::reference::clip::reference_clip;
use crate::encoder::reference::embed::{ReferenceEmbed, reference_embed};
use crate::encoder::reference::mean_rows::{reference_mean_rows, reference_normalize};
use crate::encoder::reference::select_rows::reference_select_rows;
use crate::encoder::spec::{Activation, AttentionSpec, PositionRule, UNBOUNDED};
use crate::error::Result;

/// The most columns of a row: a quad more than a workgroup has threads, so that its loops run twice.
const MAX_WIDTH: usize = 260;
const MAX_HEADS: usize = 2;
/// The difference that a result may have, in parts of the largest one. The functions of WGSL are exact to 1e-5.
const MAX_ERROR: f32 = 1e-4;
/// The sum of a bias that a product is said to have.
const BIAS_SUM: f64 = 3.0;

/// An op with small weights, its inputs, and its results per case.
struct KnownOp {
    name: &'static str,
    computation: Computation,
    inputs: Vec<GpuBuffer>,
    outputs: Vec<GpuBuffer>,
    /// Columns of a result.
    width: usize,
    expected: Vec<Vec<f32>>,
}

/// Computes the expected results of an op from the rows of its inputs.
type Twin<'a> = &'a dyn Fn(&Case, &[&[f32]]) -> Vec<f32>;

enum Computation {
    Op(Box<GpuOp>),
    /// The check of a product, with the size of its inputs and outputs.
    Check(Arc<Pipeline>, usize),
}

/// The ops of a model, each with every number of rows, in one submission.
pub(in crate::encoder::gpu) struct KnownOps {
    cases: Vec<Case>,
    ops: Vec<KnownOp>,
    no_scratch: GpuBuffer,
    params: GpuBuffer,
}

/// Makes the inputs and the results of ops.
struct Maker<'a> {
    gpu: &'a GpuDevice,
    cases: &'a [Case],
}

impl Maker<'_> {
    /// Uploads rows of an input.
    fn input(&self, width: usize, rows: &[f32]) -> Result<GpuBuffer> {
        self.gpu.filled("known inputs", &padded_rows(width, rows.to_vec())?)
    }

    /// Makes an op of one or two inputs. `twin` computes the expected results from the rows of the inputs.
    fn row_op(
        &self,
        name: &'static str,
        op: GpuOp,
        width: usize,
        inputs: usize,
        twin: Twin<'_>,
    ) -> Result<KnownOp> {
        let rows: Vec<Vec<f32>> = (0..inputs).map(|seed| numbers(MOST_ROWS * width, seed)).collect();
        let expected = |case: &Case| {
            let count = case.batch.tokens() * width;
            twin(case, &rows.iter().map(|rows| &rows[..count]).collect::<Vec<_>>())
        };
        let inputs = rows.iter().map(|rows| self.input(width, rows)).collect::<Result<_>>()?;
        self.known(name, Computation::Op(op.into()), inputs, width, self.cases.iter().map(expected).collect())
    }

    fn known(
        &self,
        name: &'static str,
        computation: Computation,
        inputs: Vec<GpuBuffer>,
        width: usize,
        expected: Vec<Vec<f32>>,
    ) -> Result<KnownOp> {
        use wgpu::BufferUsages;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let rows = |expected: &Vec<f32>| expected.len().div_ceil(width.max(1));
        let bytes = |expected| (rows(expected) * quads(width) * 16) as u64;
        let output = |expected| self.gpu.buffer("known results", bytes(expected), usage);
        let outputs = expected.iter().map(output).collect::<Result<_>>()?;
        Ok(KnownOp { name, computation, inputs, outputs, width, expected })
    }

    /// Makes an op that runs the shaders of `op` in its own size.
    fn of_op(&self, op: &GpuOp, inputs: usize) -> Result<Option<KnownOp>> {
        let gpu = self.gpu;
        let width_of = |width: &usize| (*width).min(MAX_WIDTH);
        Ok(Some(match op {
            // `KnownProducts` has them.
            GpuOp::Linear { .. } | GpuOp::Joined { .. } => return Ok(None),
            GpuOp::Embed { embed, pipeline } => {
                let width = width_of(&embed.norm.width);
                let has_types = embed.type_rows > 0;
                let q: Vec<i8> = numbers(WORDS * width, 0).iter().map(|x| (x * 127.0) as i8).collect();
                let scales: Vec<f32> = (1..=WORDS).map(|row| row as f32 / 1024.0).collect();
                let scaled = |(i, q): (usize, &i8)| f32::from(*q) * scales[i / width.max(1)];
                let word: Vec<f32> = q.iter().enumerate().map(scaled).collect();
                let token_type = if has_types { numbers(2 * width, 1) } else { Vec::new() };
                let most = LENGTHS.iter().max().copied().unwrap_or(0);
                let position = if embed.positions.is_some() { numbers(most * width, 2) } else { Vec::new() };
                let [gamma, beta] = norm(width);
                let eps = embed.norm.eps;
                let rule = PositionRule::default();
                let expected = |case: &Case| {
                    let (gamma, beta) = (&gamma[..], &beta[..]);
                    let (word, token_type, position) = (&word[..], &token_type[..], &position[..]);
                    let twin = ReferenceEmbed { word, token_type, position, rule, gamma, beta, eps };
                    reference_embed(&twin, &case.batch.input_ids, &case.batch.token_type_ids, &case.starts)
                };
                let expected = self.cases.iter().map(expected).collect();
                let words = match embed.format {
                    WeightFormat::I8 => EmbeddingRows::I8 { q, scales },
                    _ => EmbeddingRows::F32(word),
                };
                let positions = embed.positions.map(|_| (rule, position));
                let numbers = EmbedNumbers {
                    width,
                    words,
                    token_types: token_type,
                    types_always_zero: false,
                    positions,
                };
                let embed = numbers.upload(GpuNorm::upload(gamma, beta, eps, gpu)?, gpu)?;
                let op = GpuOp::Embed { embed, pipeline: Arc::clone(pipeline) };
                self.known("Embed", Computation::Op(op.into()), Vec::new(), width, expected)?
            }
            GpuOp::AddNorm { norm: own, pipeline } => {
                let (width, eps) = (width_of(&own.width), own.eps);
                let [gamma, beta] = norm(width);
                let norm = GpuNorm::upload(gamma.clone(), beta.clone(), eps, gpu)?;
                let op = GpuOp::AddNorm { norm, pipeline: Arc::clone(pipeline) };
                self.row_op("AddNorm", op, width, 2, &|_, rows| {
                    reference_add_norm(rows[0], rows[1], &gamma, &beta, eps)
                })?
            }
            GpuOp::Clip { width, pipeline, activation, .. } => {
                let width = width_of(width);
                self.clip(width, *activation, pipeline, inputs)?
            }
            GpuOp::Attention { spec, pipeline, queries, projections } => {
                let heads = spec.heads.min(MAX_HEADS);
                let is_clipped = spec.score_range != UNBOUNDED;
                let score_range = if is_clipped { [-1.0, 1.5] } else { UNBOUNDED };
                // Scores of equal sizes would make a softmax of equal weights, which would tell little.
                let spec = AttentionSpec { heads, score_range, scale: 8.0 * spec.scale, ..*spec };
                let (pipeline, projections) = (Arc::clone(pipeline), *projections);
                let op = GpuOp::Attention { spec, pipeline, queries: *queries, projections };
                let width = spec.hidden();
                let mut known = self.row_op("Attention", op, width, 3, &|case, rows| {
                    reference_attention(&spec, rows[0], rows[1], rows[2], &case.starts)
                })?;
                let side_by_side = |seeds: &[usize]| {
                    let all: Vec<Vec<f32>> =
                        seeds.iter().map(|seed| numbers(MOST_ROWS * width, *seed)).collect();
                    let row = |row: usize| all.iter().flat_map(move |of| &of[row * width..][..width]);
                    let rows: Vec<f32> = (0..MOST_ROWS).flat_map(row).copied().collect();
                    self.input(seeds.len() * width, &rows)
                };
                match projections {
                    Projections::Separate => {}
                    Projections::Joined => known.inputs = vec![side_by_side(&[0, 1, 2])?],
                    Projections::JoinedKeys => {
                        known.inputs = vec![side_by_side(&[0])?, side_by_side(&[1, 2])?];
                    }
                }
                known
            }
            GpuOp::SelectRows { width, pipeline } => {
                let width = width_of(width);
                let op = GpuOp::SelectRows { width, pipeline: Arc::clone(pipeline) };
                self.row_op("SelectRows", op, width, 1, &|case, rows| {
                    reference_select_rows(rows[0], width, &case.starts[..case.batch.texts()])
                })?
            }
            GpuOp::MeanRows { width, pipeline } => {
                let width = width_of(width);
                let op = GpuOp::MeanRows { width, pipeline: Arc::clone(pipeline) };
                self.row_op("MeanRows", op, width, 1, &|case, rows| {
                    reference_mean_rows(rows[0], width, &case.starts)
                })?
            }
            GpuOp::Normalize { width, pipeline } => {
                let width = width_of(width);
                let op = GpuOp::Normalize { width, pipeline: Arc::clone(pipeline) };
                self.row_op("Normalize", op, width, 1, &|_, rows| reference_normalize(rows[0], width))?
            }
        }))
    }
}

impl Maker<'_> {
    fn clip(
        &self,
        width: usize,
        activation: Activation,
        pipeline: &Arc<Pipeline>,
        inputs: usize,
    ) -> Result<KnownOp> {
        let range = [-0.5, 0.75];
        let shift = numbers(width, 7);
        let buffer = self.gpu.filled("a shift", &padded_row(shift.clone()))?;
        let op = GpuOp::Clip { width, range, shift: buffer, activation, pipeline: Arc::clone(pipeline) };
        self.row_op("Clip", op, width, inputs, &|_, rows| {
            let plus = rows.get(1).copied().unwrap_or_default();
            reference_clip(rows[0], plus, range, &shift, activation)
        })
    }

    /// Makes the check of a product. The sums are wrong, so that each row has another error.
    fn check(&self, pipeline: &Arc<Pipeline>) -> Result<KnownOp> {
        let size = MAX_WIDTH;
        let [x, y] = [0, 1].map(|seed| numbers(MOST_ROWS * size, seed));
        let sums = numbers(size, 2);
        let sum = |row: &[f32], of: &dyn Fn(usize, f64) -> f64| -> f64 {
            row.iter().enumerate().map(|(i, x)| of(i, f64::from(*x))).sum()
        };
        let error = |row: usize| {
            let (x, y) = (&x[row * size..][..size], &y[row * size..][..size]);
            let expected = sum(x, &|k, x| x * f64::from(sums[k]));
            let mean_square = sum(y, &|_, y| y * y) / size as f64;
            ((sum(y, &|_, y| y) - expected - BIAS_SUM).abs() / (mean_square.sqrt() + 1e-6)) as f32
        };
        let expected = ROWS.map(|rows| (0..rows).map(error).collect()).to_vec();
        let inputs = vec![self.input(size, &x)?, self.input(size, &y)?, self.input(size, &sums)?];
        // The errors of all rows are one row.
        let computation = Computation::Check(Arc::clone(pipeline), size);
        self.known("the check of products", computation, inputs, MOST_ROWS, expected)
    }
}

impl KnownOp {
    /// Returns the dispatches of one case. `values` are the inputs and the output.
    fn dispatches<'a>(&'a self, run: &RunBuffers<'a>, rows: usize) -> Result<Vec<Dispatch<'a>>> {
        match &self.computation {
            Computation::Op(op) => {
                let inputs: Vec<usize> = (0..self.inputs.len()).collect();
                op.dispatches(run, &inputs, inputs.len(), rows)
            }
            Computation::Check(pipeline, size) => {
                let [x, y, sums, errors] = run.values else { return Err(failed("a check lacks an input")) };
                let buffers = vec![*errors, *x, *y, *sums];
                let params = check_params(*size, *size, BIAS_SUM as f32);
                let (groups, work) = ([rows as u32, 1], (2 * rows * size) as u64);
                Ok(vec![Dispatch { pipeline, buffers, params, groups, work }])
            }
        }
    }

    /// Returns the rows and the columns of a result.
    fn shape(&self, case: usize) -> (usize, usize) {
        let count = self.expected[case].len();
        let width = self.width.min(count);
        (count / width.max(1), width)
    }
}

impl KnownOps {
    /// Makes the ops for each pipeline of a model.
    ///
    /// # Errors
    /// The errors of the uploads.
    pub(super) fn of_model(model: &GpuModel) -> Result<Self> {
        let gpu = &model.gpu;
        let attention = model.attention_blocks();
        let has_positions = model.token_rows.positions.is_some();
        let token_rows = TokenRows {
            type_rows: if model.token_rows.type_rows > 0 { 2 } else { 0 },
            types_always_zero: false,
            positions: has_positions.then(PositionRule::default),
        };
        let cases = ROWS.map(|rows| Case::new(gpu, rows, token_rows, &attention));
        let cases = cases.into_iter().collect::<Result<Vec<_>>>()?;
        let maker = Maker { gpu, cases: &cases };
        let mut seen = Vec::new();
        let mut is_new = |pipeline: &Arc<Pipeline>, attention, activation| {
            let of = (Arc::as_ptr(pipeline), attention, activation);
            let is_new = !seen.contains(&of);
            seen.push(of);
            is_new
        };
        let mut ops = Vec::new();
        for (op, inputs) in model.ops.iter().zip(&model.inputs) {
            let pipeline = match op {
                GpuOp::Linear { check, linear, .. } => {
                    let Some(check) = check else { continue };
                    if is_new(&check.pipeline, None, Activation::None) {
                        ops.push(maker.check(&check.pipeline)?);
                    }
                    let activation = linear.spec.activation;
                    if let Some((activate, _)) = &check.activate
                        && is_new(activate, None, activation)
                    {
                        let width = linear.spec.outputs.min(MAX_WIDTH);
                        ops.push(maker.clip(width, activation, activate, 1)?);
                    }
                    continue;
                }
                GpuOp::Joined { .. } => continue,
                GpuOp::Embed { pipeline, .. }
                | GpuOp::Attention { pipeline, .. }
                | GpuOp::AddNorm { pipeline, .. }
                | GpuOp::Clip { pipeline, .. }
                | GpuOp::SelectRows { pipeline, .. }
                | GpuOp::MeanRows { pipeline, .. }
                | GpuOp::Normalize { pipeline, .. } => pipeline,
            };
            let none = Activation::None;
            let (attention, activation) = match op {
                GpuOp::Attention { spec, projections, .. } => {
                    (Some((spec.first_row_only, *projections)), none)
                }
                GpuOp::Clip { activation, .. } => (None, *activation),
                _ => (None, none),
            };
            if is_new(pipeline, attention, activation) {
                ops.extend(maker.of_op(op, inputs.len())?);
            }
        }
        let params = params_buffer(gpu, ops.len() * cases.len())?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        Ok(Self { no_scratch: gpu.buffer("quantized rows", 0, usage)?, cases, ops, params })
    }

    /// Submits all ops with each number of rows.
    ///
    /// # Errors
    /// `GPU_FAILED`.
    pub(super) fn submit(&self, gpu: &GpuDevice) -> Result<Readback> {
        let all = || self.ops.iter().flat_map(|op| (0..self.cases.len()).map(move |case| (op, case)));
        let values: Vec<Vec<&GpuBuffer>> =
            all().map(|(op, case)| op.inputs.iter().chain([&op.outputs[case]]).collect()).collect();
        let (mut dispatches, mut parts) = (Vec::new(), Vec::new());
        for ((op, case), values) in all().zip(&values) {
            let (scratch, inputs) = (&self.no_scratch, &self.cases[case].inputs);
            let (variants, uses_blocks, fault) = (gpu.fixed_variants(), false, 0);
            let run = RunBuffers { values, scratch, checked: None, inputs, variants, uses_blocks, fault };
            dispatches.extend(op.dispatches(&run, ROWS[case])?);
            let (rows, width) = op.shape(case);
            parts.push(Part { buffer: &op.outputs[case], rows, width });
        }
        clear(gpu, self.ops.iter().flat_map(|op| &op.outputs));
        submit(gpu, &self.params, &dispatches, &parts, Cut::unmeasured(gpu))
    }

    /// Compares the results, one part per op and number of rows.
    ///
    /// # Errors
    /// `GPU_FAILED` if one differs.
    pub(super) fn check(&self, parts: &[Vec<f32>]) -> Result<()> {
        let expected = self.ops.iter().flat_map(|op| op.expected.iter().map(move |expected| (op, expected)));
        for ((op, expected), part) in expected.zip(parts) {
            let largest = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            // False for a NaN.
            let is_right = |(a, b): (&f32, &f32)| (a - b).abs() <= MAX_ERROR * largest;
            let wrong = part.iter().zip(expected).position(|pair| !is_right(pair));
            if part.len() != expected.len() || wrong.is_some() {
                let i = wrong.unwrap_or(0);
                return Err(failed(&format!(
                    "{} is wrong: number {i} of {} is {:?} instead of {:?}",
                    op.name,
                    expected.len(),
                    part.get(i),
                    expected.get(i),
                )));
            }
        }
        Ok(())
    }
}
