//! Embeds texts on several threads, for `corom embed` and `corom eval`. Each thread has a model of its own. A text's bits
//! do not depend on the texts beside it, so the vectors do not depend on the number of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use corom::embedder::Embedder;
use corom::error::{Error, ErrorCode, Result};
use corom::lineage::Lineage;
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

/// Texts of one unit of work, with their indices.
struct Portion {
    texts: Vec<(usize, String)>,
    prompt: PromptChoice,
}

/// A portion and its vectors. A thread whose model cannot be loaded has no portion.
type Done = (Vec<(usize, String)>, Result<Embedded>);

/// Threads with a model each.
pub(crate) struct Engine {
    portions: Option<Sender<Portion>>,
    results: Receiver<Done>,
    threads: Vec<thread::JoinHandle<()>>,
    worker: Worker,
    /// The number of threads when texts are embedded.
    count: usize,
    /// The number of elements of a vector.
    pub(crate) dimension: usize,
    /// The number of tokens that texts are cut to.
    pub(crate) max_length: usize,
    /// The measure of similarity that the model recommends.
    pub(crate) metric: Metric,
    /// The id of the model and of its vectors.
    pub(crate) lineage: Option<Lineage>,
}

/// The facts that a thread starts with.
#[derive(Clone)]
struct Worker {
    model: PathBuf,
    options: LoadOptions,
    queue: Arc<Mutex<Receiver<Portion>>>,
    done: Sender<Done>,
}

impl Engine {
    /// Loads the model on a first thread. The others start when texts are embedded. `prompts` are those that will be used.
    ///
    /// # Errors
    /// The errors of [`folder::load`], and `INVALID_ARGUMENT` if the model has no such prompt.
    pub(crate) fn load(
        model: &Path,
        options: LoadOptions,
        prompts: &[PromptChoice],
        threads: usize,
    ) -> Result<Self> {
        let (portions, queue) = channel();
        let (done, results) = channel();
        let (shape, shapes) = channel();
        let worker = Worker { model: model.to_owned(), options, queue: Arc::new(Mutex::new(queue)), done };
        let (first, prompts) = (worker.clone(), prompts.to_vec());
        let thread = thread::spawn(move || {
            let loaded = first.load().and_then(|embedder| {
                for prompt in &prompts {
                    embedder.start_with_prompt(Vec::new(), prompt)?;
                }
                Ok(embedder)
            });
            match loaded {
                Err(error) => drop(shape.send(Err(error))),
                Ok(embedder) => {
                    let lineage = embedder.lineage().cloned();
                    let length = embedder.tokenizer().max_length();
                    let facts = (embedder.dimension(), length, embedder.metric(), lineage);
                    drop(shape.send(Ok(facts)));
                    first.work(embedder);
                }
            }
        });
        // A receiver without a value means that the thread panicked.
        let (dimension, max_length, metric, lineage) = shapes.recv().unwrap_or_else(|_| Err(crashed()))?;
        let (portions, threads, count) = (Some(portions), vec![thread], threads);
        Ok(Self { portions, results, threads, worker, count, dimension, max_length, metric, lineage })
    }

    /// Embeds texts: long ones first, texts of like length together. Calls `progress` with the number of texts that are
    /// done.
    ///
    /// # Errors
    /// The errors of [`folder::load`] and [`Embedder::embed`], except for single texts that cannot be tokenized.
    pub(crate) fn embed(
        &mut self,
        texts: &[&str],
        prompt: &PromptChoice,
        mut progress: impl FnMut(usize),
    ) -> Result<Embedded> {
        while self.threads.len() < self.count {
            let worker = self.worker.clone();
            self.threads.push(thread::spawn(move || match worker.load() {
                Ok(embedder) => worker.work(embedder),
                Err(error) => drop(worker.done.send((Vec::new(), Err(error)))),
            }));
        }
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(texts[index].len()));
        let mut waiting = 0;
        let mut portion = Vec::new();
        let mut bytes = 0;
        for (at, &index) in order.iter().enumerate() {
            portion.push((index, texts[index].to_owned()));
            bytes += texts[index].len();
            if portion.len() == PORTION_TEXTS || bytes >= PORTION_BYTES || at + 1 == order.len() {
                self.send(Portion { texts: std::mem::take(&mut portion), prompt: prompt.clone() })?;
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

impl Worker {
    fn load(&self) -> Result<Embedder> {
        folder::load(&self.model, self.options.clone())
    }

    /// Embeds portions until there are no more.
    fn work(&self, mut embedder: Embedder) {
        loop {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Portion { texts, prompt }) = next else { return };
            let embedded = catch_unwind(AssertUnwindSafe(|| embed_portion(&mut embedder, &prompt, &texts)));
            if self.done.send((texts, embedded.unwrap_or_else(|_| Err(crashed())))).is_err() {
                return;
            }
        }
    }
}

/// Embeds a portion. If it has texts that cannot be tokenized, each of its texts is embedded on its own.
fn embed_portion(
    embedder: &mut Embedder,
    prompt: &PromptChoice,
    portion: &[(usize, String)],
) -> Result<Embedded> {
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
