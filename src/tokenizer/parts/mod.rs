//! The parts of a tokenizer around its model: the search for added tokens, the normalizer, the pre-tokenizer and the
//! decoder.
//!
//! The parts that BERT, XLM-RoBERTa and RoBERTa have are in every binary, and need no regular expressions. The other
//! parts are those of the `tokenizers` crate, behind the feature `regex`: expressions and their Unicode tables would be
//! a sixth of what a page downloads.

mod added_tokens;
mod byte_level;
mod char_ranges;
mod decoder;
mod normalizer;
mod pre_tokenizer;
mod replace;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use added_tokens::AddedTokenFinder;
pub(super) use decoder::{TokenDecoder, decoder};
pub(super) use normalizer::TextNormalizer;
pub(super) use pre_tokenizer::WordSplitter;

#[cfg(not(feature = "regex"))]
use crate::error::fail;
use crate::error::{Error, ErrorCode, Result};

/// Returns an `INVALID_TOKENIZER` error about a part of `tokenizer.json`.
pub(super) fn invalid(name: &str, e: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidTokenizer, format!("tokenizer.json: {name}: {e}"))
}

/// Parses a part of `tokenizer.json`.
///
/// # Errors
/// `INVALID_TOKENIZER`.
pub(super) fn part<T: DeserializeOwned>(value: Option<Value>, name: &str) -> Result<Option<T>> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    serde_json::from_value(value).map(Some).map_err(|e| invalid(name, &e))
}

/// Parses a part whose rules are in the `tokenizers` crate only.
///
/// # Errors
/// `INVALID_TOKENIZER`.
#[cfg(feature = "regex")]
fn other<T: DeserializeOwned>(value: &Value, name: &str) -> Result<T> {
    serde_json::from_value(value.clone()).map_err(|e| invalid(name, &e))
}

/// Rejects a part whose rules this binary does not have.
///
/// # Errors
/// `NEEDS_UNFUSED`.
#[cfg(not(feature = "regex"))]
fn other<T>(value: &Value, name: &str) -> Result<T> {
    fail!(
        NeedsUnfused,
        "tokenizer.json: the {name} {} is not in this binary; corom-unfused.wasm has it",
        value.get("type").unwrap_or(value)
    )
}

/// Parses a list of parts, the value of `key` in `sequence`. Returns `None` if there is none.
fn sequence<T>(value: &Value, key: &str, parse: impl Fn(&Value) -> Result<T>) -> Result<Option<Vec<T>>> {
    value.get(key).and_then(Value::as_array).map(|list| list.iter().map(parse).collect()).transpose()
}
