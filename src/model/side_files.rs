//! Reads the side files of a folder: files that say how to pool. The loader and the converter both use
//! them.
//!
//! ModelScope's `configuration.json` takes precedence, then the files of sentence-transformers, then uniem's
//! key in `config.json`.

use serde_json::Value;

use crate::config::{Pooling, PoolingConfig};
use crate::error::{ErrorCode, Result, fail};
use crate::json;

/// The side files besides `config.json`. All are optional.
pub const SIDE_FILES: &[&str] =
    &["configuration.json", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"];

/// What the caller has decided. It makes some errors irrelevant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides {
    /// The pooling. An unsupported pooling in a side file is ignored then.
    pub pooling: Option<Pooling>,
    /// Whether unsupported modules after the encoder are ignored.
    pub ignore_head: bool,
}

/// Combines what the side files say. `file` returns the bytes of a file, or `None` if it does not exist.
///
/// # Errors
/// `INVALID_CONFIG` if a file is not valid JSON, `UNSUPPORTED_POOLING` if corom does not have the pooling,
/// `UNSUPPORTED_MODEL` if sentence-transformers has a module after the pooling that corom does not run.
pub fn read_side_files(
    file: &dyn Fn(&str) -> Result<Option<Vec<u8>>>,
    decided: Overrides,
) -> Result<PoolingConfig> {
    let modelscope = match file("configuration.json")? {
        Some(bytes) => PoolingConfig::from_modelscope(&bytes)?,
        None => PoolingConfig::default(),
    };
    let pooling = decided.pooling.or(modelscope.pooling);
    let transformers = sentence_transformers(file, pooling.is_none(), decided.ignore_head)?;
    let pooling = match pooling.or(transformers.pooling) {
        None => uniem(file)?,
        known => known,
    };
    Ok(PoolingConfig {
        pooling,
        normalize: modelscope.normalize.or(transformers.normalize),
        max_length: modelscope.max_length.or(transformers.max_length),
    })
}

/// Reads `modules.json`, `1_Pooling/config.json` and `sentence_bert_config.json` of sentence-transformers.
/// `read_pooling`: whether the pooling is needed.
fn sentence_transformers(
    file: &dyn Fn(&str) -> Result<Option<Vec<u8>>>,
    read_pooling: bool,
    ignore_head: bool,
) -> Result<PoolingConfig> {
    let mut found = PoolingConfig::default();
    let mut pooling_file = "1_Pooling/config.json".to_owned();
    if let Some(modules) = read_json(file, "modules.json")? {
        for module in modules.as_array().into_iter().flatten() {
            let kind = module.get("type").and_then(Value::as_str).unwrap_or_default();
            match kind.rsplit('.').next().unwrap_or_default() {
                "Transformer" => {}
                "Pooling" => {
                    if let Some(path) = module.get("path").and_then(Value::as_str)
                        && !path.is_empty()
                        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                    {
                        pooling_file = format!("{path}/config.json");
                    }
                }
                "Normalize" => found.normalize = Some(true),
                _ if ignore_head => {}
                other => fail!(
                    UnsupportedModel,
                    "modules.json: corom does not run the module `{other}` after the encoder, which changes the vectors. To use \
                     the encoder without it, choose a pooling (`pooling`; when converting, --ignore-head)"
                ),
            }
        }
    }
    if let Some(length) =
        read_json(file, "sentence_bert_config.json")?.and_then(|c| c.get("max_seq_length")?.as_u64())
    {
        found.max_length = usize::try_from(length).ok().filter(|n| (2..1 << 24).contains(n));
    }
    if read_pooling && let Some(config) = read_json(file, &pooling_file)? {
        found.pooling = Some(pooling_mode(&config, &pooling_file)?);
    }
    Ok(found)
}

/// Returns the mode that is true in a `1_Pooling/config.json`. Newer files name it instead.
fn pooling_mode(config: &Value, file: &str) -> Result<Pooling> {
    let mut modes: Vec<&str> = config
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| **value == Value::Bool(true))
        .filter_map(|(key, _)| key.strip_prefix("pooling_mode_"))
        .collect();
    if modes.is_empty() {
        modes.extend(config.get("pooling_mode").and_then(Value::as_str));
    }
    match modes[..] {
        ["cls_token" | "cls"] => Ok(Pooling::Cls),
        ["mean_tokens" | "mean"] => Ok(Pooling::Mean),
        _ => fail!(
            UnsupportedPooling,
            "{file}: the pooling `{}` is not supported; choose cls, mean, avg_top2 or avg_first_last (`pooling`; when \
             converting, --pooling)",
            modes.join(" + ")
        ),
    }
}

/// Reads the pooling that uniem (the m3e models) writes into `config.json`.
fn uniem(file: &dyn Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<Option<Pooling>> {
    let config = read_json(file, "config.json")?;
    Ok(match config.as_ref().and_then(|c| c.get("uniem_embedding_strategy")?.as_str()) {
        Some("last_mean") => Some(Pooling::Mean),
        Some("cls") => Some(Pooling::Cls),
        _ => None,
    })
}

/// Reads a JSON file.
fn read_json(file: &dyn Fn(&str) -> Result<Option<Vec<u8>>>, name: &str) -> Result<Option<Value>> {
    let Some(bytes) = file(name)? else { return Ok(None) };
    json::value(&bytes, name, ErrorCode::InvalidConfig).map(Some)
}
