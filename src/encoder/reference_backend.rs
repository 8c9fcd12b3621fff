//! The reference back end: runs a plan with the scalar references, in f32.
//!
//! It is slow and simple. It is a third opinion beside the CPU kernels and unfused tract, and it
//! shows what a back end has to do: build from a [`Plan`] while weights arrive, and run batches.

use std::sync::Arc;
use std::task::Poll;

use crate::batch::{Batch, BatchLayout};
use crate::encoder::check::check;
use crate::encoder::onnx::Int8Rows;
use crate::encoder::plan::decode::{floats, order, shift};
use crate::encoder::plan::{
    EmbedOp, LinearOp, NormWeights, Outputs, Plan, PlanOp, TensorData, ValueId, WeightStore, packing_failed,
};
use crate::encoder::quantize::equalize::multiply_inputs;
use crate::encoder::reference::add_norm::reference_add_norm;
use crate::encoder::reference::attention::reference_attention;
use crate::encoder::reference::clip::reference_clip;
use crate::encoder::reference::embed::{ReferenceEmbed, reference_embed};
use crate::encoder::reference::linear::reference_linear;
use crate::encoder::reference::mean_rows::{reference_mean_rows, reference_normalize};
use crate::encoder::reference::select_rows::reference_select_rows;
use crate::encoder::spec::{PositionRule, WeightOrder};
use crate::encoder::weight_stream::PlanBuilder;
use crate::encoder::{Encoder, EncoderInfo, EncoderOutput, ModelFacts, Tolerance};
use crate::error::{Result, fail};

/// Tokens per batch.
const MAX_BATCH_TOKENS: usize = 512;

/// The weights of an op as floats.
enum Weights {
    Embed {
        word: Vec<f32>,
        token_type: Vec<f32>,
        position: Vec<f32>,
        rule: PositionRule,
        norm: Norm,
        types_always_zero: bool,
    },
    /// `weight` is `[outputs, inputs]`. An empty `bias` is none.
    Linear {
        weight: Vec<f32>,
        bias: Vec<f32>,
    },
    Norm(Norm),
    /// The shift, empty for none.
    Clip(Vec<f32>),
    None,
}

struct Norm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    eps: f32,
}

/// A reference encoder whose weights are arriving.
pub(in crate::encoder) struct ReferenceBuilder {
    plan: Plan,
    store: WeightStore,
    weights: Vec<Option<Weights>>,
    facts: ModelFacts,
}

impl ReferenceBuilder {
    /// Starts with no weights. `weights` is their number in the graph that the plan was made from.
    pub(in crate::encoder) fn new(plan: Plan, weights: usize, facts: ModelFacts) -> Self {
        let store = WeightStore::new(weights, &plan.ops);
        Self { store, weights: plan.ops.iter().map(|_| None).collect(), plan, facts }
    }

    fn convert(&mut self) -> Result<()> {
        for (op, weights) in self.plan.ops.iter().zip(&mut self.weights) {
            if weights.is_none() && self.store.has_all(op) {
                *weights = Some(match op {
                    PlanOp::Embed(op) => embed_weights(&mut self.store, op)?,
                    PlanOp::Linear(op) => linear_weights(&mut self.store, op)?,
                    PlanOp::AddNorm { norm: op, .. } => Weights::Norm(norm(&self.store, op)?),
                    PlanOp::Clip(op) => Weights::Clip(shift(&self.store, op)?),
                    _ => Weights::None,
                });
                self.store.release(op);
            }
        }
        Ok(())
    }
}

fn embed_weights(store: &mut WeightStore, op: &EmbedOp) -> Result<Weights> {
    let mut token_type =
        op.token_type.as_ref().map_or(Ok(Vec::new()), |types| floats(store, &types.table))?;
    if let Some(constant) = &op.constant {
        let first = floats(store, constant)?;
        let width = op.norm.width;
        token_type.iter_mut().enumerate().for_each(|(i, x)| *x += first[i % width]);
    }
    Ok(Weights::Embed {
        word: floats(store, &op.word)?,
        token_type,
        position: op.position.as_ref().map_or(Ok(Vec::new()), |of| floats(store, &of.table))?,
        rule: op.position.as_ref().map_or_else(PositionRule::default, |of| of.rule),
        norm: norm(store, &op.norm)?,
        types_always_zero: op.token_type.as_ref().is_none_or(|types| types.always_zero),
    })
}

fn linear_weights(store: &mut WeightStore, op: &LinearOp) -> Result<Weights> {
    let [inputs, outputs] = op.weight.used();
    let mut stored = floats(store, &op.weight)?;
    if let Some(factors) = &op.input_factors {
        multiply_inputs(&op.spec, order(&op.weight), &mut stored, &store.vector(factors, inputs)?);
    }
    let weight = match order(&op.weight) {
        WeightOrder::OutIn => stored,
        WeightOrder::InOut => {
            (0..outputs).flat_map(|n| (0..inputs).map(move |k| k * outputs + n)).map(|i| stored[i]).collect()
        }
    };
    let bias = op.bias.as_ref().map_or(Ok(Vec::new()), |bias| store.vector(bias, outputs))?;
    Ok(Weights::Linear { weight, bias })
}

fn norm(store: &WeightStore, op: &NormWeights) -> Result<Norm> {
    let (gamma, beta) = (store.vector(&op.gamma, op.width)?, store.vector(&op.beta, op.width)?);
    Ok(Norm { gamma, beta, eps: op.eps })
}

impl PlanBuilder for ReferenceBuilder {
    fn wants(&self, weight: usize) -> bool {
        self.store.wants(weight)
    }

    fn put(&mut self, weight: usize, data: TensorData) -> Result<()> {
        self.store.put(weight, data);
        self.convert()
    }

    fn row_width(&self, _: usize) -> Option<usize> {
        None // It computes in f32.
    }

    fn put_rows(&mut self, _: usize, _: Int8Rows) -> Result<()> {
        Err(packing_failed("the reference back end takes no int8 rows"))
    }

    fn forget(&mut self, weight: usize) {
        self.store.drop_weight(weight);
        for (op, weights) in self.plan.ops.iter().zip(&mut self.weights) {
            if weights.is_some() && op.weights().contains(&weight) {
                *weights = None;
                self.store.reclaim(op);
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Result<Box<dyn Encoder>> {
        self.convert()?;
        let Self { plan, weights, facts, .. } = *self;
        let weights: Option<Vec<Weights>> = weights.into_iter().collect();
        let weights = weights.ok_or_else(|| packing_failed("a weight is missing"))?;
        let positions = plan.positions().unwrap_or(usize::MAX);
        let longest = facts.static_sequence.unwrap_or(usize::MAX).min(positions);
        let info = EncoderInfo {
            hidden_size: plan.output_width(facts.config.hidden_size),
            pooled: facts.pooled,
            first_rows: !facts.pooled && matches!(plan.outputs, Outputs::Pooled(_)),
            dtype: facts.dtype,
            backend: "reference",
            fused: true,
            precision: "f32",
            kernel: "scalar",
            weight_bytes: 0,
            static_batch: None,
            static_sequence: (longest < facts.config.max_position_embeddings).then_some(longest),
            max_tokens: longest.min(facts.config.max_position_embeddings),
            batch_layout: BatchLayout::Ragged { max_tokens: MAX_BATCH_TOKENS },
            tolerance: Tolerance { min_cosine: 0.999, max_norm_error: 0.02, kernels: None },
            device: None,
            fallback: facts.fallback.clone(),
        };
        Ok(Box::new(ReferenceEncoder {
            last_uses: plan.last_uses(),
            plan: Arc::new(plan),
            weights: Arc::new(weights),
            facts,
            info,
            output: None,
        }))
    }
}

struct ReferenceEncoder {
    plan: Arc<Plan>,
    last_uses: Vec<Option<usize>>,
    weights: Arc<Vec<Weights>>,
    facts: ModelFacts,
    info: EncoderInfo,
    output: Option<EncoderOutput>,
}

impl ReferenceEncoder {
    fn compute(
        &self,
        op: &PlanOp,
        weights: &Weights,
        values: &[Option<Vec<f32>>],
        batch: &Batch,
    ) -> Result<Vec<f32>> {
        let value = |id: ValueId| {
            values[id].as_deref().ok_or_else(|| packing_failed("an op reads a value that was dropped"))
        };
        let starts: Vec<usize> = batch.cu_seqlens.iter().map(|start| *start as usize).collect();
        Ok(match (op, weights) {
            (
                PlanOp::Embed(_),
                Weights::Embed { word, token_type, position, rule, norm, types_always_zero },
            ) => {
                let Norm { gamma, beta, eps } = norm;
                let embed =
                    ReferenceEmbed { word, token_type, position, rule: *rule, gamma, beta, eps: *eps };
                let zeros = vec![0; batch.tokens()];
                let types = if *types_always_zero { &zeros } else { &batch.token_type_ids };
                reference_embed(&embed, &batch.input_ids, types, &starts)
            }
            (PlanOp::Linear(op), Weights::Linear { weight, bias }) => {
                reference_linear(&op.spec, value(op.x)?, weight, bias)
            }
            (PlanOp::AddNorm { a, b, .. }, Weights::Norm(Norm { gamma, beta, eps })) => {
                reference_add_norm(value(*a)?, value(*b)?, gamma, beta, *eps)
            }
            (PlanOp::Attention { q, k, v, spec }, _) => {
                reference_attention(spec, value(*q)?, value(*k)?, value(*v)?, &starts)
            }
            (PlanOp::Clip(op), Weights::Clip(shift)) => {
                let plus = op.plus.map_or(Ok(&[][..]), value)?;
                reference_clip(value(op.x)?, plus, op.range, shift, op.activation)
            }
            (PlanOp::SelectRows { x, width }, _) => {
                reference_select_rows(value(*x)?, *width, &starts[..starts.len() - 1])
            }
            (PlanOp::MeanRows { x, width }, _) => reference_mean_rows(value(*x)?, *width, &starts),
            (PlanOp::Normalize { x, width }, _) => reference_normalize(value(*x)?, *width),
            _ => return Err(packing_failed("an op has the weights of another op")),
        })
    }
}

impl Encoder for ReferenceEncoder {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self {
            plan: Arc::clone(&self.plan),
            last_uses: self.last_uses.clone(),
            weights: Arc::clone(&self.weights),
            facts: self.facts.clone(),
            info: self.info.clone(),
            output: None,
        })
    }

    fn begin(&mut self, batch: &Batch) -> Result<()> {
        self.output = None;
        check(batch, &self.facts.config, self.info.max_tokens)?;
        let mut values: Vec<Option<Vec<f32>>> = Vec::with_capacity(self.plan.ops.len());
        for (index, (op, weights)) in self.plan.ops.iter().zip(self.weights.iter()).enumerate() {
            values.push(Some(self.compute(op, weights, &values, batch)?));
            for input in op.inputs() {
                if self.last_uses[input] == Some(index) {
                    values[input] = None;
                }
            }
        }
        let mut take = |id: ValueId| values[id].take().unwrap_or_default();
        self.output = Some(match &self.plan.outputs {
            Outputs::Hidden(layers) => EncoderOutput::Hidden(layers.iter().map(|id| take(*id)).collect()),
            Outputs::Pooled(id) => EncoderOutput::Pooled(take(*id)),
            Outputs::Scores { value, .. } => EncoderOutput::Scores(take(*value)),
        });
        Ok(())
    }

    #[cfg(test)]
    fn stages(&mut self, batch: &Batch) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let mut values: Vec<Option<Vec<f32>>> = Vec::new();
        for (op, weights) in self.plan.ops.iter().zip(self.weights.iter()) {
            values.push(Some(self.compute(op, weights, &values, batch)?));
        }
        let names = self.plan.ops.iter().map(PlanOp::name);
        Ok(names.zip(values.into_iter().flatten()).collect())
    }

    fn poll(&mut self) -> Result<Poll<EncoderOutput>> {
        match self.output.take() {
            Some(output) => Ok(Poll::Ready(output)),
            None => fail!(Internal, "no batch is running"),
        }
    }
}
