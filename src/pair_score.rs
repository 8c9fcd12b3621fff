//! The score of a pair of texts: from the logits of a cross-encoder to a probability.

use crate::error::{Result, fail};
use crate::self_test::{SelfTest, logit_error};

/// The score of a document for a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairScore {
    /// The model's logit: any number, larger is better.
    pub logit: f32,
    /// `sigmoid(logit)`, from 0 to 1.
    pub probability: f32,
}

impl PairScore {
    /// Makes the score of a logit.
    ///
    /// ```
    /// use corom::reranker::PairScore;
    ///
    /// assert_eq!(PairScore::of_logit(0.0).probability, 0.5);
    /// assert_eq!(PairScore::of_logit(-200.0).probability, 0.0);
    /// assert_eq!(PairScore::of_logit(200.0).probability, 1.0);
    /// ```
    pub fn of_logit(logit: f32) -> Self {
        // exp of a negative number only: it does not overflow, and small probabilities keep their digits.
        let small = (-logit.abs()).exp();
        let probability = if logit < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
        Self { logit, probability }
    }
}

/// Returns the logit of a pair: the only one, or that of the second label minus that of the first, whose sigmoid is the
/// softmax of the second label.
pub(crate) fn logit(labels: &[f32]) -> f32 {
    match labels {
        [first, second] => second - first,
        _ => labels.first().copied().unwrap_or(f32::NAN),
    }
}

/// Compares the logits of a self-test with the converter's. `actual` has `labels` numbers per document.
///
/// # Errors
/// `SELF_TEST_FAILED` if one differs too much.
pub(crate) fn check_logits(
    test: &SelfTest,
    actual: &[f32],
    labels: usize,
    kernels: Option<&str>,
) -> Result<()> {
    let limit = test.logit_limit(kernels);
    for ((text, expected), actual) in
        test.texts.iter().zip(&test.vectors).zip(actual.chunks_exact(labels.max(1)))
    {
        let (actual, expected) = (logit(actual), logit(expected));
        if logit_error(actual, expected) > limit {
            fail!(
                SelfTestFailed,
                "self-test: the document `{text}` has the logit {actual} instead of {expected} (an error of {limit} is \
                 allowed): the model files are damaged or this device computes wrong results"
            );
        }
    }
    Ok(())
}
