//! Reading `tokenizer.json` without the panics that `tokenizers` has for damaged files.

use serde_json::Value;
use tokenizers::Tokenizer;

use crate::error::{Error, ErrorCode, Result, fail};

/// Reads a tokenizer. Truncation and padding are the crate's own affair, and
/// nothing here turns ids back into text: those parts are left out.
pub(super) fn parse(json: &[u8]) -> Result<Tokenizer> {
    let invalid = |e: serde_json::Error| {
        Error::with_source(ErrorCode::InvalidTokenizer, format!("tokenizer.json cannot be read: {e}"), e)
    };
    // Whole before it is interpreted: `tokenizers` panics on JSON that is cut short.
    let mut value: Value = serde_json::from_slice(json).map_err(invalid)?;
    let Some(fields) = value.as_object_mut() else {
        fail!(InvalidTokenizer, "tokenizer.json is not a JSON object");
    };
    for unused in ["decoder", "padding", "truncation"] {
        fields.insert(unused.to_owned(), Value::Null);
    }
    if let Some(processor) = fields.get("post_processor") {
        check_templates(processor)?;
    }
    serde_json::from_value(value).map_err(invalid)
}

/// Every special token of a template must be listed with its ids, and a single
/// text has no second sequence; `tokenizers` looks both up without asking.
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
                    "tokenizer.json: the {template} template has the piece {piece}, which means nothing"
                );
            }
        }
    }
    Ok(())
}

fn id_of<'a>(piece: &'a Value, kind: &str) -> Option<&'a str> {
    piece.get(kind)?.get("id")?.as_str()
}
