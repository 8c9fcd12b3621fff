//! Recognizes the pipelines whose texts can be divided.

use serde_json::Value;
use tokenizers::models::ModelWrapper;

use super::spaces::Spaces;
use crate::tokenizer::builder::Pipeline;

/// The division of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tokenizer) enum Kind {
    /// BERT: every punctuation mark and Chinese character is a word of its own. WordPiece turns a word of more
    /// than `max_word_chars` characters into one unknown token.
    Words {
        /// See above.
        max_word_chars: usize,
    },
    /// SentencePiece's Unigram or GPT-2's BPE.
    Spaces(Spaces),
    /// Other tokenizers: texts are not divided.
    Whole,
}

impl Kind {
    /// Recognizes a tokenizer by its parts.
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let json = |value: Result<Value, _>| value.unwrap_or(Value::Null);
        let normalizer = json(serde_json::to_value(pipeline.get_normalizer()));
        let pre_tokenizer = json(serde_json::to_value(pipeline.get_pre_tokenizer()));
        let (normalizers, pre_tokenizers) = (parts(&normalizer), parts(&pre_tokenizer));
        let types: Vec<&str> = pre_tokenizers.iter().map(|part| kind(part)).collect();
        let only = |allowed: &[&str]| normalizers.iter().all(|part| allowed.contains(&kind(part)));
        match pipeline.get_model().as_crate() {
            Some(ModelWrapper::WordPiece(model))
                if types == ["BertPreTokenizer"] && only(&["BertNormalizer", "Lowercase"]) =>
            {
                Self::Words { max_word_chars: model.max_input_chars_per_word }
            }
            Some(ModelWrapper::BPE(_)) if types == ["ByteLevel"] && only(&["Lowercase"]) => {
                let flag = |name: &str| pre_tokenizers.first().and_then(|part| part.get(name)?.as_bool());
                if flag("use_regex") == Some(false) {
                    return Self::Whole;
                }
                Self::Spaces(Spaces::Bytes { adds_space: flag("add_prefix_space") != Some(false) })
            }
            None if matches!(types[..], ["Metaspace"] | ["WhitespaceSplit", "Metaspace"])
                && pre_tokenizers
                    .iter()
                    .all(|part| part.get("split").and_then(Value::as_bool) != Some(false))
                && only(&["Precompiled", "Lowercase", "NFC", "NFKC", "Replace"])
                && normalizers.iter().all(|part| kind(part) != "Replace" || collapses_spaces(part)) =>
            {
                Self::Spaces(Spaces::Pieces)
            }
            _ => Self::Whole,
        }
    }
}

/// Returns true for the `Replace` that XLM-RoBERTa's converter writes: several spaces become one.
fn collapses_spaces(replace: &Value) -> bool {
    replace.pointer("/pattern/Regex").and_then(Value::as_str) == Some(" {2,}")
        && replace.get("content").and_then(Value::as_str) == Some(" ")
}

/// Returns the parts of a sequence, or the part itself.
fn parts(value: &Value) -> Vec<&Value> {
    let list = ["normalizers", "pretokenizers"].iter().find_map(|key| value.get(key)?.as_array());
    match list {
        Some(list) => list.iter().flat_map(parts).collect(),
        None if value.is_null() => Vec::new(),
        None => vec![value],
    }
}

fn kind(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or("")
}
