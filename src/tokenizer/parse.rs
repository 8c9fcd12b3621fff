//! Parses `tokenizer.json`, and rejects damaged files for which `tokenizers` would panic.

use serde_json::Value;
use tokenizers::Tokenizer;

use crate::error::{Error, ErrorCode, Result, fail};
use crate::json;

/// Parses a tokenizer without its truncation, padding and decoder: corom truncates and batches itself, and
/// never turns ids back into text.
pub(super) fn parse(bytes: &[u8]) -> Result<Tokenizer> {
    let invalid = |e: serde_json::Error| {
        Error::with_source(ErrorCode::InvalidTokenizer, format!("tokenizer.json: cannot be parsed: {e}"), e)
    };
    // Parsed as plain JSON first: `tokenizers` panics on truncated JSON.
    let mut value: Value = json::with_nulls(bytes, "tokenizer.json", ErrorCode::InvalidTokenizer)?;
    let Some(fields) = value.as_object_mut() else {
        fail!(InvalidTokenizer, "tokenizer.json: not a JSON object");
    };
    for unused in ["decoder", "padding", "truncation"] {
        fields.insert(unused.to_owned(), Value::Null);
    }
    if let Some(processor) = fields.get("post_processor") {
        check_templates(processor)?;
    }
    serde_json::from_value(value).map_err(invalid)
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
