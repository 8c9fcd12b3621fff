//! Runs a job to its end, on several threads if the caller wants. Native only.
//!
//! The threads share the weights and the tokenizer: each has an encoder of its own that was forked from the first one.
//! The caller's thread distributes the batches and stores the vectors. A batch is the same on any thread, so the
//! vectors do not depend on the number of threads.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use super::{Embedder, batch_of, encode};
use crate::batch::BatchLayout;
use crate::embed_job::EmbedJob;
use crate::error::{Error, Result};
use crate::recipe::HiddenShape;
use crate::tokenizer::Encoding;

/// Tokens of a batch, unless the job has a limit or the back end wants more: nobody waits for a single batch, and larger
/// ones take less time per text.
const BATCH_TOKENS: usize = 256;
/// The fewest tokens that a batch is reduced to, so that each thread gets some.
const MIN_BATCH_TOKENS: usize = 64;
/// Batches per thread at least: the last ones end at different times.
const BATCHES_PER_THREAD: usize = 4;
/// Texts that a thread tokenizes at once.
const TOKENIZED_TEXTS: usize = 32;

impl Embedder {
    /// Returns the number of threads of [`run`](Self::run): 1 at first.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Sets the number of threads of [`run`](Self::run) and [`embed`](Self::embed). The vectors do not depend on it.
    ///
    /// ```no_run
    /// # use std::path::Path;
    /// let mut embedder = corom::model::folder::load(Path::new("models/corom"), Default::default())?;
    /// embedder.set_threads(std::thread::available_parallelism()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_threads(&mut self, threads: NonZeroUsize) {
        self.threads = threads.get();
        self.forks.truncate(self.threads - 1);
    }

    /// Returns another embedder of the same model, for a thread of the caller. Both share the weights and the
    /// tokenizer, which can no longer be changed.
    pub fn fork(&self) -> Self {
        Self {
            tokenizer: Arc::clone(&self.tokenizer),
            encoder: self.encoder.fork(),
            config: self.config.clone(),
            layers: self.layers.clone(),
            recipe: Arc::clone(&self.recipe),
            metric: self.metric,
            prompts: self.prompts.clone(),
            decisions: self.decisions.clone(),
            lineage: self.lineage.clone(),
            distilled_from: self.distilled_from.clone(),
            running_job: None,
            threads: self.threads,
            forks: Vec::new(),
        }
    }

    /// Runs a job to its end, on [`threads`](Self::threads) threads. [`finish`](Self::finish) returns the vectors.
    ///
    /// # Errors
    /// See [`embed`](Self::embed). With several faults it is that of the first text or batch.
    ///
    /// # Panics
    /// If a thread panics or cannot be started.
    pub fn run(&mut self, job: &mut EmbedJob) -> Result<()> {
        match self.tokenize_all(job)?.into_iter().next() {
            Some((_, error)) => Err(error),
            None => self.run_batches(job, &[], |_| {}),
        }
    }

    /// Runs a job to its end like [`run`](Self::run), but goes on without the texts that cannot be tokenized, whose
    /// vectors are zeros. Returns these texts with their errors. Calls `progress` with the number of texts that are
    /// done.
    ///
    /// # Errors
    /// The errors of [`run`](Self::run), except `INVALID_ARGUMENT` for a text.
    ///
    /// # Panics
    /// If a thread panics or cannot be started.
    pub fn run_tolerant(
        &mut self,
        job: &mut EmbedJob,
        progress: impl FnMut(usize),
    ) -> Result<Vec<(usize, Error)>> {
        let failures = self.tokenize_all(job)?;
        let failed: Vec<usize> = failures.iter().map(|(text, _)| *text).collect();
        self.run_batches(job, &failed, progress)?;
        Ok(failures)
    }

    /// Tokenizes the rest of a job's texts. Returns those that cannot be tokenized, which get no tokens.
    fn tokenize_all(&self, job: &mut EmbedJob) -> Result<Vec<(usize, Error)>> {
        let first = job.encodings.len();
        let texts = &job.texts[first..];
        let mut portions: Vec<Vec<Result<Encoding>>> = Vec::new();
        portions.resize_with(texts.len().div_ceil(TOKENIZED_TEXTS), Vec::new);
        let (workers, tokenizer) = (vec![(); self.threads], &*self.tokenizer);
        let tokenize = |_: &mut (), portion: usize| {
            let texts = texts.chunks(TOKENIZED_TEXTS).nth(portion).unwrap_or_default().iter();
            let index = first + portion * TOKENIZED_TEXTS;
            Ok(texts.zip(index..).map(|(text, index)| encode(tokenizer, job, text, index)).collect())
        };
        on_threads(workers, portions.len(), tokenize, |portion, encodings| portions[portion] = encodings)?;
        let mut failures = Vec::new();
        for encoding in portions.into_iter().flatten() {
            let encoding = encoding.unwrap_or_else(|error| {
                failures.push((job.encodings.len(), error));
                Encoding { input_ids: Vec::new(), token_type_ids: Vec::new(), truncated: false, unknown: 0 }
            });
            job.encodings.push(encoding);
        }
        job.texts.iter_mut().for_each(|text| *text = String::new());
        Ok(failures)
    }

    /// Runs all batches of a job whose texts are tokenized, without the texts `failed`.
    fn run_batches(
        &mut self,
        job: &mut EmbedJob,
        failed: &[usize],
        mut progress: impl FnMut(usize),
    ) -> Result<()> {
        if !job.has_layout() {
            job.set_layout(self.encoder.info().batch_layout);
            job.leave_out(failed);
        }
        let share = job.waiting_tokens() / (BATCHES_PER_THREAD * self.threads);
        let most = match self.encoder.info().batch_layout {
            BatchLayout::Ragged { max_tokens } => BATCH_TOKENS.max(max_tokens),
            BatchLayout::Padded { .. } => BATCH_TOKENS,
        };
        let limit = if self.threads > 1 { share.clamp(MIN_BATCH_TOKENS, most) } else { most };
        let batches = job.waiting_batches(limit);
        self.running_job = None;
        while self.forks.len() + 1 < self.threads.min(batches.len()) {
            self.forks.push(self.encoder.fork());
        }
        let shape = HiddenShape {
            layers: &self.layers,
            num_hidden_layers: self.config.num_hidden_layers,
            hidden_size: self.encoder.info().hidden_size,
        };
        let mut vectors = std::mem::take(&mut job.vectors);
        let dimension = job.recipe.dimension();
        let mut done = job.done();
        let compute = |encoder: &mut _, batch: usize| {
            let encoder: &mut &mut Box<dyn crate::encoder::Encoder> = encoder;
            let batch = batch_of(batches[batch].iter().map(|&text| &job.encodings[text]));
            let output = encoder.forward(&batch)?;
            job.recipe.vectors(output, &batch.lengths().collect::<Vec<_>>(), job.skipped, shape)
        };
        let encoders = std::iter::once(&mut self.encoder).chain(&mut self.forks).collect();
        let result = on_threads(encoders, batches.len(), compute, |batch, computed| {
            for (&text, vector) in batches[batch].iter().zip(computed.chunks_exact(dimension.max(1))) {
                vectors[text * dimension..][..dimension].copy_from_slice(vector);
            }
            done += batches[batch].len();
            progress(done);
        });
        job.vectors = vectors;
        result?;
        job.end();
        Ok(())
    }
}

/// Calls `work` with each of the numbers `0..count`, on one thread per worker, and `each` with the results, on this
/// thread. A single worker needs no thread.
///
/// # Errors
/// The error of the lowest number that has one.
fn on_threads<W: Send, T: Send>(
    workers: Vec<W>,
    count: usize,
    work: impl Fn(&mut W, usize) -> Result<T> + Sync,
    mut each: impl FnMut(usize, T),
) -> Result<()> {
    let mut workers: Vec<W> = workers.into_iter().take(count).collect();
    if let [worker] = &mut workers[..] {
        for number in 0..count {
            each(number, work(worker, number)?);
        }
        return Ok(());
    }
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, results) = channel();
    thread::scope(|scope| {
        let threads: Vec<_> = workers
            .into_iter()
            .map(|mut worker| {
                let (sender, next, stop, work) = (sender.clone(), &next, &stop, &work);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return;
                        }
                        let result = work(&mut worker, number);
                        if result.is_err() {
                            stop.store(true, Ordering::Relaxed);
                        }
                        // The receiver lives as long as the threads.
                        let _ = sender.send((number, result));
                    }
                })
            })
            .collect();
        drop(sender);
        let mut first_error: Option<(usize, Error)> = None;
        for (number, result) in results {
            match result {
                Ok(result) => each(number, result),
                Err(error) if first_error.as_ref().is_none_or(|(first, _)| number < *first) => {
                    first_error = Some((number, error));
                }
                Err(_) => {}
            }
        }
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        first_error.map_or(Ok(()), |(_, error)| Err(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn results_arrive_once_whatever_the_number_of_threads() {
        for workers in 1..5 {
            for count in [0, 1, 2, 3, 100] {
                let mut seen = vec![0; count];
                let work = |calls: &mut usize, number: usize| {
                    *calls += 1;
                    Ok(number * 2)
                };
                on_threads(vec![0; workers], count, work, |number, double| {
                    assert_eq!(double, number * 2);
                    seen[number] += 1;
                })
                .unwrap();
                assert_eq!(seen, vec![1; count]);
            }
        }
    }

    #[test]
    fn the_error_of_the_lowest_number_is_returned() {
        for workers in 1..5 {
            let work = |_: &mut (), number: usize| {
                if number < 7 {
                    return Ok(number);
                }
                Err(Error::new(ErrorCode::Internal, format!("fault {number}")))
            };
            let error = on_threads(vec![(); workers], 50, work, |_, _| {}).unwrap_err();
            assert_eq!(error.message(), "fault 7");
        }
    }

    #[test]
    fn a_panic_of_a_thread_is_passed_on() {
        let work = |_: &mut (), number: usize| -> Result<()> { resume_unwind(Box::new(number)) };
        let run = || on_threads(vec![(); 2], 2, work, |_, ()| {});
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
