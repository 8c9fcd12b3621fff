//! The graph in the form that tract runs: once for all shapes, or once per shape.

use std::sync::Arc;

use tract_core::internal::DimLike;
use tract_core::prelude::*;

use super::to_tract::to_tract;

use crate::encoder::matcher::max_tokens;
use crate::encoder::onnx::{InputRole, ModelSizes, OnnxGraph, StaticShape, Translated, translate};
use crate::encoder::signature::GraphSignature;
use crate::error::{Error, ErrorCode, Result, fail};

/// Runnable graphs for single shapes that are kept.
const MAX_KEPT_GRAPHS: usize = 4;

/// One graph as tract runs it, for all shapes that it supports.
#[derive(Debug, Clone)]
pub(super) enum RunnableGraphs {
    /// One graph for every batch size and sequence length, or for the only ones of a static export.
    One(RunnableGraph),
    /// One graph per batch size and sequence length, for a graph whose shapes tract cannot leave
    /// symbolic. The latest used graph is last.
    Many {
        graph: Arc<OnnxGraph>,
        signature: GraphSignature,
        expected: ModelSizes,
        kept: Vec<(StaticShape, RunnableGraph)>,
    },
}

/// A graph that tract can run.
#[derive(Debug, Clone)]
pub(super) struct RunnableGraph {
    runnable: Arc<TypedRunnableModel>,
    /// The values that each input is fed, in order.
    pub(super) roles: Vec<InputRole>,
    outputs: usize,
    /// The number of columns of the first output.
    width: Option<usize>,
    /// True if padding is masked.
    masked: bool,
    /// Bytes of weights in the graph.
    weight_bytes: usize,
    /// The most tokens of a text, as far as position tables show it.
    max_tokens: usize,
}

impl RunnableGraphs {
    /// Translates and optimizes a graph.
    pub(super) fn new(graph: OnnxGraph, signature: GraphSignature, expected: ModelSizes) -> Result<Self> {
        let open = match checked(&graph, &signature, signature.static_shape, expected) {
            Ok(translated) => {
                // Drop the stored form of the weights before tract packs them: otherwise three
                // copies would exist.
                drop(graph);
                return Ok(Self::One(RunnableGraph::new(translated, expected)?));
            }
            Err(error) => error,
        };
        let all_known = signature.static_shape.batch.is_some() && signature.static_shape.sequence.is_some();
        if all_known || open.code() == ErrorCode::UnsupportedModel {
            return Err(open);
        }
        // Some graphs translate only when batch size and sequence length are numbers. If this graph
        // does not, report the first error.
        let probe = StaticShape {
            batch: signature.static_shape.batch.or(Some(2)),
            sequence: signature.static_shape.sequence.or(Some(8.min(expected.max_positions))),
        };
        let Ok(translated) = checked(&graph, &signature, probe, expected) else { return Err(open) };
        let kept = vec![(probe, RunnableGraph::new(translated, expected)?)];
        Ok(Self::Many { graph: Arc::new(graph), signature, expected, kept })
    }

    /// Optimizes a graph that tract-onnx read.
    #[cfg(feature = "cli")]
    pub(super) fn of(model: TypedModel, translated: Translated, expected: ModelSizes) -> Result<Self> {
        let max_tokens = max_tokens(&translated, expected);
        Ok(Self::One(RunnableGraph::of(Ok(model), translated, max_tokens)?))
    }

    /// Returns any graph, for what all graphs have in common.
    fn any(&self) -> Option<&RunnableGraph> {
        match self {
            Self::One(graph) => Some(graph),
            Self::Many { kept, .. } => kept.first().map(|(_, graph)| graph),
        }
    }

    /// Returns the bytes of weights in a graph.
    pub(super) fn weight_bytes(&self) -> usize {
        self.any().map_or(0, |graph| graph.weight_bytes)
    }

    /// Returns the most tokens of a text, as far as position tables show it. A graph that is planned for one
    /// length has the positions of that length only, which says nothing of other lengths.
    pub(super) fn max_tokens(&self) -> usize {
        match self {
            Self::One(graph) => graph.max_tokens,
            Self::Many { .. } => usize::MAX,
        }
    }

    /// Returns true if padding is masked.
    pub(super) fn masked(&self) -> bool {
        self.any().is_some_and(|graph| graph.masked)
    }

    /// Returns the number of columns of an output row.
    pub(super) fn width(&self) -> Option<usize> {
        self.any().and_then(|graph| graph.width)
    }

    /// Returns the number of outputs.
    pub(super) fn outputs(&self) -> usize {
        self.any().map_or(0, |graph| graph.outputs)
    }

    /// Returns the graph for a shape.
    pub(super) fn get(&mut self, batch: usize, sequence: usize) -> Result<RunnableGraph> {
        match self {
            Self::One(graph) => Ok(graph.clone()),
            Self::Many { graph, signature, expected, kept } => {
                let static_shape = StaticShape { batch: Some(batch), sequence: Some(sequence) };
                let entry = match kept.iter().position(|(e, _)| *e == static_shape) {
                    Some(at) => kept.remove(at),
                    None => {
                        if kept.len() == MAX_KEPT_GRAPHS {
                            kept.remove(0);
                        }
                        (
                            static_shape,
                            RunnableGraph::new(
                                checked(graph, signature, static_shape, *expected)?,
                                *expected,
                            )?,
                        )
                    }
                };
                let graph = entry.1.clone();
                kept.push(entry);
                Ok(graph)
            }
        }
    }
}

impl RunnableGraph {
    fn new(mut translated: Translated, expected: ModelSizes) -> Result<Self> {
        let max_tokens = max_tokens(&translated, expected);
        let model = to_tract(std::mem::take(&mut translated.model));
        Self::of(model, translated, max_tokens)
    }

    /// Makes a graph of tract runnable. `max_tokens`: the most tokens of a text.
    fn of(model: TractResult<TypedModel>, translated: Translated, max_tokens: usize) -> Result<Self> {
        let Translated { roles, shapes, masked, weight_bytes, .. } = translated;
        let runnable = model.and_then(TypedModel::into_optimized).and_then(IntoRunnable::into_runnable);
        let runnable = runnable.map_err(|e| {
            let message = format!("tract cannot run this graph: {}", e.root_cause());
            Error::with_source(ErrorCode::UnsupportedModel, message, e)
        })?;
        let width = shapes.first().and_then(|shape| shape.last()?.to_usize().ok());
        Ok(Self { runnable, roles, outputs: shapes.len(), width, masked, weight_bytes, max_tokens })
    }

    /// Runs the graph on row-major `[batch, sequence]` inputs and returns its outputs.
    pub(super) fn run(&self, inputs: &[Vec<i64>], batch: usize, sequence: usize) -> Result<Vec<Vec<f32>>> {
        let failed = |e: TractError| {
            let message = format!("the graph failed while running: {}", e.root_cause());
            Error::with_source(ErrorCode::InvalidModel, message, e)
        };
        let inputs = inputs
            .iter()
            .map(|input| Ok(Tensor::from_shape(&[batch, sequence], input)?.into_tvalue()))
            .collect::<TractResult<TVec<TValue>>>()
            .map_err(failed)?;
        let outputs = self.runnable.run(inputs).map_err(failed)?;
        let floats = |t: &TValue| Ok(t.try_as_plain_ram()?.as_slice::<f32>()?.to_vec());
        outputs.iter().map(floats).collect::<TractResult<_>>().map_err(failed)
    }
}

/// Translates a graph. Checks that hidden states are `[batch, sequence, hidden_size]` and a sentence vector
/// is `[batch, width]` for a number `width`.
fn checked(
    graph: &OnnxGraph,
    signature: &GraphSignature,
    static_shape: StaticShape,
    expected: ModelSizes,
) -> Result<Translated> {
    let translated = translate(graph, &signature.outputs, &signature.inputs, static_shape, expected)?;
    let hidden = expected.hidden_size.to_dim();
    let (batch, sequence) = (translated.batch.clone(), translated.sequence.clone());
    let due: Vec<TDim> = if signature.pooled { vec![batch, hidden] } else { vec![batch, sequence, hidden] };
    for (name, shape) in signature.outputs.iter().zip(&translated.shapes) {
        let is_due = match (signature.pooled, shape.as_slice()) {
            // A sentence vector may have another size than hidden states.
            (true, [rows, width]) => *rows == due[0] && width.to_usize().is_ok(),
            (_, shape) => shape == due,
        };
        if !is_due {
            fail!(
                UnsupportedModel,
                "the graph's output `{name}` is {shape:?}, but by config.json it should be {due:?}"
            );
        }
    }
    Ok(translated)
}
