//! Embeds the texts of a window on several threads. Each thread has a model of its own. A text's bits do not depend on
//! the texts beside it, so the vectors do not depend on the number of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use corom::embedder::Embedder;
use corom::error::{Error, ErrorCode, Result};
use corom::model::{LoadOptions, folder};
use corom::prompts::PromptChoice;
use corom::similarity::Metric;

use crate::fail;

/// The most texts that a thread takes at once: few enough that all threads end a window at about the same time.
const PORTION_TEXTS: usize = 128;
/// The bytes of text after which a portion is full.
const PORTION_BYTES: usize = 64 << 10;
/// Larger batches than a page's: nobody waits for a single batch.
const BATCH_TOKENS: usize = 256;

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

/// Indices of texts, and the texts.
type Portion = Vec<(usize, String)>;

/// Threads with a model each.
pub(crate) struct Engine {
    portions: Option<Sender<Portion>>,
    results: Receiver<(Portion, Result<Embedded>)>,
    threads: Vec<thread::JoinHandle<()>>,
    /// The number of elements of a vector.
    pub(crate) dimension: usize,
    /// The number of tokens that texts are cut to.
    pub(crate) max_length: usize,
    /// The metric that the model was trained for.
    pub(crate) metric: Metric,
}

impl Engine {
    /// Loads the model `threads` times. The first model is loaded before the others, so that an error is reported once.
    ///
    /// # Errors
    /// The errors of [`folder::load`], and `INVALID_ARGUMENT` if the model has no such prompt.
    pub(crate) fn load(
        model: &Path,
        options: &LoadOptions,
        prompt: &PromptChoice,
        threads: usize,
    ) -> Result<Self> {
        let (portions, queue) = channel();
        let (done, results) = channel();
        let (shape, shapes) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let metric = Metric::Cosine;
        let mut engine = Self {
            portions: Some(portions),
            results,
            threads: Vec::new(),
            dimension: 0,
            max_length: 0,
            metric,
        };
        for _ in 0..threads {
            let (model, options, prompt) = (model.to_owned(), options.clone(), prompt.clone());
            let (queue, done, shape) = (Arc::clone(&queue), done.clone(), shape.clone());
            engine.threads.push(thread::spawn(move || {
                let loaded = folder::load(&model, options).and_then(|embedder| {
                    embedder.start_with_prompt(Vec::new(), &prompt)?;
                    Ok(embedder)
                });
                let mut embedder = match loaded {
                    Ok(embedder) => embedder,
                    Err(error) => return drop(shape.send(Err(error))),
                };
                let max_length = embedder.tokenizer().max_length();
                drop(shape.send(Ok((embedder.dimension(), max_length, embedder.metric()))));
                work(&mut embedder, &prompt, &queue, &done);
            }));
            // A receiver without a value means that the thread panicked.
            (engine.dimension, engine.max_length, engine.metric) =
                shapes.recv().unwrap_or_else(|_| Err(crashed()))?;
        }
        Ok(engine)
    }

    /// Embeds texts: long ones first, texts of like length together. Calls `progress` with the number of texts that are
    /// done.
    ///
    /// # Errors
    /// The errors of [`Embedder::embed`], except for single texts that cannot be tokenized.
    pub(crate) fn embed(&self, texts: &[&str], mut progress: impl FnMut(usize)) -> Result<Embedded> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(texts[index].len()));
        let mut waiting = 0;
        let mut portion = Portion::new();
        let mut bytes = 0;
        for (at, &index) in order.iter().enumerate() {
            portion.push((index, texts[index].to_owned()));
            bytes += texts[index].len();
            if portion.len() == PORTION_TEXTS || bytes >= PORTION_BYTES || at + 1 == order.len() {
                self.send(std::mem::take(&mut portion))?;
                (waiting, bytes) = (waiting + 1, 0);
            }
        }
        let mut all = Embedded { data: vec![0.0; texts.len() * self.dimension], ..Embedded::default() };
        let mut done = 0;
        for _ in 0..waiting {
            let (portion, embedded) = self.results.recv().map_err(|_| crashed())?;
            let embedded = embedded?;
            for ((index, _), vector) in portion.iter().zip(embedded.data.chunks_exact(self.dimension.max(1)))
            {
                all.data[index * self.dimension..][..self.dimension].copy_from_slice(vector);
            }
            all.cut += embedded.cut;
            all.failed.extend(embedded.failed.into_iter().map(|(at, reason)| (portion[at].0, reason)));
            done += portion.len();
            progress(done);
        }
        all.failed.sort();
        Ok(all)
    }

    fn send(&self, portion: Portion) -> Result<()> {
        match &self.portions {
            Some(portions) if portions.send(portion).is_ok() => Ok(()),
            _ => fail!(Internal, "no thread takes texts"),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.portions = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has sent its error.
            let _ = thread.join();
        }
    }
}

/// Embeds portions until there are no more.
fn work(
    embedder: &mut Embedder,
    prompt: &PromptChoice,
    queue: &Mutex<Receiver<Portion>>,
    done: &Sender<(Portion, Result<Embedded>)>,
) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(portion) = next else { return };
        let embedded = catch_unwind(AssertUnwindSafe(|| embed_portion(embedder, prompt, &portion)));
        if done.send((portion, embedded.unwrap_or_else(|_| Err(crashed())))).is_err() {
            return;
        }
    }
}

/// Embeds a portion. If it has texts that cannot be tokenized, each of its texts is embedded on its own.
fn embed_portion(embedder: &mut Embedder, prompt: &PromptChoice, portion: &Portion) -> Result<Embedded> {
    let texts = portion.iter().map(|(_, text)| text.clone()).collect();
    let mut all = match embed(embedder, prompt, texts) {
        Err(error) if error.code() == ErrorCode::InvalidArgument => Embedded::default(),
        other => return other,
    };
    for (at, (_, text)) in portion.iter().enumerate() {
        match embed(embedder, prompt, vec![text.clone()]) {
            Ok(one) => {
                all.data.extend(one.data);
                all.cut += one.cut;
            }
            Err(error) if error.code() == ErrorCode::InvalidArgument => {
                all.data.resize(all.data.len() + embedder.dimension(), 0.0);
                all.failed.push((at, format!("cannot be embedded: {error}")));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn embed(embedder: &mut Embedder, prompt: &PromptChoice, texts: Vec<String>) -> Result<Embedded> {
    let mut job = embedder.start_with_prompt(texts, prompt)?;
    job.set_batch_tokens(BATCH_TOKENS);
    while !embedder.step(&mut job)? {}
    let cut = job.reports().filter(|report| report.truncated).count() as u64;
    Ok(Embedded { data: embedder.finish(job)?, cut, failed: Vec::new() })
}

fn crashed() -> Error {
    Error::new(ErrorCode::Internal, "a thread that embeds texts crashed")
}
