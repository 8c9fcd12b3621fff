//! Reads whose vectors a checkpoint was distilled to return. `corom distill` writes `distillation.json` beside the
//! weights:
//!
//! ```json
//! { "teacher": "…-…", "student": "…-…" }
//! ```
//!
//! Both are [lineages](crate::lineage). That of the student ties the file to the weights and the settings: a checkpoint
//! that was trained further, or that is converted with another pooling, does not return the teacher's vectors.

use serde::{Deserialize, Serialize};

use super::checkpoint_folder::CheckpointFolder;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::lineage::Lineage;

/// The name of the file.
pub(crate) const FILE_NAME: &str = "distillation.json";

/// The contents of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Distillation {
    /// The lineage of the model whose vectors the student returns.
    pub(crate) teacher: Lineage,
    /// The lineage of the student.
    pub(crate) student: Lineage,
}

/// Returns the lineage of the teacher of a model with this lineage, if it has one.
///
/// # Errors
/// `INVALID_CHECKPOINT` if `distillation.json` cannot be read or is about other weights or settings.
pub(crate) fn teacher_of(folder: &CheckpointFolder, lineage: &Lineage) -> Result<Option<Lineage>> {
    if let Some(manifest) = folder.manifest()? {
        // Options that change the vectors end the kinship, as they change the lineage.
        return Ok(manifest.distilled_from.filter(|_| manifest.lineage.as_ref() == Some(lineage)));
    }
    let Some(bytes) = folder.side_file(FILE_NAME)? else { return Ok(None) };
    let stated: Distillation = serde_json::from_slice(&bytes).map_err(|error| {
        Error::with_source(
            ErrorCode::InvalidCheckpoint,
            format!("{FILE_NAME} cannot be read: {error}"),
            error,
        )
    })?;
    if stated.student != *lineage {
        fail!(
            InvalidCheckpoint,
            "{FILE_NAME} is about a model with the lineage {}; with these weights and options it is {lineage}, whose \
             vectors are not those of the teacher. Convert without options that change vectors, or remove the file if the \
             weights were trained further",
            stated.student
        );
    }
    Ok(Some(stated.teacher))
}
