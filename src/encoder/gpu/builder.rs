//! Builds the GPU encoder: uploads the weights of the ops of a plan as they arrive.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::device::GpuDevice;
use super::dispatch::{GpuOp, Projections};
use super::encoder::GpuEncoder;
use super::inputs::TokenRows;
use super::join::join_projections;
use super::options::IntegerProducts;
use super::run::GpuModel;
use super::shaders::Shader;
use super::slots::{Slots, is_per_text, width};
use super::weights::{EmbedNumbers, GpuNorm, Integers, LinearNumbers, quads};
use crate::batch::BatchLayout;
use crate::encoder::embedding_rows::float_word_weights;
use crate::encoder::onnx::Int8Rows;
use crate::encoder::plan::decode::shift;
use crate::encoder::plan::{Outputs, Plan, PlanOp, TensorData, ValueId, WeightStore, packing_failed};
use crate::encoder::weight_stream::PlanBuilder;
use crate::encoder::{Encoder, EncoderInfo, EncoderOptions, KernelChoice, ModelFacts, Precision, Tolerance};
use crate::error::Result;

/// Tokens of a batch. A GPU needs many rows to be busy.
const MAX_BATCH_TOKENS: usize = 2048;

/// Returns why the GPU cannot run a plan, or `None` if it can.
pub(in crate::encoder) fn unsupported(plan: &Plan) -> Option<String> {
    plan.ops.iter().find_map(|op| match op {
        PlanOp::Attention { spec, .. } if !spec.head_size.is_multiple_of(4) => {
            Some(format!("its heads have {} columns, which is no multiple of 4", spec.head_size))
        }
        PlanOp::Attention { spec, .. } if Shader::attention(spec).is_none() => {
            Some(format!("its heads have {} columns, which is too many", spec.head_size))
        }
        _ => None,
    })
}

/// A GPU encoder whose weights are arriving.
pub(in crate::encoder) struct GpuBuilder {
    gpu: GpuDevice,
    plan: Plan,
    store: WeightStore,
    ops: Vec<Option<GpuOp>>,
    /// See the CPU's builder.
    word_weights: (Vec<usize>, usize),
    row_scales: BTreeMap<usize, Vec<f32>>,
    facts: ModelFacts,
    precision: Precision,
    integers: Integers,
}

impl GpuBuilder {
    /// Starts with no weights. `weights` is their number in the graph that the plan was made from. [`unsupported`] has
    /// returned `None` for the plan.
    pub(in crate::encoder) fn new(
        gpu: GpuDevice,
        plan: Plan,
        weights: usize,
        facts: ModelFacts,
        options: &EncoderOptions,
    ) -> Self {
        let precision = options.precision;
        let word_weights = match precision {
            Precision::Auto => float_word_weights(&plan).unwrap_or_default(),
            Precision::F32 => Default::default(),
        };
        let integers = match (precision, options.kernel) {
            (Precision::F32, _) => Integers::None,
            (Precision::Auto, KernelChoice::Fastest(_))
                if gpu.integer_products() == IntegerProducts::Never =>
            {
                Integers::None
            }
            (Precision::Auto, KernelChoice::Fastest(_)) => Integers::Blocks,
            (Precision::Auto, _) => Integers::Exact,
        };
        Self {
            gpu,
            store: WeightStore::new(weights, &plan.ops),
            ops: plan.ops.iter().map(|_| None).collect(),
            plan,
            word_weights,
            row_scales: BTreeMap::new(),
            facts,
            precision,
            integers,
        }
    }

    /// Uploads the ops that `select` accepts and whose weights have all arrived.
    fn upload(&mut self, select: impl Fn(&PlanOp) -> bool) -> Result<()> {
        for index in 0..self.ops.len() {
            let op = &self.plan.ops[index];
            if self.ops[index].is_some() || !select(op) || !self.store.has_all(op) {
                continue;
            }
            let (gpu, store, is_auto) = (&self.gpu, &mut self.store, self.precision == Precision::Auto);
            self.ops[index] = Some(match op {
                PlanOp::Embed(embed) => {
                    let numbers = EmbedNumbers::take(store, embed, is_auto, &mut self.row_scales)?;
                    let embed = numbers.upload(GpuNorm::take(store, &embed.norm, gpu)?, gpu)?;
                    let has_types = embed.type_rows > 0;
                    let shader = Shader::embed(embed.format, has_types, embed.positions.is_some());
                    GpuOp::Embed { pipeline: gpu.pipeline(&shader)?, embed }
                }
                PlanOp::Linear(linear) => {
                    let linear = LinearNumbers::take(store, linear, is_auto)?.upload(gpu, self.integers)?;
                    GpuOp::linear(gpu, linear)?
                }
                PlanOp::AddNorm { norm, .. } => GpuOp::AddNorm {
                    norm: GpuNorm::take(store, norm, gpu)?,
                    pipeline: gpu.pipeline(&Shader::add_norm())?,
                },
                PlanOp::Clip(clip) => {
                    let mut shift = shift(store, clip)?;
                    shift.resize(quads(clip.width) * 4, 0.0);
                    GpuOp::Clip {
                        width: clip.width,
                        range: clip.range,
                        activation: clip.activation,
                        shift: gpu.filled("a shift", &shift)?,
                        pipeline: gpu.pipeline(&Shader::clip(clip.plus.is_some()))?,
                    }
                }
                PlanOp::Attention { spec, .. } => {
                    let shader =
                        Shader::attention(spec).ok_or_else(|| packing_failed("heads are too wide"))?;
                    GpuOp::Attention {
                        spec: *spec,
                        queries: shader.attention_queries(),
                        projections: Projections::Separate,
                        pipeline: gpu.pipeline(&shader)?,
                    }
                }
                PlanOp::SelectRows { width, .. } => {
                    GpuOp::SelectRows { width: *width, pipeline: gpu.pipeline(&Shader::select_rows())? }
                }
                PlanOp::MeanRows { width, .. } => {
                    GpuOp::MeanRows { width: *width, pipeline: gpu.pipeline(&Shader::mean_rows())? }
                }
                PlanOp::Normalize { width, .. } => {
                    GpuOp::Normalize { width: *width, pipeline: gpu.pipeline(&Shader::normalize())? }
                }
            });
            self.store.release(op);
        }
        Ok(())
    }

    fn info(&self) -> EncoderInfo {
        let ModelFacts { config, pooled, dtype, static_sequence, .. } = &self.facts;
        let positions = self.plan.positions();
        let linears = self.ops.iter().flatten().filter_map(|op| match op {
            GpuOp::Linear { linear, .. } => Some(linear),
            _ => None,
        });
        let is_exact = linears.clone().any(|linear| linear.exact_max.is_some());
        EncoderInfo {
            hidden_size: self.plan.output_width(config.hidden_size),
            pooled: *pooled,
            first_rows: !pooled && matches!(self.plan.outputs, Outputs::Pooled(_)),
            dtype,
            backend: "gpu",
            fused: true,
            precision: if is_exact { "int8" } else { "f32" },
            kernel: if is_exact { "wgsl integers" } else { "wgsl floats" },
            weight_bytes: self.ops.iter().flatten().map(GpuOp::bytes).sum(),
            static_batch: None,
            static_sequence: match (static_sequence, positions) {
                (Some(_), Some(rows)) => Some(rows.min(config.max_position_embeddings)),
                (None, Some(rows)) if rows < config.max_position_embeddings => Some(rows),
                _ => None,
            },
            max_tokens: static_sequence
                .unwrap_or(usize::MAX)
                .min(positions.unwrap_or(usize::MAX))
                .min(config.max_position_embeddings),
            batch_layout: BatchLayout::Ragged { max_tokens: MAX_BATCH_TOKENS },
            tolerance: Tolerance {
                min_cosine: 0.999,
                max_norm_error: 0.02,
                kernels: is_exact.then_some("exact"),
            },
            device: Some(self.gpu.name().to_owned()),
            fallback: None,
        }
    }
}

impl PlanBuilder for GpuBuilder {
    fn wants(&self, weight: usize) -> bool {
        self.store.wants(weight)
    }

    fn put(&mut self, weight: usize, data: TensorData) -> Result<()> {
        self.store.put(weight, data);
        self.upload(|op| op.weights().contains(&weight))
    }

    fn row_width(&self, weight: usize) -> Option<usize> {
        let (weights, width) = &self.word_weights;
        weights.contains(&weight).then_some(*width)
    }

    fn put_rows(&mut self, weight: usize, rows: Int8Rows) -> Result<()> {
        self.row_scales.insert(weight, rows.scales);
        self.put(weight, TensorData::I8(rows.q))
    }

    fn takes_unverified(&self) -> bool {
        true
    }

    fn forget(&mut self, weight: usize) {
        self.store.drop_weight(weight);
        self.row_scales.remove(&weight);
        for (op, uploaded) in self.plan.ops.iter().zip(&mut self.ops) {
            if op.weights().contains(&weight) && uploaded.take().is_some() {
                self.store.reclaim(op);
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Result<Box<dyn Encoder>> {
        self.upload(|_| true)?;
        let info = self.info();
        let ops: Option<Vec<GpuOp>> = self.ops.into_iter().collect();
        let mut ops = ops.ok_or_else(|| packing_failed("a weight is missing"))?;
        let (mut widths, mut per_text) = (Vec::new(), Vec::new());
        for op in &self.plan.ops {
            widths.push(width(op, &widths));
            per_text.push(is_per_text(op, &per_text));
        }
        let mut inputs: Vec<Vec<ValueId>> = self.plan.ops.iter().map(PlanOp::inputs).collect();
        let parts = (&mut ops[..], &mut inputs[..], &mut widths[..]);
        join_projections(&self.gpu, &self.plan.ops, &self.plan.outputs, parts)?;
        let row_quads: Vec<usize> = widths.iter().map(|width| quads(*width)).collect();
        let slots = Slots::shared(&self.plan, &row_quads);
        let token_rows = ops.iter().find_map(|op| match op {
            GpuOp::Embed { embed, .. } => Some(TokenRows {
                type_rows: embed.type_rows,
                types_always_zero: embed.types_always_zero,
                positions: embed.positions,
            }),
            _ => None,
        });
        let has_blocks = ops.iter().any(|op| matches!(op, GpuOp::Linear { linear, .. } if linear.has_blocks));
        let variants = self.gpu.variants(has_blocks).map_or_else(OnceLock::new, OnceLock::from);
        let model = GpuModel {
            variants,
            gpu: self.gpu,
            ops,
            inputs,
            widths,
            per_text,
            token_rows: token_rows.unwrap_or_default(),
        };
        Ok(Box::new(GpuEncoder::new(model, slots, self.plan.outputs, info, self.facts.config)))
    }
}
