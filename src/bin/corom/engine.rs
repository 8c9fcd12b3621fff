//! Embeds texts for the commands that embed many: long ones first, and texts that cannot be tokenized are reported.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use corom::embedder::Embedder;
use corom::error::{Error, ErrorCode, Result};
use corom::lineage::Lineage;
use corom::model::{LoadOptions, folder};
use corom::prompts::PromptChoice;
use corom::similarity::Metric;

/// Threads that use a GPU: one prepares a batch and takes results while that of the other runs.
const GPU_THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// The vectors of texts.
#[derive(Debug, Default)]
pub(crate) struct Embedded {
    /// The vectors, `[texts, dimension]`: zeros for a text that failed.
    pub(crate) data: Vec<f32>,
    /// The number of texts that were cut to the maximum length.
    pub(crate) cut: u64,
    /// The texts that cannot be tokenized, with the reason.
    pub(crate) failed: Vec<(usize, String)>,
}

/// A model that embeds texts on several threads.
pub(crate) struct Engine {
    embedder: Embedder,
    /// The number of elements of a vector.
    pub(crate) dimension: usize,
    /// The number of tokens that texts are cut to.
    pub(crate) max_length: usize,
    /// The measure of similarity that the model recommends.
    pub(crate) metric: Metric,
    /// The id of the model and of its vectors.
    pub(crate) lineage: Option<Lineage>,
    /// The id of the model whose vectors this one returns, if it was distilled.
    pub(crate) distilled_from: Option<Lineage>,
}

impl Engine {
    /// Loads the model. `prompts` are those that will be used.
    ///
    /// # Errors
    /// The errors of [`folder::load`], and `INVALID_ARGUMENT` if the model has no such prompt.
    pub(crate) fn load(
        model: &Path,
        options: LoadOptions,
        prompts: &[PromptChoice],
        threads: NonZeroUsize,
    ) -> Result<Self> {
        let mut embedder = guarded(|| folder::load(model, options))?;
        for prompt in prompts {
            embedder.start_with_prompt(Vec::new(), prompt)?;
        }
        let is_on_gpu = embedder.encoder().info().device.is_some();
        embedder.set_threads(if is_on_gpu { threads.min(GPU_THREADS) } else { threads });
        let (dimension, max_length) = (embedder.dimension(), embedder.tokenizer().max_length());
        let (metric, lineage) = (embedder.metric(), embedder.lineage().cloned());
        let distilled_from = embedder.distilled_from().cloned();
        Ok(Self { embedder, dimension, max_length, metric, lineage, distilled_from })
    }

    /// Prints which GPU has run the model, or why none has. Prints nothing where none was requested.
    pub(crate) fn report_device(&self) {
        let info = self.embedder.encoder().info();
        match (&info.device, &info.fallback) {
            (_, Some(reason)) => eprintln!("the processor ran the model: {reason}"),
            (Some(device), None) => eprintln!("{device} ran the model"),
            (None, None) => {}
        }
    }

    /// Returns the text of a prompt, which may be empty.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the model has no such prompt.
    pub(crate) fn prompt(&self, choice: &PromptChoice) -> Result<String> {
        self.embedder.prompts().resolve(choice).map(str::to_owned)
    }

    /// Embeds texts: long ones first, texts of like length together. Calls `progress` with the number of texts that are
    /// done.
    ///
    /// # Errors
    /// The errors of [`Embedder::embed`], except for single texts that cannot be tokenized.
    pub(crate) fn embed(
        &mut self,
        texts: &[&str],
        prompt: &PromptChoice,
        progress: impl FnMut(usize),
    ) -> Result<Embedded> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(texts[index].len()));
        let sorted = order.iter().map(|&index| texts[index].to_owned()).collect();
        let mut job = self.embedder.start_with_prompt(sorted, prompt)?;
        let failed = guarded(|| self.embedder.run_tolerant(&mut job, progress))?;
        let cut = job.reports().filter(|report| report.truncated).count() as u64;
        let vectors = self.embedder.finish(job)?;
        let mut data = vec![0.0; vectors.len()];
        for (&index, vector) in order.iter().zip(vectors.chunks_exact(self.dimension.max(1))) {
            data[index * self.dimension..][..self.dimension].copy_from_slice(vector);
        }
        let reason = |error: Error| format!("cannot be embedded: {}", text_error(&error));
        let mut failed: Vec<_> = failed.into_iter().map(|(at, error)| (order[at], reason(error))).collect();
        failed.sort();
        Ok(Embedded { data, cut, failed })
    }
}

/// Returns an error of a text without the number of the text, which is its place in the job.
fn text_error(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

/// Calls `work`, and makes an error of a panic.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::new(ErrorCode::Internal, "a thread that embeds texts crashed")))
}
