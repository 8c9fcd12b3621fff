//! The settings of a loaded model's tokenizer, each with what decided it.

use crate::tokenizer::{DecidingFile, DecidingFiles, Tokenizer, TokenizerOptions};

use super::settings::{Decided, SettingSource};

/// The settings of a tokenizer.
#[derive(Debug)]
pub(super) struct TokenizerSettings {
    pub(super) lowercase: Decided<bool>,
    pub(super) split_special_tokens: Decided<bool>,
}

impl TokenizerSettings {
    /// Lists the settings. The caller's `options` come first, then the files. `path_of` returns the path of a file.
    pub(super) fn of(
        tokenizer: &Tokenizer,
        deciding: DecidingFiles,
        options: TokenizerOptions,
        path_of: impl Fn(DecidingFile) -> Option<String>,
    ) -> Self {
        let decided = |option: Option<bool>, own: bool, file: DecidingFile| match option {
            Some(value) => Decided::new(value, SettingSource::Options),
            None => Decided::new(own, path_of(file).map_or(SettingSource::Default, SettingSource::File)),
        };
        Self {
            lowercase: decided(options.lowercase, tokenizer.is_lowercase(), deciding.lowercase),
            split_special_tokens: decided(
                options.split_special_tokens,
                tokenizer.splits_special_tokens(),
                deciding.split_special_tokens,
            ),
        }
    }
}
