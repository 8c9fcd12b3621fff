//! The files of the folder to convert: `config.json`, the weight file, and side files on request.

use super::family::Family;
use super::files::FileSource;
use super::folder_files::{cannot_read, file_size, found};
use super::options::ConvertOptions;
use super::weight_file::{self, WeightFile};
use crate::config::BertConfig;
use crate::error::{ErrorCode, Result, fail};
use crate::model::Manifest;
use crate::model::manifest::FILE_NAME;
use crate::model::settings::{encoder_folder, file_in};

/// The largest side file that is read. Side files are small; a larger file is not what its name says.
const MAX_SIDE_FILE_BYTES: u64 = 64 << 20;

/// The folder of a checkpoint or an export. Its `config.json` was read and its weight file was found.
pub(crate) struct CheckpointFolder<'a> {
    /// The files.
    pub(crate) source: &'a dyn FileSource,
    /// The contents of `config.json`.
    pub(crate) config: BertConfig,
    /// The folder of the encoder's files: empty, or that of sentence-transformers' Transformer module.
    encoder: String,
    /// The kind of the checkpoint. That of an export follows from its graph.
    pub(crate) family: Family,
    /// The file that the weights come from.
    pub(crate) weights: WeightFile,
}

impl<'a> CheckpointFolder<'a> {
    /// Reads `config.json` and finds the weight file.
    ///
    /// # Errors
    /// `MISSING_FILE` with the name of the missing file, `INVALID_CONFIG`, and the errors of
    /// [`weight_file::choose`].
    pub(crate) fn open(source: &'a dyn FileSource, options: &ConvertOptions) -> Result<Self> {
        let encoder = encoder_folder(source)?;
        let Some(config) = read_side_file(source, &file_in(&encoder, "config.json"))? else {
            fail!(MissingFile, "the folder has no config.json{}", found(source));
        };
        let json = crate::json::object(&config, "config.json", ErrorCode::InvalidConfig)?;
        let config = BertConfig::from_json(&config)?;
        let weights = weight_file::choose(source, &encoder, options)?;
        let family = match &weights {
            WeightFile::Checkpoint(_) => Family::of(&config, &json)?,
            WeightFile::Onnx(_) => Family::Bert,
        };
        if let WeightFile::Checkpoint(_) = &weights {
            family.max_tokens(&config)?;
        }
        Ok(Self { source, config, encoder, family, weights })
    }

    /// Returns the contents of a file beside the encoder, or `None` if the folder does not have that file.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file exists and cannot be read, `INVALID_CONFIG` if it is larger than 64 MiB.
    pub(crate) fn side_file(&self, path: &str) -> Result<Option<Vec<u8>>> {
        read_side_file(self.source, &file_in(&self.encoder, path))
    }

    /// Returns the manifest of a converted folder, if its own `model.onnx` is converted.
    ///
    /// # Errors
    /// The errors of [`side_file`](Self::side_file) and [`Manifest::from_json`].
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>> {
        match &self.weights {
            WeightFile::Onnx(path) if path == "model.onnx" => {
                self.side_file(FILE_NAME)?.map(|bytes| Manifest::from_json(&bytes)).transpose()
            }
            _ => Ok(None),
        }
    }
}

fn read_side_file(source: &dyn FileSource, path: &str) -> Result<Option<Vec<u8>>> {
    let Some(length) = file_size(source, path)? else { return Ok(None) };
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
