//! The vectors of a list of texts, computed by all threads and kept on disk between runs.

use std::fs::OpenOptions;
use std::io::{BufReader, BufWriter, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use corom::encoder::cpu::kernels::linear::Kernel;
use corom::encoder::{KernelChoice, Precision};
use corom::error::Result;
use corom::eval::Texts;
use corom::model::LoadOptions;
use corom::prompts::PromptChoice;
use corom::similarity::Metric;
use sha2::{Digest, Sha256};

use super::identity::{hex, model_identity};
use crate::engine::Engine;
use crate::fail;
use crate::file_error::file_error;
use crate::progress::Progress;

/// Texts per thread that are embedded, and appended to the cache, at once: several batches each.
const WINDOW_PER_THREAD: usize = 1024;
/// Rows that are read from the cache at once.
const READ_ROWS: usize = 256;

/// The kernels of a model's products.
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

    /// Returns the options of a load.
    pub(super) fn options(self) -> LoadOptions {
        let (precision, kernel) = match self {
            Self::Exact => (Precision::Auto, KernelChoice::Exact),
            Self::Relaxed => (Precision::Auto, KernelChoice::Fixed(Kernel::RelaxedI16)),
            Self::Float => (Precision::F32, KernelChoice::Exact),
        };
        LoadOptions { precision, kernel, ..LoadOptions::default() }
    }
}

/// A model folder with the quality of its products.
pub(super) struct Model {
    engine: Engine,
    /// Texts that are embedded, and appended to the cache, at once.
    window: usize,
    pub(super) dimension: usize,
    pub(super) metric: Metric,
    /// A hash of the model's files, the quality and this version.
    identity: String,
}

impl Model {
    /// Loads the folder.
    ///
    /// # Errors
    /// The errors of [`Engine::load`], and `FETCH_FAILED`.
    pub(super) fn load(path: &Path, quality: Quality, threads: NonZeroUsize) -> Result<Self> {
        let prompts = [PromptChoice::Document, PromptChoice::Query];
        let engine = Engine::load(path, quality.options(), &prompts, threads)?;
        let identity = model_identity(path, quality.name())?;
        let (dimension, metric) = (engine.dimension, engine.metric);
        Ok(Self { engine, window: threads.get() * WINDOW_PER_THREAD, dimension, metric, identity })
    }

    /// Embeds texts and gives the vectors to `each` in their order. Vectors that `cache` has are read from there.
    /// Vectors are appended to the cache as they are computed, so a run that is stopped goes on where it was.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the cache cannot be read or written, those of embedding, and those of `each`.
    pub(super) fn vectors(
        &mut self,
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
        let done = (length / row_bytes as u64).min(texts.len() as u64) as usize;
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

    /// Embeds the texts from row `first` on.
    fn embed(
        &mut self,
        texts: &Texts,
        first: usize,
        prompt: &PromptChoice,
        what: &str,
        mut each: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let total = texts.len() as u64;
        let mut progress = Progress::new(what);
        progress.restart(first as u64, Some(total));
        for begin in (first..texts.len()).step_by(self.window) {
            let window = begin..(begin + self.window).min(texts.len());
            let list: Vec<&str> = window.clone().map(|row| texts.text(row)).collect();
            let embedded = self.engine.embed(&list, prompt, |done| {
                let done = (begin + done) as u64;
                progress.update(done - first as u64, done, Some(total));
            })?;
            if let Some((at, reason)) = embedded.failed.first() {
                progress.clear();
                fail!(InvalidArgument, "{what}: the text of {} {reason}", texts.id(begin + at));
            }
            each(&embedded.data)?;
        }
        progress.clear();
        Ok(())
    }
}

fn read_rows(
    file: &mut impl Read,
    count: usize,
    dimension: usize,
    each: &mut impl FnMut(&[f32]) -> Result<()>,
) -> std::io::Result<Result<()>> {
    let mut bytes = vec![0; READ_ROWS * dimension * size_of::<f32>()];
    for start in (0..count).step_by(READ_ROWS) {
        let rows = (count - start).min(READ_ROWS);
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
