//! An ONNX file that was read.

use super::external::{ExternalFile, external_files_of};
use super::onnx_model::OnnxModel;
use super::skipped::SkippedWeights;
use crate::error::Result;

/// An ONNX file: its graph, and the weights that its reader kept. Copies share the weights.
#[derive(Debug, Clone)]
pub struct OnnxFile {
    pub(crate) model: OnnxModel,
    /// The weights that the reader left out.
    pub(crate) skipped: Option<SkippedWeights>,
}

impl OnnxFile {
    pub(super) fn new(model: OnnxModel, skipped: Option<SkippedWeights>) -> Self {
        Self { model, skipped }
    }

    /// Returns true if no weight was left out. Otherwise the file is needed a second time.
    pub fn is_whole(&self) -> bool {
        self.skipped.is_none()
    }

    /// Returns the size of the file in bytes if weights were left out.
    pub fn size_to_read_again(&self) -> Option<u64> {
        self.skipped.as_ref().map(|skipped| skipped.size)
    }

    /// Returns the files with the external data, in the order of first use. Empty if the ONNX file contains all
    /// its data.
    ///
    /// # Errors
    /// `INVALID_MODEL` if a path leaves the folder, an offset or length is not a number or contradicts the
    /// tensor's shape, or too many tensors share the same bytes.
    pub fn external_files(&self) -> Result<Vec<ExternalFile>> {
        external_files_of(&self.model)
    }
}
