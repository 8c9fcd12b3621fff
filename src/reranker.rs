//! A cross-encoder: scores pairs of a query and a document.
//!
//! Both texts are read together, `[CLS] query [SEP] document [SEP]`, so a score is better than the comparison of two
//! vectors, and costs a run of the model per document. A reranker orders the best results of a search again.

use crate::embed_job::EmbedJob;
use crate::embedder::Embedder;
use crate::error::{Result, fail};
pub use crate::pair_score::PairScore;
use crate::pair_score::logit;
use crate::tokenizer::PairTokens;

/// A cross-encoder with its tokenizer.
///
/// ```no_run
/// use std::path::Path;
///
/// let mut reranker = corom::model::folder::load_reranker(Path::new("models/ranking"), Default::default())?;
/// let scores = reranker.score("阔腿裤女冬牛仔", &["阔腿牛仔裤女秋冬款", "不锈钢保温杯"])?;
/// assert_eq!(scores.len(), 2);
/// # Ok::<(), corom::error::Error>(())
/// ```
pub struct Reranker {
    /// Runs the model. Its vectors are the logits of a pair, one number per label.
    model: Embedder,
}

impl Reranker {
    /// Takes a model whose vectors are the logits of a pair, one number per label.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` if a pair has neither one nor two logits, `INVALID_ARGUMENT` if the maximum length leaves no
    /// room for text.
    pub fn new(model: Embedder) -> Result<Self> {
        if !matches!(model.dimension(), 1 | 2) {
            fail!(
                UnsupportedModel,
                "the model has {} labels; a reranker has 1, or 2 of which the second means relevant",
                model.dimension()
            );
        }
        model.tokenizer().check_pair_length()?;
        Ok(Self { model })
    }

    /// Returns the number of labels: 1, or 2 of which the second means relevant.
    pub fn labels(&self) -> usize {
        self.model.dimension()
    }

    /// Returns the model: its tokenizer, configuration, settings and encoder.
    pub fn model(&self) -> &Embedder {
        &self.model
    }

    /// Sets the number of threads of [`score`](Self::score) and [`rerank`](Self::rerank). The scores do not depend on
    /// it.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn set_threads(&mut self, threads: std::num::NonZeroUsize) {
        self.model.set_threads(threads);
    }

    /// Returns another reranker of the same model, for a thread of the caller. Both share the weights.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fork(&self) -> Self {
        Self { model: self.model.fork() }
    }

    /// Returns the tokens of a query and a document, as the model reads them.
    ///
    /// # Errors
    /// See [`Tokenizer::tokenize_pair`](crate::tokenizer::Tokenizer::tokenize_pair).
    pub fn tokenize(&self, query: &str, document: &str) -> Result<PairTokens> {
        self.model.tokenizer().tokenize_pair(query, document)
    }

    /// Scores the pairs of a query and each document, in the order of the documents.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a text that cannot be tokenized, `INVALID_MODEL` if the graph returns NaN or infinity,
    /// `INTERNAL` if the graph fails. The reranker stays usable.
    pub fn score<S: AsRef<str>>(&mut self, query: &str, documents: &[S]) -> Result<Vec<PairScore>> {
        let documents = documents.iter().map(|document| document.as_ref().to_owned()).collect();
        let mut job = self.start(query.to_owned(), documents)?;
        self.model.run_to_end(&mut job)?;
        Ok(self.finish(job)?.into_iter().map(PairScore::of_logit).collect())
    }

    /// Returns the model's outputs, `[documents, labels]`.
    ///
    /// # Errors
    /// The errors of [`score`](Self::score).
    #[cfg(feature = "convert")]
    pub(crate) fn logits(&mut self, query: &str, documents: &[&str]) -> Result<Vec<f32>> {
        let documents = documents.iter().map(|document| (*document).to_owned()).collect();
        let mut job = self.start(query.to_owned(), documents)?;
        self.model.run_to_end(&mut job)?;
        self.model.finish(job)
    }

    /// Returns the documents, by index, in the order of their scores, best first, with the scores. Documents with equal
    /// scores keep their order.
    ///
    /// # Errors
    /// The errors of [`score`](Self::score).
    pub fn rerank<S: AsRef<str>>(&mut self, query: &str, documents: &[S]) -> Result<Vec<(usize, PairScore)>> {
        let mut scored: Vec<_> = self.score(query, documents)?.into_iter().enumerate().collect();
        scored.sort_by(|(_, a), (_, b)| b.logit.total_cmp(&a.logit));
        Ok(scored)
    }

    /// Starts the pairs of a query and each document. Nothing is computed yet.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY` if the memory for the logits cannot be reserved.
    pub fn start(&self, query: String, documents: Vec<String>) -> Result<EmbedJob> {
        self.model.start_pairs(query, documents)
    }

    /// Does a small part of the work. Returns true if the job is done.
    ///
    /// # Errors
    /// See [`score`](Self::score).
    pub fn step(&mut self, job: &mut EmbedJob) -> Result<bool> {
        self.model.step(job)
    }

    /// Returns the logits of a job that is done, one per document.
    ///
    /// # Errors
    /// `INTERNAL` if the job is not done.
    pub fn finish(&self, job: EmbedJob) -> Result<Vec<f32>> {
        let logits = self.model.finish(job)?;
        Ok(logits.chunks_exact(self.labels()).map(logit).collect())
    }
}
