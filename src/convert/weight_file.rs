//! Chooses the file that the weights come from: a checkpoint's weight file or an ONNX export.

use super::files::FileSource;
use super::folder_files::{file_size, found};
use super::options::{ConvertOptions, WeightSource};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::model::export_folder::{choose_float_onnx, is_onnx, reject_hidden_exports};
use crate::model::settings::file_in;

/// The file with the weights, by its path in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WeightFile {
    /// `model.safetensors` or `pytorch_model.bin`.
    Checkpoint(String),
    /// An ONNX export.
    Onnx(String),
}

impl WeightFile {
    /// Returns the path in the folder.
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Checkpoint(path) => path,
            Self::Onnx(path) => path,
        }
    }
}

/// Weight files in the order of preference: safetensors before PyTorch's own format, as in Hugging Face's loader.
const CHECKPOINTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Chooses the weight file of a folder. `encoder` is the folder of the encoder's own files. An ONNX path in the options decides; then [`ConvertOptions::from`]; then a
/// checkpoint goes before an ONNX export.
///
/// # Errors
/// `MISSING_FILE` if the folder has no such file, `INVALID_ARGUMENT` if several ONNX files have unusual names or the
/// options contradict each other, `UNSUPPORTED_MODEL` for a checkpoint in a format that corom does not read.
pub(crate) fn choose(source: &dyn FileSource, encoder: &str, options: &ConvertOptions) -> Result<WeightFile> {
    if let Some(path) = &options.onnx {
        if options.from == Some(WeightSource::Checkpoint) {
            fail!(
                InvalidArgument,
                "the ONNX file {path} and the weight source `checkpoint` exclude each other"
            );
        }
        if !is_onnx(path) {
            fail!(
                InvalidArgument,
                "{path} is not an ONNX file; give a folder or a file whose name ends in .onnx"
            );
        }
        if file_size(source, path)?.is_none() {
            fail!(MissingFile, "the folder has no {path}{}", found(source));
        }
        return Ok(WeightFile::Onnx(path.clone()));
    }
    if options.from != Some(WeightSource::Onnx)
        && let Some(path) = first(source, encoder, &CHECKPOINTS)?
    {
        return Ok(WeightFile::Checkpoint(path));
    }
    if options.from != Some(WeightSource::Checkpoint) {
        let paths = source.list().map_err(|e| {
            Error::with_source(ErrorCode::FetchFailed, format!("the folder cannot be read: {e}"), e)
        })?;
        reject_hidden_exports(paths.iter().map(String::as_str))?;
        if paths.iter().any(|path| is_onnx(path)) {
            return choose_float_onnx(paths.iter().map(String::as_str)).map(WeightFile::Onnx);
        }
    }
    if options.from == Some(WeightSource::Onnx) {
        fail!(MissingFile, "the folder has no .onnx file{}", found(source));
    }
    reject_other_formats(source, encoder)?;
    fail!(
        MissingFile,
        "the folder has neither model.safetensors nor pytorch_model.bin nor an .onnx file{}",
        found(source)
    )
}

/// Returns the path of the first file that exists in the folder of the encoder.
fn first(source: &dyn FileSource, encoder: &str, names: &[&str]) -> Result<Option<String>> {
    for name in names {
        let path = file_in(encoder, name);
        if file_size(source, &path)?.is_some() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn reject_other_formats(source: &dyn FileSource, encoder: &str) -> Result<()> {
    if let Some(path) =
        first(source, encoder, &["model.safetensors.index.json", "pytorch_model.bin.index.json"])?
    {
        fail!(
            UnsupportedModel,
            "the checkpoint is split over several files ({path}); save it as one file first \
             (model.save_pretrained(…, max_shard_size=\"10GB\"))"
        );
    }
    let other_frameworks = ["tf_model.h5", "flax_model.msgpack", "model.ckpt.index", "bert_model.ckpt.index"];
    if let Some(path) = first(source, encoder, &other_frameworks)? {
        fail!(
            UnsupportedModel,
            "the checkpoint is in TensorFlow's or Flax's format ({path}); corom reads model.safetensors, \
             pytorch_model.bin and ONNX exports"
        );
    }
    Ok(())
}
