//! Computes the scores of ModelScope's sentence-embedding pipeline (docs/corom.md).
//!
//! ```
//! use corom::pipeline::{ModelScopeVersion, scores};
//!
//! // Two source sentences and one compared sentence, two numbers per vector.
//! let vectors = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
//! assert_eq!(scores(&vectors, 2, 2, ModelScopeVersion::V1_2)?, [11.0, 17.0]);
//!
//! // Three source sentences: only ModelScope 1.2 gives scores.
//! assert_eq!(scores(&vectors, 2, 3, ModelScopeVersion::V1_2)?, [11.0, 17.0]);
//! assert!(scores(&vectors, 2, 3, ModelScopeVersion::Latest)?.is_empty());
//! # Ok::<(), corom::error::Error>(())
//! ```

use crate::error::{Result, fail};
use crate::similarity::dot;

/// A version of ModelScope, whose pipeline the scores follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelScopeVersion {
    /// ModelScope 1.2.x, as the model card shows it: with source sentences only, the first one is scored
    /// against each other one.
    #[default]
    V1_2,
    /// Later releases: with source sentences only there are no scores.
    Latest,
}

impl ModelScopeVersion {
    /// Parses `1.2` or `latest`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "1.2" => Self::V1_2,
            "latest" => Self::Latest,
            _ => fail!(
                InvalidArgument,
                "modelscopeVersion: \"{name}\" is not supported; use \"1.2\" or \"latest\""
            ),
        })
    }
}

/// Returns the inner products of row 0 with every other row of `vectors`, `[rows - 1]`.
///
/// `vectors` is `[rows, dimension]`, row-major: first the source sentences, `sources` of them, then the
/// compared sentences. The [module](self) has an example.
///
/// # Errors
/// `INVALID_ARGUMENT` if there is no source sentence or `vectors` is not a whole number of rows.
pub fn scores(
    vectors: &[f32],
    dimension: usize,
    sources: usize,
    version: ModelScopeVersion,
) -> Result<Vec<f32>> {
    if dimension == 0 || !vectors.len().is_multiple_of(dimension) {
        fail!(InvalidArgument, "vectors: {} numbers; expected a multiple of {dimension}", vectors.len());
    }
    let rows = vectors.len() / dimension;
    if sources == 0 || sources > rows {
        fail!(InvalidArgument, "source_sentence: no text; expected at least one");
    }
    if version == ModelScopeVersion::Latest && sources == rows {
        return Ok(Vec::new());
    }
    let (first, others) = vectors.split_at(dimension);
    Ok(others.chunks_exact(dimension).map(|other| dot(first, other)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [f32; 10] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];

    #[test]
    fn row_0_against_all_the_others_the_second_source_among_them() {
        for version in [ModelScopeVersion::V1_2, ModelScopeVersion::Latest] {
            assert_eq!(scores(&ROWS, 2, 2, version).unwrap(), [11.0, 17.0, 23.0, 29.0]);
        }
        assert_eq!(scores(&ROWS[..4], 2, 1, ModelScopeVersion::Latest).unwrap(), [11.0]);
    }

    #[test]
    fn sources_only() {
        assert_eq!(scores(&ROWS[..6], 2, 3, ModelScopeVersion::V1_2).unwrap(), [11.0, 17.0]);
        assert!(scores(&ROWS[..6], 2, 3, ModelScopeVersion::Latest).unwrap().is_empty());
        assert!(scores(&ROWS[..2], 2, 1, ModelScopeVersion::V1_2).unwrap().is_empty());
        assert!(scores(&[], 2, 0, ModelScopeVersion::V1_2).is_err());
    }
}
