//! Steps, as they are packed, and the graph of them that tract runs.

use std::sync::Arc;

use tract_core::prelude::*;

use super::ops::Shared;
use super::ops::add_norm::AddNorm;
use super::ops::attention::Attention;
use super::ops::embed::Embed;
use super::ops::linear::Linear;
use super::ops::mean_rows::{MeanRows, Normalize};
use super::ops::select_rows::SelectRows;
use super::pack::{self, Precision};
use super::store::{Store, internal};
use crate::encoder::cpu;
use crate::encoder::cpu::linear::Race;
use crate::encoder::matcher::{Fused, Step};
use crate::error::{Error, ErrorCode, Result};

/// A step with its weights.
enum Packed {
    Embed(Arc<kernels::embed::Embed>, bool),
    Linear(Arc<kernels::linear::Linear>),
    AddNorm(Arc<kernels::add_norm::LayerNorm>),
    /// A step that has none.
    Bare,
}

/// A fused graph on its way to being one that runs.
pub(super) struct Assembly {
    fused: Fused,
    store: Store,
    packed: Vec<Option<Packed>>,
    precision: Precision,
    autotuner: Autotuner,
}

/// A graph that runs.
pub(super) struct Runnable {
    pub(super) graph: Arc<TypedRunnableModel>,
    pub(super) shared: Shared,
    /// Bytes of packed weights.
    pub(super) weight_bytes: usize,
    /// The number type that most products are computed with.
    pub(super) precision: &'static str,
    /// The most tokens of a text, where the graph has a position for each.
    pub(super) positions: Option<usize>,
}

impl Assembly {
    pub(super) fn new(fused: Fused, weights: usize, precision: Precision, autotuner: Autotuner) -> Self {
        let store = Store::new(weights, &fused.steps);
        let packed = fused.steps.iter().map(|_| None).collect();
        Self { fused, store, packed, precision, autotuner }
    }

    /// Whether a weight is still to come.
    pub(super) fn wants(&self, weight: usize) -> bool {
        self.store.wants(weight)
    }

    /// Takes a weight over and packs what can be packed.
    pub(super) fn put(&mut self, weight: usize, numbers: crate::encoder::onnx::TensorData) -> Result<()> {
        self.store.put(weight, numbers);
        self.pack(|step| super::store::needs(step).contains(&weight))
    }

    /// Packs every step of these whose weights are all there.
    fn pack(&mut self, which: impl Fn(&Step) -> bool) -> Result<()> {
        for (step, packed) in self.fused.steps.iter().zip(&mut self.packed) {
            if packed.is_some() || !which(step) || !self.store.has_all(step) {
                continue;
            }
            *packed = Some(match step {
                Step::Embed(embed) => {
                    let one_type = embed.token_type.as_ref().is_none_or(|(_, one)| *one);
                    Packed::Embed(Arc::new(pack::embed(&mut self.store, embed, self.precision)?), one_type)
                }
                Step::Linear(linear) => Packed::Linear(Arc::new(pack::linear(
                    &mut self.store,
                    linear,
                    self.precision,
                    self.autotuner.kernel(),
                )?)),
                Step::AddNorm { norm, .. } => Packed::AddNorm(Arc::new(pack::norm(&self.store, norm)?)),
                _ => Packed::Bare,
            });
            self.store.release(step);
        }
        Ok(())
    }

    /// The graph, when all weights are there.
    pub(super) fn finish(mut self) -> Result<Runnable> {
        self.pack(|_| true)?;
        let weight_bytes = self.packed.iter().flatten().map(Packed::bytes).sum();
        let precision = self.packed.iter().flatten().find_map(Packed::precision).unwrap_or("f32");
        let positions = self.fused.steps.iter().find_map(|step| match step {
            Step::Embed(embed) => embed.position.as_ref().map(|table| table.shape[0]),
            _ => None,
        });
        let shared = Shared::new(self.autotuner.clone());
        let model = self.model(&shared).map_err(|e| {
            let message = format!("the fused graph cannot be built: {}", e.root_cause());
            Error::with_source(ErrorCode::Internal, message, e)
        })?;
        let graph = model
            .into_runnable()
            .map_err(|e| Error::with_source(ErrorCode::Internal, "the fused graph cannot be run", e))?;
        Ok(Runnable { graph, shared, weight_bytes, precision, positions })
    }

    fn model(self, shared: &Shared) -> TractResult<TypedModel> {
        let Self { fused, packed, .. } = self;
        let mut model = TypedModel::default();
        let (tokens, boundaries) = (model.symbols.sym("tokens"), model.symbols.sym("boundaries"));
        let ids = model.add_source("input_ids", DatumType::I64.fact([tokens.to_dim()]))?;
        let types = model.add_source("token_type_ids", DatumType::I64.fact([tokens.to_dim()]))?;
        let starts = model.add_source("cu_seqlens", DatumType::I64.fact([boundaries.to_dim()]))?;
        let mut values: Vec<OutletId> = Vec::with_capacity(packed.len());
        for (at, (step, packed)) in fused.steps.iter().zip(packed).enumerate() {
            let name = |op: &str| format!("{op}.{at}");
            let packed = packed.ok_or_else(|| internal("a weight is not there"))?;
            let outlets = match (step, packed) {
                (Step::Embed(_), Packed::Embed(embed, one_type)) => {
                    model.wire_node(name("Embed"), Embed { embed, one_type }, &[ids, types, starts])?
                }
                (Step::Linear(step), Packed::Linear(linear)) => {
                    let op = Linear { linear, shared: shared.clone() };
                    model.wire_node(name("Linear"), op, &[values[step.x]])?
                }
                (Step::AddNorm { a, b, .. }, Packed::AddNorm(norm)) => {
                    model.wire_node(name("AddNorm"), AddNorm(norm), &[values[*a], values[*b]])?
                }
                (Step::Attention { q, k, v, spec }, _) => {
                    let op = Attention { spec: *spec, shared: shared.clone() };
                    let inputs = [values[*q], values[*k], values[*v], starts];
                    model.wire_node(name("Attention"), op, &inputs)?
                }
                (Step::SelectRows { x, width }, _) => {
                    let op = SelectRows { width: *width };
                    model.wire_node(name("SelectRows"), op, &[values[*x], starts])?
                }
                (Step::MeanRows { x, width }, _) => {
                    model.wire_node(name("MeanRows"), MeanRows { width: *width }, &[values[*x], starts])?
                }
                (Step::Normalize { x, width }, _) => {
                    model.wire_node(name("Normalize"), Normalize { width: *width }, &[values[*x]])?
                }
                _ => return Err(internal("a step was packed as another").into()),
            };
            values.push(outlets[0]);
        }
        let outputs: Vec<OutletId> = fused.outputs.iter().map(|at| values[*at]).collect();
        model.select_output_outlets(&outputs)?;
        Ok(model)
    }
}

impl Packed {
    fn bytes(&self) -> usize {
        match self {
            Self::Embed(embed, _) => embed.bytes(),
            Self::Linear(linear) => linear.bytes(),
            Self::AddNorm(norm) => norm.bytes(),
            Self::Bare => 0,
        }
    }

    fn precision(&self) -> Option<&'static str> {
        let Self::Linear(linear) = self else { return None };
        Some(match &**linear {
            kernels::linear::Linear::I8(_) | kernels::linear::Linear::I8Relaxed(_) => "int8",
            kernels::linear::Linear::I4(_) => "int4",
            kernels::linear::Linear::F32(_) => "f32",
        })
    }
}
