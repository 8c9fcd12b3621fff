//! The self-test of a model folder: texts, and the vectors that the converter computed for them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Result, fail};
use crate::similarity::dot;

/// Texts with their vectors under the manifest's pooling, normalization and maximum length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// For a reranker, the query of each pair. The texts are the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The texts.
    pub texts: Vec<String>,
    /// One vector of `hidden_size` numbers per text, computed in f32 from the folder's weights. For a reranker, one
    /// number per label: the logits of each pair.
    pub vectors: Vec<Vec<f32>>,
    /// Per group of kernels (`exact`, `relaxed`), the error that the converter measured on these texts. Empty
    /// in folders of older releases.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measured: BTreeMap<String, VectorError>,
    /// For a reranker, per group of kernels, the largest error of a logit that the converter measured
    /// ([`logit_error`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measured_logits: BTreeMap<String, f32>,
}

/// Returns how far a logit is from a reference: their difference, in parts of the reference if that is more than 1. It is
/// infinite for a NaN.
///
/// ```
/// assert_eq!(corom::self_test::logit_error(0.25, 0.5), 0.25);
/// assert_eq!(corom::self_test::logit_error(-6.0, -8.0), 0.25);
/// ```
pub fn logit_error(actual: f32, expected: f32) -> f32 {
    let error = (actual - expected).abs() / expected.abs().max(1.0);
    if error.is_nan() { f32::INFINITY } else { error }
}

/// The distance of vectors from reference vectors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VectorError {
    /// The lowest cosine similarity.
    pub cosine: f32,
    /// The largest relative difference between two norms.
    pub norm_error: f32,
}

impl VectorError {
    /// Vectors that equal the reference.
    pub const NONE: Self = Self { cosine: 1.0, norm_error: 0.0 };

    /// The largest error that a manifest can state.
    pub const ANY: Self = Self { cosine: -1.0, norm_error: f32::MAX };

    /// Returns the error of one vector. It is NaN for a vector of zeros or of NaN.
    ///
    /// ```
    /// use corom::self_test::VectorError;
    ///
    /// let error = VectorError::of(&[0.0, 4.0], &[0.0, 2.0]);
    /// assert_eq!((error.cosine, error.norm_error), (1.0, 1.0));
    /// ```
    pub fn of(actual: &[f32], expected: &[f32]) -> Self {
        let norms = (dot(actual, actual).sqrt(), dot(expected, expected).sqrt());
        Self {
            cosine: dot(actual, expected) / (norms.0 * norms.1),
            norm_error: (norms.0 / norms.1 - 1.0).abs(),
        }
    }

    /// Returns true if this error is within `limits`. A NaN is not.
    pub fn is_within(&self, limits: &Self) -> bool {
        self.cosine >= limits.cosine && self.norm_error <= limits.norm_error
    }

    /// Returns the larger of two errors. A NaN is larger than any number.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        let worse =
            |a: f32, b: f32, b_is_worse: bool| if a.is_nan() || !(b_is_worse || b.is_nan()) { a } else { b };
        Self {
            cosine: worse(self.cosine, other.cosine, other.cosine < self.cosine),
            norm_error: worse(self.norm_error, other.norm_error, other.norm_error > self.norm_error),
        }
    }
}

/// The largest error of a logit in a self-test. A logit error of 0.08 is one of at most 0.02 of the probability.
const MAX_LOGIT_ERROR: f32 = 0.08;
/// The largest error of a logit with the 7-bit activations of relaxed kernels: at most 0.05 of the probability.
const MAX_RELAXED_LOGIT_ERROR: f32 = 0.2;
/// The largest error of a logit that a self-test may measure.
const MAX_MEASURED_LOGIT: f32 = 0.25;

/// The largest error that a self-test may measure. The vector of another text can have a cosine of 0.95, so a
/// limit that is twice this error still tells the two apart.
const MAX_MEASURED: VectorError = VectorError { cosine: 0.98, norm_error: 0.05 };

impl SelfTest {
    /// Checks the self-test of a `corom.json` whose vectors have `dimension` numbers.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if it contradicts itself, or is that of another task.
    pub(crate) fn check(&self, dimension: usize, is_reranker: bool) -> Result<()> {
        let fits = |vector: &Vec<f32>| vector.len() == dimension && vector.iter().all(|x| x.is_finite());
        if self.texts.len() != self.vectors.len() || !self.vectors.iter().all(fits) {
            fail!(
                InvalidConfig,
                "corom.json: self_test does not have one vector of {dimension} finite numbers per text"
            );
        }
        if self.query.is_some() != is_reranker {
            fail!(InvalidConfig, "corom.json: self_test has a query if, and only if, the task is `rerank`");
        }
        Ok(())
    }

    /// Returns false if the converter measured an error with these kernels that is too large for a self-test
    /// to tell from damage. Kernels that were not measured may be used.
    pub fn allows(&self, kernels: &str) -> bool {
        self.measured.get(kernels).is_none_or(|error| error.is_within(&MAX_MEASURED))
            && self.measured_logits.get(kernels).is_none_or(|error| *error <= MAX_MEASURED_LOGIT)
    }

    /// Returns the limit of [`logit_error`] in a reranker's self-test: the default of the kernels, or twice the error that
    /// the converter measured with them if that is more.
    pub fn logit_limit(&self, kernels: Option<&str>) -> f32 {
        let default = if kernels == Some("relaxed") { MAX_RELAXED_LOGIT_ERROR } else { MAX_LOGIT_ERROR };
        let measured = kernels.and_then(|kernels| self.measured_logits.get(kernels));
        measured.map_or(default, |error| default.max(2.0 * error.min(MAX_MEASURED_LOGIT)))
    }

    /// Returns the limits of a self-test: `default`, or twice the error that the converter measured with these
    /// kernels if that is more.
    pub fn limits(&self, kernels: Option<&str>, default: VectorError) -> VectorError {
        let Some(measured) = kernels.and_then(|kernels| self.measured.get(kernels)) else { return default };
        let twice = |error: VectorError| VectorError {
            cosine: 1.0 - 2.0 * (1.0 - error.cosine),
            norm_error: 2.0 * error.norm_error,
        };
        let most = twice(MAX_MEASURED);
        let twice = twice(*measured);
        VectorError {
            cosine: default.cosine.min(twice.cosine.max(most.cosine)),
            norm_error: default.norm_error.max(twice.norm_error.min(most.norm_error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: VectorError = VectorError { cosine: 0.999, norm_error: 0.02 };

    fn test(cosine: f32, norm_error: f32) -> SelfTest {
        let measured = [("exact".to_owned(), VectorError { cosine, norm_error })].into();
        SelfTest { measured, ..SelfTest::default() }
    }

    #[test]
    fn limits_are_the_default_or_twice_the_measured_error() {
        let limits = |cosine, norm_error| test(cosine, norm_error).limits(Some("exact"), DEFAULT);
        assert_eq!(limits(0.9999, 0.001), DEFAULT);
        let wide = limits(0.99, 0.03);
        assert!((wide.cosine - 0.98).abs() < 1e-6 && (wide.norm_error - 0.06).abs() < 1e-6, "{wide:?}");
        // A manifest cannot turn the test off.
        for (cosine, norm_error) in [(0.0, 9.0), (f32::NEG_INFINITY, f32::INFINITY), (f32::NAN, f32::NAN)] {
            let widest = limits(cosine, norm_error);
            assert!(widest.cosine >= 0.9599 && widest.norm_error <= 0.1001, "{widest:?}");
            assert!(!test(cosine, norm_error).allows("exact"));
        }
        assert_eq!(test(0.99, 0.03).limits(Some("relaxed"), DEFAULT), DEFAULT);
        assert_eq!(test(0.99, 0.03).limits(None, DEFAULT), DEFAULT);
        assert!(test(0.99, 0.03).allows("exact") && test(0.5, 0.0).allows("relaxed"));
    }

    #[test]
    fn the_larger_error_wins_and_nan_is_the_largest() {
        let error = |cosine, norm_error| VectorError { cosine, norm_error };
        assert_eq!(VectorError::NONE.max(error(0.5, 0.1)).max(error(0.7, 0.2)), error(0.5, 0.2));
        for all in [error(f32::NAN, f32::NAN).max(DEFAULT), DEFAULT.max(error(f32::NAN, f32::NAN))] {
            assert!(all.cosine.is_nan() && all.norm_error.is_nan());
            assert!(!all.is_within(&error(-1.0, 1e9)));
        }
        assert!(VectorError::of(&[0.0], &[1.0]).cosine.is_nan());
    }

    #[test]
    fn limit_of_logits_is_the_default_or_twice_the_measured_error() {
        let with = |error| {
            let measured_logits = [("relaxed".to_owned(), error)].into();
            SelfTest { measured_logits, ..SelfTest::default() }
        };
        for (error, limit) in [(0.01, 0.2), (0.15, 0.3), (9.0, 0.5), (f32::NAN, 0.5)] {
            assert_eq!(with(error).logit_limit(Some("relaxed")), limit, "{error}");
        }
        assert_eq!(with(0.15).logit_limit(Some("exact")), 0.08);
        assert_eq!(with(0.15).logit_limit(None), 0.08);
        assert!(
            with(0.25).allows("relaxed") && !with(0.3).allows("relaxed") && !with(f32::NAN).allows("relaxed")
        );
        assert_eq!(logit_error(f32::NAN, 0.0), f32::INFINITY);
    }

    #[test]
    fn manifests_without_measured_errors_are_read_and_written_as_before() {
        let json = r#"{"texts":["a"],"vectors":[[1.0]]}"#;
        let test: SelfTest = serde_json::from_str(json).unwrap();
        assert!(test.measured.is_empty());
        assert_eq!(serde_json::to_string(&test).unwrap(), json);
    }
}
