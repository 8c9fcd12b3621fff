//! Decides how texts become vectors: pooling, normalization and maximum length.
//!
//! The caller's options go first, then the checkpoint's side files ([`crate::model::side_files`]), then
//! CoROM's own settings: CLS pooling, not normalized, 128 tokens.

use super::checkpoint_folder::CheckpointFolder;
use super::options::ConvertOptions;
use crate::config::{DEFAULT_MAX_LENGTH, Pooling};
use crate::error::{Result, fail};
use crate::model::side_files::{Overrides, read_side_files};

/// The settings that the manifest will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How hidden states become one vector per text.
    pub(crate) pooling: Pooling,
    /// Whether vectors are L2-normalized.
    pub(crate) normalize: bool,
    /// The number of tokens that texts are cut to.
    pub(crate) max_length: usize,
}

impl Settings {
    /// Decides the settings.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the options ask for more tokens than the model has positions,
    /// `INVALID_CONFIG` if a side file cannot be read, `UNSUPPORTED_POOLING` and `UNSUPPORTED_MODEL` if
    /// the side files ask for something that corom does not do, unless `ignore_head` is set.
    pub(crate) fn decide(checkpoint: &CheckpointFolder, options: &ConvertOptions) -> Result<Self> {
        let positions = checkpoint.config.max_position_embeddings;
        if let Some(length) = options.max_length
            && !(2..=positions).contains(&length)
        {
            fail!(
                InvalidArgument,
                "--max-length {length}: this model supports 2 to {positions} tokens, [CLS] and [SEP] included"
            );
        }
        let overrides = Overrides { pooling: options.pooling, ignore_head: options.ignore_head };
        let found = read_side_files(&|name| checkpoint.side_file(name), overrides)?;
        let max_length = options.max_length.or(found.max_length).unwrap_or(DEFAULT_MAX_LENGTH).min(positions);
        Ok(Self {
            pooling: options.pooling.or(found.pooling).unwrap_or(Pooling::Cls),
            normalize: options.normalize.or(found.normalize).unwrap_or(false),
            max_length,
        })
    }
}
