//! How texts become vectors, by what the command line and the checkpoint's side files say.
//!
//! The command line goes first, then the side files ([`corom::model::side_files`]),
//! then what CoROM does: the CLS row, not normalised, 128 tokens.

use corom::config::{DEFAULT_MAX_LENGTH, Pooling, PoolingConfig};
use corom::error::Result;
use corom::model::side_files::{Decided, settings};

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
        let decided = Decided { pooling: said.pooling, encoder_alone: ignore_head };
        let found = settings(&|name| source.file(name), decided)?;
        let max_length = said.max_length.or(found.max_length).unwrap_or(DEFAULT_MAX_LENGTH).min(positions);
        Ok(Self {
            pooling: said.pooling.or(found.pooling).unwrap_or(Pooling::Cls),
            normalize: said.normalize.or(found.normalize).unwrap_or(false),
            max_length,
        })
    }
}
