//! A graph made runnable: once for all shapes, or once a shape.

use std::sync::Arc;

use tract_onnx::prelude::*;

use super::ports::Ports;
use crate::encoder::onnx::{Expected, Extent, Graph, Role, Translated, translate};
use crate::error::{Error, ErrorCode, Result, fail};

/// Plans for single shapes that are kept.
const KEPT: usize = 4;

/// Runnable graphs.
#[derive(Debug)]
pub(super) enum Plans {
    /// One for every batch and sequence (or the only ones of a static export).
    One(Plan),
    /// One a batch and sequence, for a graph that tract cannot leave open.
    /// The latest used is last.
    Many { graph: Box<Graph>, ports: Ports, expected: Expected, hidden: usize, kept: Vec<(Extent, Plan)> },
}

/// A runnable graph.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    runnable: Arc<TypedRunnableModel>,
    /// What its inputs want, in order.
    pub(super) roles: Vec<Role>,
    outputs: usize,
    /// Bytes of weights in the graph.
    weight_bytes: usize,
}

impl Plans {
    /// Translates and optimises a graph.
    pub(super) fn new(graph: Graph, ports: Ports, expected: Expected, hidden: usize) -> Result<Self> {
        let open = match Plan::new(&graph, &ports, ports.extent, expected, hidden) {
            Ok(plan) => return Ok(Self::One(plan)),
            Err(error) => error,
        };
        if ports.extent.batch.is_some() && ports.extent.sequence.is_some() {
            return Err(open);
        }
        // Some graphs make sense only once batch and sequence are numbers. If this one
        // does not even then, its first complaint is as good as the second.
        let probe = Extent {
            batch: ports.extent.batch.or(Some(2)),
            sequence: ports.extent.sequence.or(Some(8.min(expected.max_positions))),
        };
        let plan = Plan::new(&graph, &ports, probe, expected, hidden).map_err(|_| open)?;
        Ok(Self::Many { graph: Box::new(graph), ports, expected, hidden, kept: vec![(probe, plan)] })
    }

    /// Bytes of weights in a plan.
    pub(super) fn weight_bytes(&self) -> usize {
        match self {
            Self::One(plan) => plan.weight_bytes,
            Self::Many { kept, .. } => kept.first().map_or(0, |(_, plan)| plan.weight_bytes),
        }
    }

    /// How many outputs a plan has.
    pub(super) fn outputs(&self) -> usize {
        match self {
            Self::One(plan) => plan.outputs,
            Self::Many { ports, .. } => ports.outputs.len(),
        }
    }

    /// The plan for a batch.
    pub(super) fn get(&mut self, batch: usize, sequence: usize) -> Result<Plan> {
        match self {
            Self::One(plan) => Ok(plan.clone()),
            Self::Many { graph, ports, expected, hidden, kept } => {
                let extent = Extent { batch: Some(batch), sequence: Some(sequence) };
                let entry = match kept.iter().position(|(e, _)| *e == extent) {
                    Some(at) => kept.remove(at),
                    None => {
                        if kept.len() == KEPT {
                            kept.remove(0);
                        }
                        (extent, Plan::new(graph, ports, extent, *expected, *hidden)?)
                    }
                };
                let plan = entry.1.clone();
                kept.push(entry);
                Ok(plan)
            }
        }
    }
}

impl Plan {
    fn new(graph: &Graph, ports: &Ports, extent: Extent, expected: Expected, hidden: usize) -> Result<Self> {
        let translated = translate(graph, &ports.outputs, &ports.feeds, extent, expected)?;
        check_outputs(&translated, ports, hidden)?;
        let runnable = translated.model.into_optimized().and_then(|m| m.into_runnable()).map_err(|e| {
            let message = format!("tract cannot run this graph: {}", e.root_cause());
            Error::with_source(ErrorCode::UnsupportedModel, message, e)
        })?;
        let weight_bytes = translated.weight_bytes;
        Ok(Self { runnable, roles: translated.roles, outputs: ports.outputs.len(), weight_bytes })
    }

    /// Runs the graph on its inputs, row-major `[batch, sequence]`, and returns its outputs.
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

/// Hidden rows are `[batch, sequence, hidden]`, a pooled output `[batch, hidden]`.
fn check_outputs(translated: &Translated, ports: &Ports, hidden: usize) -> Result<()> {
    let (batch, sequence, hidden) = (translated.batch.clone(), translated.sequence.clone(), hidden.to_dim());
    let due: Vec<TDim> = if ports.pooled { vec![batch, hidden] } else { vec![batch, sequence, hidden] };
    for (name, shape) in ports.outputs.iter().zip(&translated.shapes) {
        if shape.as_slice() != due {
            fail!(
                UnsupportedModel,
                "the graph's output `{name}` is {shape:?}, but by config.json it should be {due:?}"
            );
        }
    }
    Ok(())
}
