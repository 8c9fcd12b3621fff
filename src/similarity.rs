//! Scores documents' vectors against a query's vector. Slices in, slices out.
//!
//! ```
//! use corom::similarity::{Metric, score};
//!
//! let query = [0.0, 2.0];
//! let documents = [3.0, 4.0, 0.0, 1.0]; // two rows of two numbers
//! assert_eq!(score(&query, &documents, Metric::Dot)?, [8.0, 2.0]);
//! assert_eq!(score(&query, &documents, Metric::Cosine)?, [0.8, 1.0]);
//! # Ok::<(), corom::error::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::error::{Result, fail};

/// A measure between two vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Inner product; CoROM was trained with it. Larger is better.
    Dot,
    /// Inner product divided by both norms: -1 to 1, or 0 if a vector is zero. Larger is better.
    Cosine,
    /// Euclidean distance. Smaller is better.
    L2,
    /// Manhattan distance, the sum of the absolute differences. Smaller is better.
    L1,
}

impl Metric {
    /// Parses `dot`, `cosine`, `l2` or `l1`.
    ///
    /// ```
    /// use corom::similarity::Metric;
    ///
    /// assert_eq!(Metric::parse("l2")?, Metric::L2);
    /// # Ok::<(), corom::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "dot" => Self::Dot,
            "cosine" => Self::Cosine,
            "l2" => Self::L2,
            "l1" => Self::L1,
            _ => fail!(InvalidArgument, "metric: `{name}` is unknown; use dot, cosine, l2 or l1"),
        })
    }

    /// Returns the name that `corom.json` and JavaScript use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dot => "dot",
            Self::Cosine => "cosine",
            Self::L2 => "l2",
            Self::L1 => "l1",
        }
    }

    /// Returns true if a larger score is better.
    pub fn more_is_nearer(self) -> bool {
        matches!(self, Self::Dot | Self::Cosine)
    }
}

/// Scores `query` (`[dimension]`) against each row of `documents` (`[rows, dimension]`, row-major).
/// Returns one score per row, `[rows]`. The [module](self) has an example.
///
/// # Errors
/// `INVALID_ARGUMENT` if `query` is empty or `documents` is not a whole number of rows.
pub fn score(query: &[f32], documents: &[f32], metric: Metric) -> Result<Vec<f32>> {
    if query.is_empty() || !documents.len().is_multiple_of(query.len()) {
        fail!(
            InvalidArgument,
            "documents: {} numbers; expected a multiple of the query's {} numbers",
            documents.len(),
            query.len()
        );
    }
    let query_square = dot(query, query);
    // Squares of smaller numbers lose digits; larger ones are infinite.
    let is_exact = |square: f32| (1e-30..=f32::MAX).contains(&square);
    Ok(documents
        .chunks_exact(query.len())
        .map(|document| match metric {
            Metric::Dot => dot(query, document),
            Metric::L2 => squared_distance(query, document).sqrt(),
            Metric::L1 => lanes(query, document, |x, y| (x - y).abs()),
            Metric::Cosine => {
                let square = dot(document, document);
                if is_exact(query_square) && is_exact(square) {
                    dot(query, document) / (query_square.sqrt() * square.sqrt())
                } else {
                    wide_cosine(query, document)
                }
            }
        })
        .collect())
}

/// Returns the cosine of vectors whose squares 32-bit floats cannot represent: very small, very large, zero or NaN.
fn wide_cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let norms = dot(a, a).sqrt() * dot(b, b).sqrt();
    if norms == 0.0 { 0.0 } else { (dot(a, b) / norms) as f32 }
}

/// Returns the inner product of two vectors of equal length.
///
/// The order of the sums is fixed, so the bits are the same on every machine.
///
/// ```
/// assert_eq!(corom::similarity::dot(&[1.0, 2.0], &[3.0, 4.0]), 11.0);
/// ```
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    lanes(a, b, |x, y| x * y)
}

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    lanes(a, b, |x, y| (x - y) * (x - y))
}

/// Sums `f` over pairs of numbers in eight lanes, which the compiler turns into vectors. The order of
/// the sums is the same on every machine.
#[inline(always)]
fn lanes(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let (a8, a_tail) = a.as_chunks::<8>();
    let (b8, b_tail) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (x, y) in a8.iter().zip(b8) {
        for lane in 0..8 {
            sums[lane] += f(x[lane], y[lane]);
        }
    }
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(&x, &y)| f(x, y)).sum();
    sums.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_metrics() {
        let documents = [3.0, 4.0, 0.0, 0.0];
        assert_eq!(score(&[0.0, 2.0], &documents, Metric::Dot).unwrap(), [8.0, 0.0]);
        assert_eq!(score(&[0.0, 2.0], &documents, Metric::Cosine).unwrap(), [0.8, 0.0]);
        assert_eq!(score(&[0.0, 4.0], &documents, Metric::L2).unwrap(), [3.0, 4.0]);
        assert_eq!(score(&[1.0, 7.0], &documents, Metric::L1).unwrap(), [5.0, 8.0]);
        for metric in [Metric::Dot, Metric::Cosine, Metric::L2, Metric::L1] {
            assert_eq!(Metric::parse(metric.as_str()).unwrap(), metric);
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.as_str());
        }
        assert!(score(&[0.0, 2.0], &documents[..3], Metric::Dot).is_err());
        assert!(score(&[0.0, 2.0], &[], Metric::Dot).unwrap().is_empty());
    }

    #[test]
    fn cosine_of_very_small_and_very_large_vectors() {
        for scale in [1e-40_f32, 1e-30, 1e-22, 1e-19, 1e-17, 1e-14, 1e18, 1e19, 1e22, 1e38] {
            let [small, large] = [[scale, 0.0], [3.0 * scale.min(1e37), 4.0 * scale.min(1e37)]];
            let cosine = |a: &[f32], b: &[f32]| score(a, b, Metric::Cosine).unwrap()[0];
            for (a, b) in [(&small, &large), (&large, &small)] {
                assert!((cosine(a, b) - 0.6).abs() < 1e-6, "{scale}: {}", cosine(a, b));
            }
            assert!((cosine(&small, &[3.0, 4.0]) - 0.6).abs() < 1e-6);
        }
        assert!(score(&[f32::NAN, 0.0], &[1.0, 2.0], Metric::Cosine).unwrap()[0].is_nan());
        assert!(score(&[1.0, 0.0], &[f32::NAN, 2.0], Metric::Cosine).unwrap()[0].is_nan());
        assert_eq!(score(&[1.0, 0.0], &[0.0, 0.0], Metric::Cosine).unwrap(), [0.0]);
    }

    proptest! {
        #[test]
        fn dot_agrees_with_f64(pairs in prop::collection::vec((-9.0f32..9.0, -9.0f32..9.0), 0..70)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let exact: f64 = pairs.iter().map(|&(x, y)| f64::from(x) * f64::from(y)).sum();
            let size: f64 = pairs.iter().map(|&(x, y)| (f64::from(x) * f64::from(y)).abs()).sum();
            prop_assert!((f64::from(dot(&a, &b)) - exact).abs() <= 1e-6 * size);
        }
    }
}
