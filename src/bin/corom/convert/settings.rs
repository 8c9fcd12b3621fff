//! How texts become vectors, by what the command line and the checkpoint's side files say.
//!
//! The command line goes first, then ModelScope's `configuration.json`, then
//! sentence-transformers' files, then uniem's note in `config.json`, then what
//! CoROM does: the CLS row, not normalised, 128 tokens.

use corom::config::{DEFAULT_MAX_LENGTH, Pooling, PoolingConfig};
use corom::error::{Error, ErrorCode, Result};
use serde_json::Value;

use super::source::Source;
use crate::fail;

/// What the manifest will say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How hidden rows become a vector.
    pub(crate) pooling: Pooling,
    /// Whether vectors are L2-normalised.
    pub(crate) normalize: bool,
    /// Where texts are cut, in tokens.
    pub(crate) max_length: usize,
}

impl Settings {
    /// Decides, given what the command line says.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the command line asks for more tokens than the
    /// model has positions, `INVALID_CONFIG` when a side file cannot be read,
    /// `UNSUPPORTED_POOLING` and `UNSUPPORTED_MODEL` when the side files ask for
    /// something that corom does not do, unless `ignore_head`.
    pub(crate) fn decide(source: &Source, said: &PoolingConfig, ignore_head: bool) -> Result<Self> {
        let positions = source.config.max_position_embeddings;
        if let Some(length) = said.max_length
            && !(2..=positions).contains(&length)
        {
            fail!(
                InvalidArgument,
                "--max-length {length}: this model takes 2 to {positions} tokens ([CLS] and [SEP] counted)"
            );
        }
        let modelscope = match source.file("configuration.json")? {
            Some(bytes) => PoolingConfig::from_modelscope(&bytes)?,
            None => PoolingConfig::default(),
        };
        // Where the command line or ModelScope says how to pool, the others need not be understood.
        let decided = said.pooling.or(modelscope.pooling);
        let transformers = sentence_transformers(source, decided.is_none(), ignore_head)?;
        let max_length = said
            .max_length
            .or(modelscope.max_length)
            .or(transformers.max_length)
            .unwrap_or(DEFAULT_MAX_LENGTH)
            .min(positions);
        Ok(Self {
            pooling: decided.or(transformers.pooling).or(uniem(source)?).unwrap_or(Pooling::Cls),
            normalize: said.normalize.or(modelscope.normalize).or(transformers.normalize).unwrap_or(false),
            max_length,
        })
    }
}

/// sentence-transformers' `modules.json`, `1_Pooling/config.json` and `sentence_bert_config.json`.
fn sentence_transformers(source: &Source, pooling: bool, ignore_head: bool) -> Result<PoolingConfig> {
    let mut found = PoolingConfig::default();
    let mut pooling_file = "1_Pooling/config.json".to_owned();
    if let Some(modules) = json(source, "modules.json")? {
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
                     its vectors would be others. --ignore-head converts the encoder alone"
                ),
            }
        }
    }
    if let Some(length) =
        json(source, "sentence_bert_config.json")?.and_then(|c| c.get("max_seq_length")?.as_u64())
    {
        found.max_length = usize::try_from(length).ok().filter(|&n| n >= 2);
    }
    if pooling && let Some(config) = json(source, &pooling_file)? {
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
             choose one with --pooling",
            modes.join(" + ")
        ),
    }
}

/// uniem (the m3e models) notes its pooling in `config.json`.
fn uniem(source: &Source) -> Result<Option<Pooling>> {
    let config = json(source, "config.json")?;
    Ok(match config.as_ref().and_then(|c| c.get("uniem_embedding_strategy")?.as_str()) {
        Some("last_mean") => Some(Pooling::Mean),
        Some("cls") => Some(Pooling::Cls),
        _ => None,
    })
}

fn json(source: &Source, name: &str) -> Result<Option<Value>> {
    let Some(bytes) = source.file(name)? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| Error::with_source(ErrorCode::InvalidConfig, format!("{name} is not JSON: {e}"), e))
}
