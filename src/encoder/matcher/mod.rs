//! Recognizes the fused ops in a BERT export, whatever exporter wrote it.
//!
//! 1. [`GraphMatcher`] reads the typed graph node by node. The patterns in [`patterns`], one
//!    per file, derive what a node's output is from what its inputs are: an [`AbstractValue`], most
//!    often the rows of an [`Expr`] such as a lookup, a product or a LayerNorm.
//! 2. [`probe`] verifies masks and positions by evaluation, not by pattern matching.
//! 3. [`lower`] turns the expressions of the outputs into the ops of a [`Plan`].
//!
//! A graph with a part that no pattern knows has no plan; the unfused encoder runs it. Weights are
//! placeholders here: a graph is recognized before any of its weights has arrived.
//!
//! [`AbstractValue`]: abstract_value::AbstractValue
//! [`Expr`]: expr::Expr

mod abstract_value;
mod expr;
mod graph_matcher;
mod layout;
mod lower;
mod patterns;
mod position_rule;
mod probe;
mod unquantized;
mod weight;

use graph_matcher::GraphMatcher;

use crate::encoder::onnx::{ModelSizes, Translated};
use crate::encoder::plan::Plan;

/// The kinds of outputs of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GraphOutputs {
    /// The hidden states of layers, `[batch, sequence, hidden_size]`.
    Hidden,
    /// One vector per text, `[batch, width]`.
    Sentence,
    /// The logits of a classifier, `[batch, labels]`.
    Scores,
}

/// Returns the plan of a graph, or `None` if a part of the graph is not recognized.
///
/// `outputs` says what the graph's outputs are. If they are hidden states, `[batch, sequence, hidden_size]`, only the
/// first row of each text is wanted with `first_rows`.
pub(crate) fn match_graph(
    translated: &Translated,
    expected: ModelSizes,
    first_rows: bool,
    outputs: GraphOutputs,
) -> Option<Plan> {
    let matcher = GraphMatcher::run(translated, expected).ok()?;
    if outputs != GraphOutputs::Hidden {
        let [outlet] = translated.model.outputs[..] else { return None };
        return match outputs {
            GraphOutputs::Scores => lower::scores(&matcher.exprs, matcher.logits(outlet)?),
            _ => lower::pooled(&matcher.exprs, matcher.pooled(outlet)?),
        };
    }
    let outlets = &translated.model.outputs;
    let ids: Option<Vec<_>> =
        outlets.iter().map(|outlet| matcher.output(*outlet, expected.hidden_size)).collect();
    lower::hidden(&matcher.exprs, &ids?, first_rows)
}

/// Returns the most tokens of a text that the position tables of a graph have rows for, whether the graph is
/// recognized or not. `usize::MAX` if no position table is recognized.
#[cfg(feature = "unfused")]
pub(crate) fn max_tokens(translated: &Translated, expected: ModelSizes) -> usize {
    let Ok(matcher) = GraphMatcher::run(translated, expected) else { return usize::MAX };
    matcher.exprs.position_rows().min().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
