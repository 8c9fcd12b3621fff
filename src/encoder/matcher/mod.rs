//! The fused graph: what a BERT export computes, recognised whatever its dialect.
//!
//! tract's typed graph is read node by node ([`read`]), each value's value following from its
//! inputs' by the patterns in [`rules`]: embeddings, products with weights, LayerNorms, attention,
//! activation functions, however an exporter spells them, and whatever quantisation is around
//! them. What the wanted outputs mean is then laid out as a list of fused ops ([`steps`]). A graph
//! with a part that no pattern knows has no such list, and runs in plain tract.
//!
//! Weights are handles here: a graph is recognised before any of its weights is loaded.

mod expr;
mod graph_matcher;
mod layout;
mod patterns;
mod probe;
mod steps;
mod weight;

pub(crate) use steps::{EmbedStep, LinearStep, NormStep, Step};
pub(crate) use weight::{Matrix, Quantization, TensorRef, Vector};

use crate::encoder::onnx::{Expected, Translated};

/// The fused graph.
#[derive(Debug)]
pub(crate) struct Fused {
    /// In an order in which each comes after those that it reads.
    pub(crate) steps: Vec<Step>,
    /// The step that makes each wanted output.
    pub(crate) outputs: Vec<usize>,
}

impl Fused {
    /// TensorData in all its weights and tables.
    pub(crate) fn elements(&self) -> usize {
        let size = |matrix: &Matrix| matrix.used().iter().product::<usize>();
        let of = |step: &Step| match step {
            Step::Linear(linear) => size(&linear.weight),
            Step::Embed(embed) => {
                size(&embed.word)
                    + embed.token_type.as_ref().map_or(0, |(table, _)| size(table))
                    + embed.position.as_ref().map_or(0, size)
            }
            _ => 0,
        };
        self.steps.iter().map(of).fold(0, usize::saturating_add)
    }
}

/// Recognises a graph whose outputs are all `[batch, tokens, width]`, or one that has one row a text
/// (`pooled`). `first_rows`: only the first row of each text is wanted.
pub(crate) fn fuse(
    translated: &Translated,
    expected: Expected,
    first_rows: bool,
    pooled: bool,
) -> Option<Fused> {
    let width = expected.hidden_size;
    let matcher = graph_matcher::GraphMatcher::run(translated, expected.max_positions).ok()?;
    if pooled {
        let [outlet] = translated.model.output_outlets().ok()? else { return None };
        let (steps, outputs) = steps::pooled(&matcher.exprs, matcher.pooled(*outlet)?)?;
        return Some(Fused { steps, outputs });
    }
    let outlets = translated.model.output_outlets().ok()?.to_vec();
    let ids: Option<Vec<_>> = outlets.iter().map(|outlet| matcher.output(*outlet, width)).collect();
    let (steps, outputs) = steps::steps(&matcher.exprs, &ids?, first_rows)?;
    Some(Fused { steps, outputs })
}

#[cfg(test)]
mod tests;
