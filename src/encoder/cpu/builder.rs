//! Builds the CPU encoder: packs the ops of a plan as weights arrive.

use std::collections::BTreeMap;

use super::encoder::{CpuEncoder, tolerance};
use super::kernels::linear::{Autotuner, Kernel, WeightFormat};
use super::pack;
use super::packed_op::{PackedOp, Step};
use crate::batch::BatchLayout;
use crate::encoder::embedding_rows::float_word_weights;
use crate::encoder::onnx::Int8Rows;
use crate::encoder::plan::decode::shift;
use crate::encoder::plan::{Outputs, Plan, PlanOp, TensorData, WeightStore, packing_failed};
use crate::encoder::weight_stream::PlanBuilder;
use crate::encoder::{Encoder, EncoderInfo, EncoderOptions, KernelChoice, ModelFacts, Precision};
use crate::error::Result;

/// Tokens per batch. More tokens gain nothing on one thread, and a page would wait longer.
const MAX_BATCH_TOKENS: usize = 64;

/// A CPU encoder whose weights are arriving.
pub(crate) struct CpuBuilder {
    plan: Plan,
    store: WeightStore,
    packed: Vec<Option<PackedOp>>,
    /// The weights of the word embeddings if they are quantized while they arrive, and the width of a row.
    word_weights: (Vec<usize>, usize),
    /// Per weight of the word embeddings that has arrived in rows, the scales.
    row_scales: BTreeMap<usize, Vec<f32>>,
    facts: ModelFacts,
    precision: Precision,
    autotuner: Autotuner,
}

impl CpuBuilder {
    /// Starts with no weights. `weights` is their number in the graph that the plan was made from.
    pub(crate) fn new(plan: Plan, weights: usize, facts: ModelFacts, options: &EncoderOptions) -> Self {
        let autotuner = match options.kernel {
            KernelChoice::Exact => Autotuner::fixed(Kernel::Exact),
            KernelChoice::Fixed(kernel) => Autotuner::fixed(kernel),
            KernelChoice::Fastest(now) => Autotuner::for_this_build(now),
        };
        let store = WeightStore::new(weights, &plan.ops);
        let packed = plan.ops.iter().map(|_| None).collect();
        let precision = options.precision;
        let word_weights = match precision {
            Precision::Auto => float_word_weights(&plan).unwrap_or_default(),
            Precision::F32 => Default::default(),
        };
        let row_scales = BTreeMap::new();
        Self { plan, store, packed, word_weights, row_scales, facts, precision, autotuner }
    }

    /// Runs the kernels on zeros for some milliseconds, in WebAssembly only. The engine then
    /// optimizes them on another thread while the weights are fetched.
    pub(crate) fn warm_up(&self) {
        if cfg!(target_arch = "wasm32") {
            self.autotuner.warm_up(match (self.precision, self.facts.dtype) {
                (Precision::F32, _) => WeightFormat::F32,
                (Precision::Auto, "int4") => WeightFormat::I4,
                (Precision::Auto, _) => WeightFormat::I8,
            });
        }
    }

    /// Packs the ops that `select` accepts and whose weights have all arrived.
    fn pack(&mut self, select: impl Fn(&PlanOp) -> bool) -> Result<()> {
        for (op, packed) in self.plan.ops.iter().zip(&mut self.packed) {
            if packed.is_some() || !select(op) || !self.store.has_all(op) {
                continue;
            }
            let store = &mut self.store;
            *packed = match op {
                PlanOp::Embed(embed) => {
                    let types_always_zero = embed.token_type.as_ref().is_none_or(|types| types.always_zero);
                    let embed = pack::embed(store, embed, self.precision, &mut self.row_scales)?;
                    Some(PackedOp::Embed { embed: Box::new(embed), types_always_zero })
                }
                PlanOp::Linear(linear) => {
                    let kernel = self.autotuner.kernel();
                    Some(PackedOp::Linear(Box::new(pack::linear(store, linear, self.precision, kernel)?)))
                }
                PlanOp::AddNorm { norm, .. } => Some(PackedOp::AddNorm(pack::norm(store, norm)?)),
                PlanOp::Clip(clip) => {
                    let (range, activation) = (clip.range, clip.activation);
                    Some(PackedOp::Clip { width: clip.width, range, shift: shift(store, clip)?, activation })
                }
                other => PackedOp::without_weights(other),
            };
            self.store.release(op);
        }
        Ok(())
    }

    fn info(&self) -> EncoderInfo {
        let ModelFacts { config, pooled, dtype, static_sequence, fallback } = &self.facts;
        let kernel = self.autotuner.kernel();
        let precision = self.packed.iter().flatten().find_map(PackedOp::precision).unwrap_or("f32");
        EncoderInfo {
            hidden_size: self.plan.output_width(config.hidden_size),
            pooled: *pooled,
            first_rows: !pooled && matches!(self.plan.outputs, Outputs::Pooled(_)),
            dtype,
            backend: "cpu",
            fused: true,
            precision,
            kernel: kernel.name(),
            weight_bytes: self.packed.iter().flatten().map(PackedOp::bytes).sum(),
            static_batch: None,
            // The graph needs a row of its position table per token, and no other length is fixed.
            static_sequence: match (static_sequence, self.plan.positions()) {
                (Some(_), Some(rows)) => Some(rows.min(config.max_position_embeddings)),
                (None, Some(rows)) if rows < config.max_position_embeddings => Some(rows),
                _ => None,
            },
            max_tokens: static_sequence
                .unwrap_or(usize::MAX)
                .min(self.plan.positions().unwrap_or(usize::MAX))
                .min(config.max_position_embeddings),
            batch_layout: BatchLayout::Ragged { max_tokens: MAX_BATCH_TOKENS },
            tolerance: tolerance(kernel, precision),
            device: None,
            fallback: fallback.clone(),
        }
    }
}

impl PlanBuilder for CpuBuilder {
    fn wants(&self, weight: usize) -> bool {
        self.store.wants(weight)
    }

    fn put(&mut self, weight: usize, data: TensorData) -> Result<()> {
        self.store.put(weight, data);
        self.pack(|op| op.weights().contains(&weight))
    }

    fn row_width(&self, weight: usize) -> Option<usize> {
        let (weights, width) = &self.word_weights;
        weights.contains(&weight).then_some(*width)
    }

    fn put_rows(&mut self, weight: usize, rows: Int8Rows) -> Result<()> {
        self.row_scales.insert(weight, rows.scales);
        self.put(weight, TensorData::I8(rows.q))
    }

    fn forget(&mut self, weight: usize) {
        self.store.drop_weight(weight);
        self.row_scales.remove(&weight);
        for (op, packed) in self.plan.ops.iter().zip(&mut self.packed) {
            if packed.is_some() && op.weights().contains(&weight) {
                *packed = None;
                self.store.reclaim(op);
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Result<Box<dyn Encoder>> {
        self.pack(|_| true)?;
        let info = self.info();
        let last_uses = self.plan.last_uses();
        let mut steps = Vec::with_capacity(self.packed.len());
        for (index, (op, packed)) in self.plan.ops.iter().zip(self.packed).enumerate() {
            let packed = packed.ok_or_else(|| packing_failed("a weight is missing"))?;
            steps.push(Step::new(packed, op.inputs(), index, &last_uses));
        }
        Ok(Box::new(CpuEncoder::new(steps, self.plan.outputs, self.autotuner, info, self.facts.config)))
    }
}
