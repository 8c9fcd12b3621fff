//! The scores of ModelScope's sentence-embedding pipeline (corom-facts).

use crate::error::{Result, fail};
use crate::similarity::dot;

/// Which version of the pipeline is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// The model card's (ModelScope 1.2.x): with sources only, the first source
    /// is scored against each of the others.
    #[default]
    Card,
    /// Later versions': with sources only there are no scores.
    Current,
}

impl Behaviour {
    /// Reads `card` or `current`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for anything else.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "card" => Self::Card,
            "current" => Self::Current,
            _ => fail!(InvalidArgument, "behaviour `{name}` is unknown: use card or current"),
        })
    }
}

/// Raw inner products of row 0 with every other row of `vectors`
/// (`[rows, dimension]`: the `sources` first, then the compared sentences).
///
/// # Errors
/// `INVALID_ARGUMENT` when there is no source or the numbers are no whole rows.
pub fn scores(vectors: &[f32], dimension: usize, sources: usize, behaviour: Behaviour) -> Result<Vec<f32>> {
    if dimension == 0 || !vectors.len().is_multiple_of(dimension) {
        fail!(InvalidArgument, "{} numbers are no whole rows of {dimension}", vectors.len());
    }
    let rows = vectors.len() / dimension;
    if sources == 0 || sources > rows {
        fail!(InvalidArgument, "source_sentence must have at least one text");
    }
    if behaviour == Behaviour::Current && sources == rows {
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
        for behaviour in [Behaviour::Card, Behaviour::Current] {
            assert_eq!(scores(&ROWS, 2, 2, behaviour).unwrap(), [11.0, 17.0, 23.0, 29.0]);
        }
        assert_eq!(scores(&ROWS[..4], 2, 1, Behaviour::Current).unwrap(), [11.0]);
    }

    #[test]
    fn sources_only() {
        assert_eq!(scores(&ROWS[..6], 2, 3, Behaviour::Card).unwrap(), [11.0, 17.0]);
        assert!(scores(&ROWS[..6], 2, 3, Behaviour::Current).unwrap().is_empty());
        assert!(scores(&ROWS[..2], 2, 1, Behaviour::Card).unwrap().is_empty());
        assert!(scores(&[], 2, 0, Behaviour::Card).is_err());
    }
}
