//! Parses `tokenizer.json`, and rejects damaged files for which `tokenizers` would panic.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::AddedToken;

use super::model::ModelFields;
use crate::error::{ErrorCode, Result, fail};
use crate::json;

/// The parts of a `tokenizer.json`. Truncation and padding are left out: corom truncates and batches itself. The
/// decoder is kept for the tools that read what the converter writes.
#[derive(Deserialize)]
pub(super) struct TokenizerJson {
    version: Option<String>,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(super) added_tokens: Vec<NumberedToken>,
    pub(super) normalizer: Option<Value>,
    pub(super) pre_tokenizer: Option<Value>,
    pub(super) post_processor: Option<Value>,
    pub(super) decoder: Option<Value>,
    pub(super) model: ModelFields,
}

/// An added token with its id.
#[derive(Deserialize)]
pub(super) struct NumberedToken {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    normalized: Option<bool>,
    #[serde(default)]
    special: bool,
}

fn null_as_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<NumberedToken>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl NumberedToken {
    /// Returns the id and the token.
    pub(super) fn into_pair(self) -> (u32, AddedToken) {
        let token = AddedToken::from(self.content, self.special)
            .single_word(self.single_word)
            .lstrip(self.lstrip)
            .rstrip(self.rstrip)
            .normalized(self.normalized.unwrap_or(!self.special));
        (self.id, token)
    }
}

/// Parses a `tokenizer.json`. The vocabulary goes straight into the model's own form.
///
/// # Errors
/// `INVALID_TOKENIZER`.
pub(super) fn parse(bytes: &[u8]) -> Result<TokenizerJson> {
    let file: TokenizerJson = json::with_nulls(bytes, "tokenizer.json", ErrorCode::InvalidTokenizer)?;
    if let Some(version) = &file.version
        && version != "1.0"
    {
        fail!(InvalidTokenizer, "tokenizer.json: version is {version}; expected 1.0");
    }
    if let Some(processor) = &file.post_processor {
        check_templates(processor)?;
    }
    Ok(file)
}

/// Checks that every special token of a template is listed with its ids, and that the template of a single
/// text has no second sequence. `tokenizers` panics otherwise.
fn check_templates(processor: &Value) -> Result<()> {
    for inner in processor.get("processors").and_then(Value::as_array).into_iter().flatten() {
        check_templates(inner)?;
    }
    let listed = processor.get("special_tokens");
    for template in ["single", "pair"] {
        for piece in processor.get(template).and_then(Value::as_array).into_iter().flatten() {
            if let Some(id) = id_of(piece, "SpecialToken") {
                let entry = listed.and_then(|tokens| tokens.get(id));
                let lengths = ["ids", "tokens"].map(|key| entry?.get(key)?.as_array().map(Vec::len));
                if !matches!(lengths, [Some(a), Some(b)] if a == b && a > 0) {
                    fail!(
                        InvalidTokenizer,
                        "tokenizer.json: the template's special token `{id}` is not listed with its ids"
                    );
                }
            } else if !matches!((id_of(piece, "Sequence"), template), (Some("A"), _) | (Some("B"), "pair")) {
                fail!(
                    InvalidTokenizer,
                    "tokenizer.json: the {template} template has the piece {piece}; expected a special token or a sequence"
                );
            }
        }
    }
    Ok(())
}

fn id_of<'a>(piece: &'a Value, kind: &str) -> Option<&'a str> {
    piece.get(kind)?.get("id")?.as_str()
}
