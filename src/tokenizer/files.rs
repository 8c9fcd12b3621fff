//! The files of a folder that say how its text is tokenized.

use serde_json::{Map, Value};

use crate::error::{ErrorCode, Result};
use crate::json;

/// The files that a tokenizer is built from. Each may be absent, but `tokenizer.json` or `vocab.txt` is needed.
#[derive(Debug, Clone, Default)]
pub struct TokenizerFiles {
    /// `tokenizer.json`: the whole tokenizer.
    pub tokenizer: Option<Vec<u8>>,
    /// `vocab.txt`: the tokens of a BERT, one per line. It is read if there is no `tokenizer.json`.
    pub vocabulary: Option<Vec<u8>>,
    /// `tokenizer_config.json`: the class of transformers, its settings, special and added tokens.
    pub config: Option<Vec<u8>>,
    /// `special_tokens_map.json`: special tokens by role.
    pub special_tokens: Option<Vec<u8>>,
    /// `added_tokens.json`: ids of added tokens.
    pub added_tokens: Option<Vec<u8>>,
    /// `sentence_bert_config.json` of sentence-transformers or an older name of it, for its `do_lower_case`.
    pub sentence_bert: Option<Vec<u8>>,
    /// `config.json`, for `model_type` and `tokenizer_class`.
    pub model_config: Option<Vec<u8>>,
}

/// The paths of the small files that change a `tokenizer.json` or a `vocab.txt`.
pub const TOKENIZER_SIDE_FILES: [&str; 4] =
    ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "sentence_bert_config.json"];

/// The names that sentence-transformers has given to `sentence_bert_config.json`; the first that exists counts.
pub(crate) const SENTENCE_TRANSFORMERS_FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

impl TokenizerFiles {
    /// Takes the files from a folder. `file` returns the bytes of a path, or `None` if there is no such file.
    ///
    /// # Errors
    /// The errors of `file`.
    pub fn read(mut file: impl FnMut(&str) -> Result<Option<Vec<u8>>>) -> Result<Self> {
        let tokenizer = file("tokenizer.json")?;
        let mut sentence_bert = None;
        for path in SENTENCE_TRANSFORMERS_FILES {
            if sentence_bert.is_none() {
                sentence_bert = file(path)?;
            }
        }
        let vocabulary = if tokenizer.is_none() { file("vocab.txt")? } else { None };
        Ok(Self {
            tokenizer,
            vocabulary,
            config: file("tokenizer_config.json")?,
            special_tokens: file("special_tokens_map.json")?,
            added_tokens: file("added_tokens.json")?,
            sentence_bert,
            model_config: file("config.json")?,
        })
    }
}

/// Reads a small JSON object. See [`json::object`].
pub(super) fn object(bytes: Option<&[u8]>, name: &str) -> Result<Map<String, Value>> {
    let Some(bytes) = bytes else { return Ok(Map::new()) };
    match json::object(bytes, name, ErrorCode::InvalidTokenizer)? {
        Value::Object(object) => Ok(object),
        _ => Ok(Map::new()),
    }
}
