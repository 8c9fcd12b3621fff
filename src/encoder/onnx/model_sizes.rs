//! The sizes that `config.json` states, which the graph must agree with.

use crate::config::BertConfig;
use crate::error::{Error, ErrorCode};

/// What `config.json` says of the graph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ModelSizes {
    pub(crate) vocab_size: usize,
    pub(crate) type_vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) max_positions: usize,
}

impl ModelSizes {
    pub(crate) fn of(config: &BertConfig) -> Self {
        Self {
            vocab_size: config.vocab_size,
            type_vocab_size: config.type_vocab_size,
            hidden_size: config.hidden_size,
            max_positions: config.max_position_embeddings,
        }
    }
}

/// The graph is another model's than `config.json`.
pub(crate) fn embedding_mismatch(what: &str, rows: usize, key: &str, size: usize) -> Error {
    let message = format!("the graph's {what} embedding has {rows} rows, but config.json says {key} {size}");
    // A graph of another vocabulary is what a tokenizer and config of another model come to.
    let code = if key == "vocab_size" { ErrorCode::TokenizerMismatch } else { ErrorCode::UnsupportedModel };
    Error::new(code, message)
}
