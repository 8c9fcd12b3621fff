//! What a folder's side files say about turning text into vectors. The loader
//! and the converter both go by this.
//!
//! ModelScope's `configuration.json` goes first, then sentence-transformers'
//! files, then uniem's note in `config.json`.

use serde_json::Value;

use crate::config::{Pooling, PoolingConfig};
use crate::error::{Error, ErrorCode, Result, fail};

/// The files that are read when they are there, besides `config.json`.
pub const SIDE_FILES: &[&str] =
    &["configuration.json", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"];

/// What the caller has decided already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides {
    /// A pooling: how others pool need not be understood then.
    pub pooling: Option<Pooling>,
    /// Modules after the encoder are none of the caller's concern.
    pub ignore_head: bool,
}

/// Puts together what the side files say; `file` gives one's contents, if it is there.
///
/// # Errors
/// `INVALID_CONFIG` when a file cannot be read, `UNSUPPORTED_POOLING` when the
/// pooling is none of corom's, `UNSUPPORTED_MODEL` when sentence-transformers
/// has a module after the pooling that corom does not run.
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

/// sentence-transformers' `modules.json`, `1_Pooling/config.json` and `sentence_bert_config.json`.
fn sentence_transformers(
    file: &dyn Fn(&str) -> Result<Option<Vec<u8>>>,
    pooling: bool,
    ignore_head: bool,
) -> Result<PoolingConfig> {
    let mut found = PoolingConfig::default();
    let mut pooling_file = "1_Pooling/config.json".to_owned();
    if let Some(modules) = json(file, "modules.json")? {
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
                    "modules.json has a `{other}` module after the encoder, which corom does not run: \
                     its vectors would be others. Choose a pooling yourself (`pooling`; when converting, \
                     --ignore-head) to use the encoder alone"
                ),
            }
        }
    }
    if let Some(length) =
        json(file, "sentence_bert_config.json")?.and_then(|c| c.get("max_seq_length")?.as_u64())
    {
        found.max_length = usize::try_from(length).ok().filter(|n| (2..1 << 24).contains(n));
    }
    if pooling && let Some(config) = json(file, &pooling_file)? {
        found.pooling = Some(pooling_mode(&config, &pooling_file)?);
    }
    Ok(found)
}

/// The one mode that is true in a `1_Pooling/config.json`; newer ones name it.
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
            "{file} asks for the pooling `{}`; corom has cls, mean, avg_top2 and avg_first_last: \
             choose one (`pooling`; when converting, --pooling)",
            modes.join(" + ")
        ),
    }
}

/// uniem (the m3e models) notes its pooling in `config.json`.
fn uniem(file: &dyn Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<Option<Pooling>> {
    let config = json(file, "config.json")?;
    Ok(match config.as_ref().and_then(|c| c.get("uniem_embedding_strategy")?.as_str()) {
        Some("last_mean") => Some(Pooling::Mean),
        Some("cls") => Some(Pooling::Cls),
        _ => None,
    })
}

fn json(file: &dyn Fn(&str) -> Result<Option<Vec<u8>>>, name: &str) -> Result<Option<Value>> {
    let Some(bytes) = file(name)? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| Error::with_source(ErrorCode::InvalidConfig, format!("{name} is not JSON: {e}"), e))
}
