//! The weights' files, `model.onnx_data_000` and on, none larger than a static host takes.

use std::path::{Path, PathBuf};

use corom::error::Result;
use corom::model::manifest::{FileEntry, MAX_SHARD_BYTES};

use super::output::write_file;
use crate::fail;

/// Tensors start at a multiple of it, so that they can be read in place.
const ALIGNMENT: usize = 64;

/// Where a tensor's bytes were put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// The shard's file name.
    pub(crate) file: String,
    /// The first byte.
    pub(crate) offset: usize,
    /// How many.
    pub(crate) length: usize,
}

/// Writes tensors one after the other. One shard is in memory at a time.
#[derive(Debug)]
pub(crate) struct Shards {
    folder: PathBuf,
    shard: Vec<u8>,
    done: Vec<FileEntry>,
}

impl Shards {
    /// Shards in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), shard: Vec::new(), done: Vec::new() }
    }

    /// Puts bytes into the current shard, or into a new one where they do not fit.
    ///
    /// # Errors
    /// `INTERNAL` when they fit into no shard: the caller splits large tensors.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<Location> {
        if bytes.len() > MAX_SHARD_BYTES {
            fail!(Internal, "{} bytes do not fit into a shard", bytes.len());
        }
        let mut offset = self.shard.len().next_multiple_of(ALIGNMENT);
        if offset + bytes.len() > MAX_SHARD_BYTES {
            self.close()?;
            offset = 0;
        }
        self.shard.resize(offset, 0);
        self.shard.extend_from_slice(bytes);
        Ok(Location { file: self.name(), offset, length: bytes.len() })
    }

    /// Writes what is left. Returns every shard.
    pub(crate) fn finish(mut self) -> Result<Vec<FileEntry>> {
        self.close()?;
        Ok(self.done)
    }

    fn name(&self) -> String {
        format!("model.onnx_data_{:03}", self.done.len())
    }

    fn close(&mut self) -> Result<()> {
        if !self.shard.is_empty() {
            self.done.push(write_file(&self.folder, &self.name(), &self.shard)?);
            self.shard.clear();
        }
        Ok(())
    }
}
