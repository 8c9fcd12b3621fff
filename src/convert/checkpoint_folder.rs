//! The files of a checkpoint folder: `config.json`, the weight file, and side files on request.

use super::family::Family;
use super::files::FileSource;
use crate::config::BertConfig;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::model::settings::{encoder_folder, file_in};

/// The largest side file that is read. Side files are small; a larger file is not what its name says.
const MAX_SIDE_FILE_BYTES: u64 = 64 << 20;

/// A checkpoint folder whose `config.json` was read and whose weight file was found.
pub(crate) struct CheckpointFolder<'a> {
    /// The files.
    pub(crate) source: &'a dyn FileSource,
    /// The contents of `config.json`.
    pub(crate) config: BertConfig,
    /// The folder of the encoder's files: empty, or that of sentence-transformers' Transformer module.
    encoder: String,
    /// The kind of the checkpoint.
    pub(crate) family: Family,
    /// The path of the weight file.
    pub(crate) weights: String,
}

impl<'a> CheckpointFolder<'a> {
    /// Reads `config.json` and finds the weight file.
    ///
    /// # Errors
    /// `MISSING_FILE` with the name of the missing file, `INVALID_CONFIG`, `UNSUPPORTED_MODEL`.
    pub(crate) fn open(source: &'a dyn FileSource) -> Result<Self> {
        let encoder = encoder_folder(source)?;
        let Some(config) = read_side_file(source, &file_in(&encoder, "config.json"))? else {
            fail!(MissingFile, "the checkpoint has no config.json{}", found(source));
        };
        let json = crate::json::object(&config, "config.json", ErrorCode::InvalidConfig)?;
        let config = BertConfig::from_json(&config)?;
        let family = Family::of(&config, &json)?;
        family.max_tokens(&config)?;
        let weights = find_weights(source, &encoder)?;
        Ok(Self { source, config, encoder, family, weights })
    }

    /// Returns the contents of a file beside the encoder, or `None` if the checkpoint does not have that file.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file exists and cannot be read, `INVALID_CONFIG` if it is larger than 64 MiB.
    pub(crate) fn side_file(&self, path: &str) -> Result<Option<Vec<u8>>> {
        read_side_file(self.source, &file_in(&self.encoder, path))
    }
}

/// Returns the path of the weight file. safetensors goes before PyTorch's own format if both exist,
/// as in Hugging Face's loader.
fn find_weights(source: &dyn FileSource, encoder: &str) -> Result<String> {
    let first = |names: &[&str]| -> Result<Option<String>> {
        for name in names {
            let path = file_in(encoder, name);
            if size(source, &path)?.is_some() {
                return Ok(Some(path));
            }
        }
        Ok(None)
    };
    if let Some(path) = first(&["model.safetensors", "pytorch_model.bin"])? {
        return Ok(path);
    }
    if let Some(path) = first(&["model.safetensors.index.json", "pytorch_model.bin.index.json"])? {
        fail!(
            UnsupportedModel,
            "the checkpoint is split over several files ({path}); save it as one file first \
             (model.save_pretrained(…, max_shard_size=\"10GB\"))"
        );
    }
    let other_frameworks = ["tf_model.h5", "flax_model.msgpack", "model.ckpt.index", "bert_model.ckpt.index"];
    if let Some(path) = first(&other_frameworks)? {
        fail!(
            UnsupportedModel,
            "the checkpoint is in TensorFlow's or Flax's format ({path}); corom reads model.safetensors \
             and pytorch_model.bin"
        );
    }
    fail!(MissingFile, "the checkpoint has neither model.safetensors nor pytorch_model.bin{}", found(source))
}

/// Returns `; it has config.json, vocab.txt`: what a message about a missing file adds.
pub(crate) fn found(source: &dyn FileSource) -> String {
    const MAX_NAMES: usize = 12;
    let mut names = source.list().unwrap_or_default();
    names.sort();
    let more = if names.len() > MAX_NAMES { ", …" } else { "" };
    names.truncate(MAX_NAMES);
    if names.is_empty() {
        return String::new();
    }
    format!("; it has {}{more}", names.join(", ").escape_debug())
}

fn size(source: &dyn FileSource, path: &str) -> Result<Option<u64>> {
    source.size(path).map_err(|e| cannot_read(path, e))
}

fn read_side_file(source: &dyn FileSource, path: &str) -> Result<Option<Vec<u8>>> {
    let Some(length) = size(source, path)? else { return Ok(None) };
    if length > MAX_SIDE_FILE_BYTES {
        fail!(
            InvalidConfig,
            "{path} has {length} bytes, at most {MAX_SIDE_FILE_BYTES} are expected: it is not what its name says"
        );
    }
    let mut bytes = vec![0; length as usize];
    source.read_at(path, 0, &mut bytes).map_err(|e| cannot_read(path, e))?;
    Ok(Some(bytes))
}

fn cannot_read(path: &str, error: std::io::Error) -> Error {
    Error::with_source(ErrorCode::FetchFailed, format!("{path} cannot be read: {error}"), error)
}
