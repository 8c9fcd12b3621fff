//! The sizes that `config.json` states, which the graph must agree with.

use crate::config::BertConfig;
use crate::error::{Error, ErrorCode};

/// Sizes of the model, from `config.json`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ModelSizes {
    pub(crate) vocab_size: usize,
    pub(crate) type_vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) max_positions: usize,
}

impl ModelSizes {
    /// Returns the sizes in a configuration.
    pub(crate) fn of(config: &BertConfig) -> Self {
        Self {
            vocab_size: config.vocab_size,
            type_vocab_size: config.type_vocab_size,
            hidden_size: config.hidden_size,
            max_positions: config.max_position_embeddings,
        }
    }
}

/// Returns the error for an embedding table whose number of rows is not the `size` that `config.json`
/// states under `key`.
pub(crate) fn embedding_mismatch(what: &str, rows: usize, key: &str, size: usize) -> Error {
    let message = format!(
        "the graph's {what} embedding has {rows} rows, but {key} is {size} in config.json: the two files \
         belong to different models"
    );
    // Usually tokenizer.json and config.json are those of another model than the graph.
    let code = if key == "vocab_size" { ErrorCode::TokenizerMismatch } else { ErrorCode::UnsupportedModel };
    Error::new(code, message)
}
