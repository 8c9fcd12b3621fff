//! The logits of pairs of a query and a document, computed by all threads and kept on disk between runs.
//!
//! A cache file belongs to a model and a quality. It has one record per pair: 16 bytes of a hash of both texts, and the
//! logit as f32, little-endian. So a pair is computed once, whatever search found it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use corom::error::Result;
use corom::model::folder;
use corom::reranker::Reranker;
use sha2::{Digest, Sha256};

use super::identity::model_identity;
use super::vectors::Quality;
use crate::file_error::file_error;
use crate::progress::Progress;

/// Bytes of a key and of a record.
const KEY_BYTES: usize = 16;
const RECORD_BYTES: usize = KEY_BYTES + size_of::<f32>();

type Key = [u8; KEY_BYTES];

/// A query with the documents that are scored for it.
pub(super) struct Candidates<'a> {
    pub(super) query: &'a str,
    pub(super) documents: Vec<&'a str>,
}

/// A reranker with the identity of its scores.
pub(super) struct PairModel {
    reranker: Reranker,
    /// A hash of the model's files, the quality and this version.
    identity: String,
}

impl PairModel {
    /// Loads the folder.
    ///
    /// # Errors
    /// The errors of [`folder::load_reranker`], and `FETCH_FAILED`.
    pub(super) fn load(path: &Path, quality: Quality, threads: NonZeroUsize) -> Result<Self> {
        let mut reranker = folder::load_reranker(path, quality.options())?;
        reranker.set_threads(threads);
        Ok(Self { reranker, identity: model_identity(path, quality.name())? })
    }

    /// Returns the logits of each query's documents. Those that `cache` has are read from there; others are appended to it
    /// as they are computed, so a run that is stopped goes on where it was.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the cache cannot be read or written, and those of scoring.
    pub(super) fn logits(&mut self, lists: &[Candidates], cache: &Path, what: &str) -> Result<Vec<Vec<f32>>> {
        std::fs::create_dir_all(cache).map_err(|error| file_error(cache, error))?;
        let mut cache = PairCache::open(cache.join(format!("{}.pairs", self.identity)))?;
        let total: usize = lists.iter().map(|list| list.documents.len()).sum();
        // The documents without a logit, per query that has any.
        let missing: Vec<(&str, Vec<&str>)> = lists
            .iter()
            .map(|list| {
                let is_missing = |document: &&str| !cache.logits.contains_key(&key(list.query, document));
                (list.query, list.documents.iter().copied().filter(is_missing).collect::<Vec<_>>())
            })
            .filter(|(_, documents)| !documents.is_empty())
            .collect();
        let mut done = total - missing.iter().map(|(_, documents)| documents.len()).sum::<usize>();
        let first = done as u64;
        let mut progress = Progress::new(what);
        progress.restart(first, Some(total as u64));
        for (query, documents) in missing {
            let scores = self.reranker.score(query, &documents)?;
            for (document, score) in documents.iter().zip(&scores) {
                cache.insert(key(query, document), score.logit)?;
            }
            // The scores of a query that is done are kept.
            cache.flush()?;
            done += documents.len();
            progress.update(done as u64 - first, done as u64, Some(total as u64));
        }
        progress.clear();
        let logit = |query: &str, document: &&str| cache.logits.get(&key(query, document)).copied();
        let of_list = |list: &Candidates| -> Option<Vec<f32>> {
            list.documents.iter().map(|document| logit(list.query, document)).collect()
        };
        match lists.iter().map(of_list).collect() {
            Some(logits) => Ok(logits),
            None => crate::fail!(Internal, "a pair has no logit after all were computed"),
        }
    }
}

/// Returns the key of a pair.
fn key(query: &str, document: &str) -> Key {
    let mut hash = Sha256::new();
    hash.update((query.len() as u64).to_le_bytes());
    hash.update(query);
    hash.update(document);
    let hash = hash.finalize();
    std::array::from_fn(|at| hash[at])
}

/// The logits of a cache file.
struct PairCache {
    path: PathBuf,
    file: BufWriter<File>,
    logits: HashMap<Key, f32>,
}

impl PairCache {
    /// Opens a file, or makes it. A record that a stopped run left incomplete is cut off.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file cannot be read.
    fn open(path: PathBuf) -> Result<Self> {
        let failed = |error| file_error(&path, error);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        // A second run with the same cache waits: records of two writers would mix.
        file.lock().map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (records, rest) = bytes.as_chunks::<RECORD_BYTES>();
        if !rest.is_empty() {
            file.set_len((bytes.len() - rest.len()) as u64).map_err(failed)?;
        }
        let logits = records
            .iter()
            .map(|record| {
                let (key, logit) = record.split_at(KEY_BYTES);
                let logit = f32::from_le_bytes(std::array::from_fn(|at| logit[at]));
                (std::array::from_fn(|at| key[at]), logit)
            })
            .collect();
        Ok(Self { file: BufWriter::new(file), path, logits })
    }

    fn insert(&mut self, key: Key, logit: f32) -> Result<()> {
        if self.logits.insert(key, logit).is_none() {
            let record = [&key[..], &logit.to_le_bytes()].concat();
            self.file.write_all(&record).map_err(|error| file_error(&self.path, error))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|error| file_error(&self.path, error))
    }
}
