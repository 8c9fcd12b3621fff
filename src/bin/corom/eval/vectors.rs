//! The vectors of a list of texts, computed by all threads and kept on disk between runs.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use corom::embedder::Embedder;
use corom::encoder::cpu::kernels::linear::Kernel;
use corom::encoder::{KernelChoice, Precision};
use corom::error::Result;
use corom::eval::Texts;
use corom::model::{LoadOptions, folder};
use corom::prompts::PromptChoice;
use corom::similarity::Metric;
use sha2::{Digest, Sha256};

use super::file_error::file_error;

/// Texts of one unit of work. Their split does not depend on the number of threads.
const JOB: usize = 256;
/// Tokens of a batch: large enough for the fastest products.
const BATCH_TOKENS: usize = 256;

/// How a model's products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Quality {
    /// 8-bit weights, the same bits on every machine
    Exact,
    /// 8-bit weights and 7-bit activations, as with WebAssembly's relaxed SIMD
    Relaxed,
    /// 32-bit floating point
    Float,
}

impl Quality {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Relaxed => "relaxed",
            Self::Float => "float",
        }
    }

    fn options(self) -> LoadOptions {
        let (precision, kernel) = match self {
            Self::Exact => (Precision::Auto, KernelChoice::Exact),
            Self::Relaxed => (Precision::Auto, KernelChoice::Fixed(Kernel::RelaxedI16)),
            Self::Float => (Precision::F32, KernelChoice::Exact),
        };
        LoadOptions { precision, kernel, ..LoadOptions::default() }
    }
}

/// A model folder with the quality of its products. Each thread that embeds loads it.
pub(super) struct Model<'a> {
    path: &'a Path,
    quality: Quality,
    threads: usize,
    pub(super) dimension: usize,
    pub(super) metric: Metric,
    /// A hash of the model's files, the quality and this version.
    identity: String,
}

impl<'a> Model<'a> {
    /// Checks the folder by loading it once.
    ///
    /// # Errors
    /// Those of [`folder::load`], and `FETCH_FAILED`.
    pub(super) fn load(path: &'a Path, quality: Quality, threads: usize) -> Result<Self> {
        let embedder = folder::load(path, quality.options())?;
        let mut hash = Sha256::new();
        hash.update(concat!(env!("CARGO_PKG_VERSION"), "\0"));
        hash.update(quality.name());
        hash_folder(path, &mut hash)?;
        let (dimension, metric) = (embedder.dimension(), embedder.metric());
        Ok(Self { path, quality, threads, dimension, metric, identity: hex(hash) })
    }

    /// Embeds texts and gives the vectors to `each` in their order. Vectors that `cache` has are read from there.
    /// Vectors are appended to the cache as they are computed, so a run that is stopped goes on where it was.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the cache cannot be read or written, those of embedding, and those of `each`.
    pub(super) fn vectors(
        &self,
        texts: &Texts,
        prompt: &PromptChoice,
        cache: &Path,
        what: &str,
        mut each: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let dimension = self.dimension;
        let row_bytes = dimension * size_of::<f32>();
        std::fs::create_dir_all(cache).map_err(|error| file_error(cache, error))?;
        let path = self.cache_path(texts, prompt, cache);
        let error = |error| file_error(&path, error);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(error)?;
        // A second run with the same cache waits: rows of two writers would mix.
        file.lock().map_err(error)?;
        let length = file.metadata().map_err(error)?.len();
        let done = (length / row_bytes as u64).min(texts.len() as u64) as usize / JOB * JOB;
        let done = if length == (texts.len() * row_bytes) as u64 { texts.len() } else { done };
        file.set_len((done * row_bytes) as u64).map_err(error)?;
        read_rows(&mut BufReader::new(&mut file), done, dimension, &mut each).map_err(error)??;
        let mut writer = BufWriter::new(file);
        self.embed(texts, done, prompt, what, |vectors| {
            let bytes: Vec<u8> = vectors.iter().flat_map(|x| x.to_le_bytes()).collect();
            writer.write_all(&bytes).map_err(|error| file_error(&path, error))?;
            each(vectors)
        })?;
        writer.flush().map_err(|error| file_error(&path, error))
    }

    fn cache_path(&self, texts: &Texts, prompt: &PromptChoice, cache: &Path) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(&self.identity);
        hash.update(format!("{prompt:?}"));
        for row in 0..texts.len() {
            hash.update((texts.text(row).len() as u64).to_le_bytes());
            hash.update(texts.text(row));
        }
        cache.join(format!("{}.f32", hex(hash)))
    }

    /// Embeds the texts from row `first` on. Each thread takes the next [`JOB`] texts.
    fn embed(
        &self,
        texts: &Texts,
        first: usize,
        prompt: &PromptChoice,
        what: &str,
        mut each: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let starts: Vec<usize> = (first..texts.len()).step_by(JOB).collect();
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let threads = self.threads.min(starts.len());
        let (sender, receiver) = sync_channel(2 * threads.max(1));
        let mut progress = Progress::new(what, first, texts.len());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (sender, starts, next, stop) = (sender.clone(), &starts, &next, &stop);
                scope.spawn(move || {
                    let mut embedder = match folder::load(self.path, self.quality.options()) {
                        Ok(embedder) => embedder,
                        Err(error) => return drop(sender.send((0, Err(error)))),
                    };
                    while let Some(&start) = starts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let texts = texts.slice(start..(start + JOB).min(texts.len()));
                        let vectors = embed_job(&mut embedder, texts, prompt);
                        if stop.load(Ordering::Relaxed) || sender.send((start, vectors)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let (mut waiting, mut expected) = (BTreeMap::new(), first);
            let mut receive = || -> Result<()> {
                for (start, vectors) in &receiver {
                    waiting.insert(start, vectors?);
                    while let Some(vectors) = waiting.remove(&expected) {
                        each(&vectors)?;
                        expected += JOB;
                        progress.show(expected.min(texts.len()));
                    }
                }
                Ok(())
            };
            let result = receive();
            stop.store(true, Ordering::Relaxed);
            drop(receiver);
            result
        })
    }
}

fn embed_job(embedder: &mut Embedder, texts: Vec<String>, prompt: &PromptChoice) -> Result<Vec<f32>> {
    let mut job = embedder.start_with_prompt(texts, prompt)?;
    job.set_batch_tokens(BATCH_TOKENS);
    while !embedder.step(&mut job)? {}
    embedder.finish(job)
}

fn read_rows(
    file: &mut impl Read,
    count: usize,
    dimension: usize,
    each: &mut impl FnMut(&[f32]) -> Result<()>,
) -> std::io::Result<Result<()>> {
    let mut bytes = vec![0; JOB * dimension * size_of::<f32>()];
    for start in (0..count).step_by(JOB) {
        let rows = (count - start).min(JOB);
        let bytes = &mut bytes[..rows * dimension * size_of::<f32>()];
        file.read_exact(bytes)?;
        let (numbers, _) = bytes.as_chunks::<4>();
        let vectors: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if let Err(error) = each(&vectors) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Adds the names and contents of a folder's files to a hash, in the order of their names.
fn hash_folder(folder: &Path, hash: &mut Sha256) -> Result<()> {
    let entries = folder.read_dir().and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut paths: Vec<_> =
        entries.map_err(|error| file_error(folder, error))?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name() else { continue };
        hash.update(name.as_encoded_bytes());
        hash.update([0]);
        if path.is_dir() {
            hash_folder(&path, hash)?;
            continue;
        }
        let mut file = File::open(&path).map_err(|error| file_error(&path, error))?;
        let (mut chunk, mut length) = (vec![0; 1 << 20], 0u64);
        loop {
            let count = file.read(&mut chunk).map_err(|error| file_error(&path, error))?;
            if count == 0 {
                break;
            }
            hash.update(&chunk[..count]);
            length += count as u64;
        }
        hash.update(length.to_le_bytes());
    }
    Ok(())
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Shows on standard error how far a long computation is, every few seconds.
struct Progress<'a> {
    what: &'a str,
    first: usize,
    total: usize,
    started: Instant,
    shown: Instant,
}

impl<'a> Progress<'a> {
    fn new(what: &'a str, first: usize, total: usize) -> Self {
        let now = Instant::now();
        Self { what, first, total, started: now, shown: now }
    }

    fn show(&mut self, done: usize) {
        if self.shown.elapsed().as_secs() < 5 {
            return;
        }
        self.shown = Instant::now();
        let rate = (done - self.first) as f64 / self.started.elapsed().as_secs_f64();
        let left = (self.total - done) as f64 / rate.max(f64::MIN_POSITIVE);
        let (what, total) = (self.what, self.total);
        eprintln!("{what}: {done} of {total} texts, {rate:.0} texts/s, {left:.0} s left");
    }
}
