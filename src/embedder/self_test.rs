//! The self-test of a model: embeds its texts and compares the vectors with the converter's.

use std::sync::Arc;

use super::Embedder;
use crate::embed_job::EmbedJob;
use crate::error::{Result, fail};
use crate::pair_score::check_logits;
use crate::recipe::VectorRecipe;
use crate::self_test::{SelfTest, VectorError};
use crate::similarity::dot;

impl Embedder {
    /// Starts the self-test: a job that embeds its texts by the recipe of its vectors.
    /// [`finish_self_test`](Self::finish_self_test) compares the vectors.
    ///
    /// # Errors
    /// `UNSUPPORTED_POOLING` if the encoder lacks a layer, and those of [`start`](Self::start).
    pub fn start_self_test(&self, test: &SelfTest, recipe: VectorRecipe) -> Result<EmbedJob> {
        recipe.check_layers(self.hidden_shape())?;
        let mut job = self.start_with(test.texts.clone(), Arc::new(recipe))?;
        job.query.clone_from(&test.query);
        Ok(job)
    }

    /// Compares the vectors of a self-test that is done with the converter's.
    ///
    /// # Errors
    /// `SELF_TEST_FAILED` if a vector's cosine similarity to the reference vector is too low, or its norm differs too
    /// much. The limits are those of the back end ([`Tolerance`](crate::encoder::Tolerance)), or twice the error that
    /// the converter measured if that is more ([`SelfTest::limits`]). For a reranker, if a logit differs too much
    /// ([`SelfTest::logit_limit`]).
    pub fn finish_self_test(&self, test: &SelfTest, job: EmbedJob) -> Result<()> {
        let dimension = job.recipe.dimension();
        let tolerance = self.encoder.info().tolerance;
        let default = VectorError { cosine: tolerance.min_cosine, norm_error: tolerance.max_norm_error };
        let limits = test.limits(tolerance.kernels, default);
        let vectors = self.finish(job)?;
        if test.query.is_some() {
            return check_logits(test, &vectors, dimension, tolerance.kernels);
        }
        for ((text, expected), actual) in
            test.texts.iter().zip(&test.vectors).zip(vectors.chunks_exact(dimension.max(1)))
        {
            let error = VectorError::of(actual, expected);
            if actual.len() != expected.len() || !error.is_within(&limits) {
                let [norm, other] = [actual, expected].map(|vector: &[f32]| dot(vector, vector).sqrt());
                fail!(
                    SelfTestFailed,
                    "self-test: the vector of `{text}` has cosine {} to the vector in corom.json (at least {} is \
                     expected), and norm {norm} instead of {other}: the model files are damaged or this device \
                     computes wrong results",
                    error.cosine,
                    limits.cosine
                );
            }
        }
        Ok(())
    }
}
