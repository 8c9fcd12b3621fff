//! A checkpoint folder: which file of it says what.

use std::path::{Path, PathBuf};

use corom::config::BertConfig;
use corom::error::{Error, ErrorCode, Result};

use crate::fail;

/// Side files are small; one that is not is something else.
const MAX_SIDE_FILE: u64 = 64 << 20;

/// A checkpoint folder with its configuration read.
#[derive(Debug)]
pub(crate) struct Source {
    folder: PathBuf,
    /// `config.json`.
    pub(crate) config: BertConfig,
    /// The file with the weights.
    pub(crate) weights: PathBuf,
}

impl Source {
    /// Looks into the folder.
    ///
    /// # Errors
    /// `MISSING_FILE` with what is not there, `INVALID_CONFIG`, `UNSUPPORTED_MODEL`.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            fail!(MissingFile, "{} is not a folder: give the checkpoint's folder", folder.display());
        }
        let folder = folder.to_owned();
        let config = read(&folder, "config.json")?.ok_or_else(|| {
            Error::new(ErrorCode::MissingFile, format!("{} has no config.json", folder.display()))
        })?;
        let config = BertConfig::from_json(&config)?;
        let weights = find_weights(&folder)?;
        Ok(Self { folder, config, weights })
    }

    /// The contents of a file of the folder, `None` when it is not there.
    ///
    /// # Errors
    /// `FETCH_FAILED` when it is there and cannot be read.
    pub(crate) fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        read(&self.folder, name)
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// safetensors goes before PyTorch's own format where both are there, as in Hugging Face's loader.
fn find_weights(folder: &Path) -> Result<PathBuf> {
    for name in ["model.safetensors", "pytorch_model.bin"] {
        if folder.join(name).is_file() {
            return Ok(folder.join(name));
        }
    }
    for name in ["model.safetensors.index.json", "pytorch_model.bin.index.json"] {
        if folder.join(name).is_file() {
            fail!(
                UnsupportedModel,
                "the checkpoint is split over several files ({name}); save it as one file first \
                 (model.save_pretrained(…, max_shard_size=\"10GB\"))"
            );
        }
    }
    for name in ["tf_model.h5", "flax_model.msgpack", "model.ckpt.index", "bert_model.ckpt.index"] {
        if folder.join(name).is_file() {
            fail!(
                UnsupportedModel,
                "the checkpoint is TensorFlow's or Flax's ({name}); corom reads pytorch_model.bin and model.safetensors"
            );
        }
    }
    fail!(MissingFile, "{} has neither model.safetensors nor pytorch_model.bin", folder.display())
}

fn read(folder: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let path = folder.join(name);
    let unreadable = |e: std::io::Error| {
        Error::with_source(ErrorCode::FetchFailed, format!("{name} cannot be read: {e}"), e)
    };
    match std::fs::metadata(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e)),
        Ok(meta) if !meta.is_file() => return Ok(None),
        Ok(meta) if meta.len() > MAX_SIDE_FILE => {
            fail!(InvalidConfig, "{name} has {} bytes: it is not what its name says", meta.len())
        }
        Ok(_) => {}
    }
    std::fs::read(&path).map(Some).map_err(unreadable)
}
