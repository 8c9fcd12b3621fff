//! Finds the logits of a cross-encoder among the outputs of a graph.

use super::declared_value::{declared_width, describe};
use super::onnx::ValueInfo;
use crate::error::{Error, ErrorCode, Result, fail};

/// Returns the output with the logits of a cross-encoder: that named `logits`, or the only output.
///
/// # Errors
/// `UNSUPPORTED_MODEL` if there is none, or it has more than two labels.
pub(in crate::encoder) fn logits_output(outputs: &[ValueInfo]) -> Result<&ValueInfo> {
    let named = outputs.iter().find(|value| value.name == "logits" && is_row(value));
    let only = || match outputs {
        [one] if one.dims.as_ref().is_some_and(|dims| matches!(dims[..], [_, Some(1 | 2)])) => Some(one),
        _ => None,
    };
    let Some(logits) = named.or_else(only) else {
        fail!(
            UnsupportedModel,
            "the graph's outputs are {}; a reranker has an output `logits`, [batch, 1] or [batch, 2]. A model that \
             embeds texts is loaded with Corom",
            describe(outputs)
        );
    };
    match declared_width(logits) {
        None | Some(1 | 2) => Ok(logits),
        Some(labels) => fail!(
            UnsupportedModel,
            "the graph's output `{}` has {labels} labels; a reranker has 1, or 2 of which the second means relevant",
            logits.name
        ),
    }
}

/// Returns the error for a graph that has neither hidden states nor a sentence vector. `hidden` is the number of
/// columns of both.
pub(in crate::encoder) fn no_vector_error(outputs: &[ValueInfo], hidden: usize) -> Error {
    let found = format!("the graph's outputs are {}", describe(outputs));
    match logits_output(outputs) {
        Ok(_) => reranker_error(found),
        Err(error) if outputs.iter().any(|value| value.name == "logits" && is_row(value)) => error,
        Err(_) => Error::new(
            ErrorCode::UnsupportedModel,
            format!("{found}; expected [batch, sequence, {hidden}] or [batch, {hidden}]"),
        ),
    }
}

fn is_row(value: &ValueInfo) -> bool {
    value.dims.as_ref().is_none_or(|dims| dims.len() == 2)
}

/// Returns the error for a reranker where an embedding model is expected.
pub(crate) fn reranker_error(found: impl std::fmt::Display) -> Error {
    let message = format!("{found}: this model is a reranker; load it with CoromReranker");
    Error::new(ErrorCode::UnsupportedModel, message)
}
