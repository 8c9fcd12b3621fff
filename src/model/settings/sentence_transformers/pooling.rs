//! The Pooling module's `config.json`.
//!
//! Releases before 6 have one flag per mode, `pooling_mode_mean_tokens`; newer ones have `pooling_mode`, a
//! name or a list of names. The vectors of several modes are concatenated: in the fixed order of the flags,
//! or in the order of the list.

use serde_json::Value;

use super::modules::file_in;
use crate::checkpoint_file::file_source::FileSource;
use crate::config::{Pooling, PoolingChoice};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::model::settings::decided::{Decided, Stated};
use crate::model::settings::files::{JsonFile, object};

/// The flag, the mode's name in newer releases, and corom's pooling, in the order of concatenation.
const MODES: [(&str, &str, Pooling); 6] = [
    ("pooling_mode_cls_token", "cls", Pooling::Cls),
    ("pooling_mode_max_tokens", "max", Pooling::Max),
    ("pooling_mode_mean_tokens", "mean", Pooling::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", Pooling::MeanSqrtLen),
    ("pooling_mode_weightedmean_tokens", "weightedmean", Pooling::WeightedMean),
    ("pooling_mode_lasttoken", "lasttoken", Pooling::LastToken),
];

/// The statements of the file.
pub(super) struct PoolingFile {
    pub(super) pooling: Stated<PoolingChoice>,
    /// True if the tokens of a prompt take part in the pooling.
    pub(super) include_prompt: bool,
}

impl Default for PoolingFile {
    fn default() -> Self {
        Self { pooling: None, include_prompt: true }
    }
}

/// Reads the file in the module's folder. A missing file states nothing.
///
/// # Errors
/// `INVALID_CONFIG` if it is not a JSON object, `FETCH_FAILED`.
pub(super) fn read(files: &dyn FileSource, folder: &str, hidden_size: usize) -> Result<PoolingFile> {
    let path = file_in(folder, "config.json");
    // In the model folder itself, config.json is the encoder's unless it has a key of a Pooling.
    let Some(file) = object(files, &path)?.filter(|file| !folder.is_empty() || has_pooling_key(file)) else {
        return Ok(PoolingFile::default());
    };
    let include_prompt = file.flag("include_prompt")?.unwrap_or(true);
    let pooling = modes(&file).and_then(|pooling| check_dimension(&file, hidden_size).map(|()| pooling));
    Ok(PoolingFile { pooling: Some(Decided::by_file(pooling, &path)), include_prompt })
}

fn has_pooling_key(file: &JsonFile) -> bool {
    file.entries.keys().any(|key| key.starts_with("pooling_mode"))
}

fn modes(file: &JsonFile) -> Result<PoolingChoice> {
    let path = &file.path;
    let named = match file.get("pooling_mode") {
        None => None,
        Some(Value::String(name)) => Some(vec![name.as_str()]),
        Some(Value::Array(names)) => names.iter().map(Value::as_str).collect::<Option<Vec<_>>>(),
        Some(other) => {
            fail!(InvalidConfig, "{path}: pooling_mode is {other}; expected a name or a list of names")
        }
    };
    let mut poolings = Vec::new();
    for name in named.into_iter().flatten() {
        match MODES.iter().find(|(_, mode, _)| *mode == name) {
            Some((_, _, pooling)) => poolings.push(*pooling),
            None => return Err(unsupported(path, name)),
        }
    }
    if file.get("pooling_mode").is_none() {
        for key in file.entries.keys().filter(|key| file.get(key) == Some(&Value::Bool(true))) {
            if key.starts_with("pooling_mode_") && !MODES.iter().any(|(flag, ..)| flag == key) {
                return Err(unsupported(path, key));
            }
        }
        for (flag, _, pooling) in MODES {
            if file.flag(flag)? == Some(true) {
                poolings.push(pooling);
            }
        }
        if poolings.is_empty() {
            // sentence-transformers' default.
            poolings.push(Pooling::Mean);
        }
    }
    let names: Vec<&str> = poolings.iter().map(|pooling| pooling.as_str()).collect();
    PoolingChoice::parse(&names)
        .map_err(|e| Error::new(ErrorCode::InvalidConfig, format!("{path}: pooling_mode: {e}")))
}

fn unsupported(path: &str, mode: &str) -> Error {
    Error::new(
        ErrorCode::UnsupportedPooling,
        format!(
            "{path}: the pooling `{mode}` is not supported; choose another one (`pooling`; when converting, \
             --pooling): {}",
            PoolingChoice::names()
        ),
    )
}

/// Checks the dimension that the file states.
fn check_dimension(file: &JsonFile, hidden_size: usize) -> Result<()> {
    for key in ["embedding_dimension", "word_embedding_dimension"] {
        if let Some(size) = file.size(key)?
            && size != hidden_size
        {
            fail!(
                InvalidConfig,
                "{}: {key} is {size}, but config.json has hidden_size {hidden_size}: the two files belong to different \
                 models",
                file.path
            );
        }
    }
    Ok(())
}
