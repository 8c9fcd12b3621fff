//! Settings of Hugging Face's files: `config.json` with the key of uniem (the m3e models), and
//! `tokenizer_config.json`.

use super::decided::{Decided, Stated, stated};
use super::files::object;
use super::sentence_transformers::file_in;
use super::source_settings::SourceSettings;
use crate::checkpoint_file::file_source::FileSource;
use crate::config::{Pooling, PoolingChoice};
use crate::error::{Error, ErrorCode, Result};

pub(super) const CONFIG: &str = "config.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// The keys of uniem's newer and older releases.
const UNIEM_KEYS: [&str; 2] = ["uniem_pooling_strategy", "uniem_embedding_strategy"];

/// Reads the settings. `folder` is that of the encoder's files.
///
/// # Errors
/// `INVALID_CONFIG` if a file is not a JSON object, `FETCH_FAILED`.
pub(super) fn settings(files: &dyn FileSource, folder: &str) -> Result<SourceSettings> {
    Ok(SourceSettings {
        pooling: uniem_pooling(files, &file_in(folder, CONFIG))?,
        max_length: model_max_length(files, &file_in(folder, TOKENIZER_CONFIG))?,
        ..SourceSettings::default()
    })
}

/// Returns the pooling that uniem writes into `config.json`. Its other strategies average layers in ways that corom
/// does not compute.
fn uniem_pooling(files: &dyn FileSource, path: &str) -> Result<Stated<PoolingChoice>> {
    let Some(file) = object(files, path)? else { return Ok(None) };
    for key in UNIEM_KEYS {
        if let Some(name) = file.text(key)? {
            return Ok(Some(Decided::by_file(uniem_pooling_of(key, name), path)));
        }
    }
    Ok(None)
}

fn uniem_pooling_of(key: &str, name: &str) -> Result<PoolingChoice> {
    match name {
        "cls" => Ok(Pooling::Cls.into()),
        "last_mean" => Ok(Pooling::Mean.into()),
        "last_weighted" => Ok(Pooling::WeightedMean.into()),
        _ => Err(Error::new(
            ErrorCode::UnsupportedPooling,
            format!(
                "{CONFIG}: {key} is `{name}`; corom knows cls, last_mean and last_weighted. Choose a \
                 pooling (`pooling`; when converting, --pooling): {}",
                PoolingChoice::names()
            ),
        )),
    }
}

/// Returns the maximum length of `tokenizer_config.json`.
fn model_max_length(files: &dyn FileSource, path: &str) -> Result<Stated<usize>> {
    let file = match object(files, path) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        // The file is the tokenizer's, and an error only if it decides.
        Err(error) if error.code() == ErrorCode::InvalidConfig => {
            let error = Error::new(ErrorCode::InvalidTokenizer, error.message().to_owned());
            return Ok(Some(Decided::by_file(Err(error), path)));
        }
        Err(error) => return Err(error),
    };
    match file.length("model_max_length") {
        Ok(length) => Ok(stated(length, path)),
        Err(error) => Ok(Some(Decided::by_file(Err(error), path))),
    }
}
