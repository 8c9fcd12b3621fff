//! The treatment of capitals and of special tokens in a text, and the file that decided it.

use serde_json::Value;

use super::Tokenizer;
use super::class::TokenizerClass;
use super::files::{TokenizerFiles, object};
use super::normalizer::lower_cases;
use crate::error::Result;

/// A file that decides a setting of a tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecidingFile {
    /// `tokenizer.json`.
    Tokenizer,
    /// `tokenizer_config.json`.
    Config,
    /// `sentence_bert_config.json`, or an older name of it.
    SentenceBert,
    /// None: the tokenizer's class decides.
    None,
}

/// The files that decide the settings of a tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecidingFiles {
    pub(crate) lowercase: DecidingFile,
    pub(crate) split_special_tokens: DecidingFile,
}

impl TokenizerFiles {
    /// Returns which files decide, by the rules by which [`Tokenizer::from_files`] builds.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if a file cannot be read, `UNSUPPORTED_MODEL` for a class that corom does not have.
    pub(crate) fn deciding_files(&self) -> Result<DecidingFiles> {
        let config = object(self.config.as_deref(), "tokenizer_config.json")?;
        let model_config = object(self.model_config.as_deref(), "config.json").unwrap_or_default();
        let sentence_bert = object(self.sentence_bert.as_deref(), "sentence_bert_config.json")?;
        let class = TokenizerClass::of(&config, &model_config)?;
        let by_config = |key: &str| match config.get(key).is_some_and(Value::is_boolean) {
            true => DecidingFile::Config,
            false => DecidingFile::None,
        };
        let lowercase = match class {
            _ if sentence_bert.get("do_lower_case") == Some(&Value::Bool(true)) => DecidingFile::SentenceBert,
            TokenizerClass::File if self.tokenizer.is_some() => DecidingFile::Tokenizer,
            TokenizerClass::Bert | TokenizerClass::File => by_config("do_lower_case"),
            TokenizerClass::XlmRoberta | TokenizerClass::Roberta => DecidingFile::None,
        };
        Ok(DecidingFiles { lowercase, split_special_tokens: by_config("split_special_tokens") })
    }
}

impl Tokenizer {
    /// Returns true if text is lower-cased before its tokens are looked up.
    pub fn is_lowercase(&self) -> bool {
        serde_json::to_value(self.inner.get_normalizer()).is_ok_and(|normalizer| lower_cases(&normalizer))
    }

    /// Returns true if special tokens in a text are text.
    pub fn splits_special_tokens(&self) -> bool {
        self.inner.get_encode_special_tokens()
    }
}
