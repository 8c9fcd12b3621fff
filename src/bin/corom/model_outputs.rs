//! A model of either task, and the comparison of what two computations of it return.

use std::fmt;
use std::path::Path;

use corom::embedder::Embedder;
use corom::error::{ErrorCode, Result};
use corom::model::{LoadOptions, folder};
use corom::reranker::Reranker;
use corom::self_test::logit_error;

use crate::fail;

/// The texts of the self-test, and one that is longer.
const TEXTS: [&str; 4] = [
    "阔腿裤女冬牛仔",
    "iPhone 15 Pro 256GB",
    "",
    "2024新款高腰显瘦阔腿裤女冬季加绒加厚直筒牛仔长裤 wide-leg jeans, size 26-32, free shipping",
];

/// The lowest cosine similarity between two computations in f32.
const MIN_COSINE: f64 = 0.999_99;
/// The limit for a graph in f16, which tract computes in f16.
const MIN_COSINE_F16: f64 = 0.999;
/// The largest relative difference of two norms.
const MAX_NORM_ERROR: f64 = 1e-2;
/// The largest error of a logit between two computations in f32.
const MAX_LOGIT_ERROR: f32 = 1e-3;
/// The limit for a graph in f16.
const MAX_LOGIT_ERROR_F16: f32 = 3e-2;

/// A model of either task.
pub(crate) enum Model {
    Embedder(Embedder),
    Reranker(Reranker),
}

impl Model {
    /// Loads a folder as what it is.
    ///
    /// # Errors
    /// The errors of [`folder::load`], or for a reranker of [`folder::load_reranker`].
    pub(crate) fn load(path: &Path, options: LoadOptions) -> Result<Self> {
        match folder::load(path, options.clone()) {
            Err(error) if error.code() == ErrorCode::UnsupportedModel => {
                match folder::load_reranker(path, options) {
                    // Neither: the first error says more.
                    Err(other) if other.code() == ErrorCode::UnsupportedModel => Err(error),
                    loaded => loaded.map(Self::Reranker),
                }
            }
            loaded => loaded.map(Self::Embedder),
        }
    }

    /// Returns the embedder, or the one in the reranker.
    pub(crate) fn embedder(&self) -> &Embedder {
        match self {
            Self::Embedder(embedder) => embedder,
            Self::Reranker(reranker) => reranker.model(),
        }
    }

    /// Runs the model on [`TEXTS`]: each of them alone, or each as a document of the first.
    ///
    /// # Errors
    /// The errors of [`Embedder::embed`] and [`Reranker::score`].
    pub(crate) fn outputs(&mut self) -> Result<Outputs> {
        Ok(match self {
            Self::Embedder(embedder) => {
                Outputs::Vectors(TEXTS.iter().map(|text| embedder.embed(&[text])).collect::<Result<_>>()?)
            }
            Self::Reranker(reranker) => {
                let scores = reranker.score(TEXTS[0], &TEXTS)?;
                Outputs::Logits(scores.iter().map(|score| score.logit).collect())
            }
        })
    }
}

/// Outputs of a model for [`TEXTS`].
pub(crate) enum Outputs {
    Vectors(Vec<Vec<f32>>),
    Logits(Vec<f32>),
}

/// The agreement of two computations.
#[derive(Debug)]
pub(crate) enum Agreement {
    /// The lowest cosine similarity of vectors.
    Cosine(f64),
    /// The largest error of a logit.
    LogitError(f32),
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cosine(cosine) => write!(f, "cosine {cosine:.7}"),
            Self::LogitError(error) => write!(f, "logits within {error:.7}"),
        }
    }
}

impl Outputs {
    /// Compares with what tract-onnx computes. `is_half` says that the graph is in f16.
    ///
    /// # Errors
    /// `SELF_TEST_FAILED` if they differ.
    pub(crate) fn compare(&self, theirs: &Self, is_half: bool) -> Result<Agreement> {
        match (self, theirs) {
            (Self::Vectors(own), Self::Vectors(theirs)) => {
                let min_cosine = if is_half { MIN_COSINE_F16 } else { MIN_COSINE };
                compare_vectors(own, theirs, min_cosine).map(Agreement::Cosine)
            }
            (Self::Logits(own), Self::Logits(theirs)) => {
                let limit = if is_half { MAX_LOGIT_ERROR_F16 } else { MAX_LOGIT_ERROR };
                compare_logits(own, theirs, limit).map(Agreement::LogitError)
            }
            _ => fail!(Internal, "one computation returns vectors, the other one logits"),
        }
    }
}

/// Returns the lowest cosine similarity of two vectors of the same text.
///
/// # Errors
/// `SELF_TEST_FAILED` if it is lower than `min_cosine`, or two norms differ.
fn compare_vectors(own: &[Vec<f32>], theirs: &[Vec<f32>], min_cosine: f64) -> Result<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let mut worst = 1.0f64;
    for (text, (a, b)) in TEXTS.iter().zip(own.iter().zip(theirs)) {
        let (a_norm, b_norm) = (dot(a, a).sqrt(), dot(b, b).sqrt());
        let cosine = dot(a, b) / (a_norm * b_norm);
        let same_norm = (a_norm - b_norm).abs() <= MAX_NORM_ERROR * b_norm;
        // A NaN is not near anything.
        let near = a.len() == b.len() && cosine >= min_cosine && same_norm;
        if !near {
            fail!(
                SelfTestFailed,
                "tract-onnx computes other vectors from this graph than corom: for the text \"{text}\" the cosine \
                 similarity is {cosine:.6}, expected at least {min_cosine}, and the norms are {a_norm:.4} and \
                 {b_norm:.4}. Please report the model"
            );
        }
        worst = worst.min(cosine);
    }
    Ok(worst)
}

/// Returns the largest error of a logit.
///
/// # Errors
/// `SELF_TEST_FAILED` if it is larger than `limit`.
fn compare_logits(own: &[f32], theirs: &[f32], limit: f32) -> Result<f32> {
    let mut worst = 0.0f32;
    for (text, (own, theirs)) in TEXTS.iter().zip(own.iter().zip(theirs)) {
        let error = logit_error(*own, *theirs);
        if error > limit {
            fail!(
                SelfTestFailed,
                "tract-onnx computes another logit from this graph than corom: {theirs} and {own} for the document \
                 \"{text}\". Please report the model"
            );
        }
        worst = worst.max(error);
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compare_accepts_rounding_and_rejects_other_vectors() {
        let own: Vec<Vec<f32>> = (0..4u8).map(|i| vec![1.0, f32::from(i), -2.0]).collect();
        assert!(compare_vectors(&own, &own, MIN_COSINE).unwrap() > 0.999_999);
        let with = |at: usize, x: f32| {
            let mut theirs = own.clone();
            theirs[3][at] = x;
            compare_vectors(&own, &theirs, MIN_COSINE)
        };
        assert!(with(0, 1.000_01).is_ok());
        for (at, x) in [(0, 1.1), (2, 2.0), (1, f32::NAN)] {
            assert_eq!(with(at, x).unwrap_err().code(), ErrorCode::SelfTestFailed, "{x}");
        }
        let longer: Vec<Vec<f32>> = own.iter().map(|v| v.iter().map(|x| x * 1.02).collect()).collect();
        let error = compare_vectors(&own, &longer, MIN_COSINE).unwrap_err();
        assert_eq!(error.code(), ErrorCode::SelfTestFailed);
    }

    #[test]
    fn compare_accepts_rounding_and_rejects_other_logits() {
        let own = [0.5, -8.0, 3.0, 0.0];
        assert!(compare_logits(&own, &[0.5001, -8.001, 3.0, 0.0], MAX_LOGIT_ERROR).unwrap() < 1e-3);
        for theirs in [[0.6, -8.0, 3.0, 0.0], [0.5, -8.1, 3.0, 0.0], [0.5, -8.0, 3.0, f32::NAN]] {
            let error = compare_logits(&own, &theirs, MAX_LOGIT_ERROR).unwrap_err();
            assert_eq!(error.code(), ErrorCode::SelfTestFailed, "{theirs:?}");
        }
    }
}
