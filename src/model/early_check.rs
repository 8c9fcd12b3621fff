//! Checks small files when they arrive, so that a wrong folder is rejected before its weights are fetched.

use crate::config::BertConfig;
use crate::error::{ErrorCode, Result};
use crate::json;

/// Checks the configuration or the tokenizer. Other files pass.
///
/// # Errors
/// The errors of [`BertConfig::from_json`], and `INVALID_TOKENIZER`.
pub(super) fn check_early(path: &str, bytes: &[u8]) -> Result<()> {
    match path {
        "config.json" if is_version_file(bytes) => Ok(()),
        "config.json" => BertConfig::from_json(bytes).map(drop),
        "tokenizer.json" => json::check_object(bytes, path, ErrorCode::InvalidTokenizer).map(drop),
        _ => Ok(()),
    }
}

/// Returns true for the `config.json` of sentence-transformers 0.x and 1.x at the top of a folder. It has only the
/// release; the encoder's is in the folder of its module.
fn is_version_file(bytes: &[u8]) -> bool {
    let object = json::object(bytes, "config.json", ErrorCode::InvalidConfig);
    object.is_ok_and(|o| o.get("__version__").is_some() && o.get("hidden_size").is_none())
}
