//! The scores of ModelScope's sentence-embedding pipeline (corom-facts).

use crate::error::{Result, fail};
use crate::similarity::dot;

/// Which version of the pipeline is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelScopeVersion {
    /// The model card's (ModelScope 1.2.x): with sources only, the first source
    /// is scored against each of the others.
    #[default]
    V1_2,
    /// Later versions': with sources only there are no scores.
    Latest,
}

impl ModelScopeVersion {
    /// Reads `1.2` or `latest`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for anything else.
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

/// Raw inner products of row 0 with every other row of `vectors`
/// (`[rows, dimension]`: the `sources` first, then the compared sentences).
///
/// # Errors
/// `INVALID_ARGUMENT` when there is no source or the numbers are no whole rows.
pub fn scores(
    vectors: &[f32],
    dimension: usize,
    sources: usize,
    version: ModelScopeVersion,
) -> Result<Vec<f32>> {
    if dimension == 0 || !vectors.len().is_multiple_of(dimension) {
        fail!(InvalidArgument, "{} numbers are no whole rows of {dimension}", vectors.len());
    }
    let rows = vectors.len() / dimension;
    if sources == 0 || sources > rows {
        fail!(InvalidArgument, "source_sentence must have at least one text");
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
