//! Checks small files when they arrive, so that a wrong folder is rejected before its weights are fetched.

use crate::config::BertConfig;
use crate::error::{ErrorCode, Result};
use crate::json;

/// Checks the configuration or the tokenizer. Other files pass.
///
/// # Errors
/// Those of [`BertConfig::from_json`], and `INVALID_TOKENIZER`.
pub(super) fn check_early(path: &str, bytes: &[u8]) -> Result<()> {
    match path {
        "config.json" => BertConfig::from_json(bytes).map(drop),
        "tokenizer.json" => json::check_object(bytes, path, ErrorCode::InvalidTokenizer).map(drop),
        _ => Ok(()),
    }
}
