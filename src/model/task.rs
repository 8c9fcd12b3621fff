//! The task of a model folder.

use serde::{Deserialize, Serialize};

use crate::error::{Result, fail};

/// The task of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// It makes a vector of each text: an [`Embedder`](crate::embedder::Embedder).
    #[default]
    Embed,
    /// It scores pairs of texts: a [`Reranker`](crate::reranker::Reranker).
    Rerank,
}

impl Task {
    /// Parses `embed` or `rerank`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for anything else.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "embed" => Ok(Self::Embed),
            "rerank" => Ok(Self::Rerank),
            _ => fail!(InvalidArgument, "task \"{name}\" is unknown: use \"embed\" or \"rerank\""),
        }
    }
}
