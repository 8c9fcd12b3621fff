//! Writes the weight files `model.onnx_data_000`, `model.onnx_data_001` and so on. No weight file is
//! larger than [`MAX_SHARD_BYTES`], which every static host accepts, or than the caller wants.

use super::files::FileSink;
use super::output::write_file;
use crate::error::{Result, fail};
use crate::model::manifest::{FileEntry, MAX_SHARD_BYTES};

/// The smallest limit that a caller may set: rows of a large model fit.
const MIN_SHARD_BYTES: usize = 1 << 16;

/// Tensors start at a multiple of this many bytes, so that they can be read in place.
const ALIGNMENT_BYTES: usize = 64;

/// The place where the bytes of a tensor were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardLocation {
    /// The file name of the shard.
    pub(crate) file: String,
    /// The first byte in the shard.
    pub(crate) offset: usize,
    /// The number of bytes.
    pub(crate) length: usize,
}

/// Returns the most bytes of a shard. `None`: [`MAX_SHARD_BYTES`].
///
/// # Errors
/// `INVALID_ARGUMENT` if it is out of range.
pub(crate) fn checked_size(max_size: Option<usize>) -> Result<usize> {
    let max_size = max_size.unwrap_or(MAX_SHARD_BYTES);
    if !(MIN_SHARD_BYTES..=MAX_SHARD_BYTES).contains(&max_size) {
        fail!(
            InvalidArgument,
            "maxShardSize: {max_size}; expected {MIN_SHARD_BYTES} to {MAX_SHARD_BYTES} bytes"
        );
    }
    Ok(max_size)
}

/// Appends tensors to shards. One shard is in memory at a time.
pub(crate) struct ShardWriter<'a> {
    sink: &'a mut dyn FileSink,
    max_size: usize,
    shard: Vec<u8>,
    written: Vec<FileEntry>,
}

impl<'a> ShardWriter<'a> {
    /// Starts with the first shard. `max_size` is the most bytes of a shard; `None`: [`MAX_SHARD_BYTES`].
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if `max_size` is out of range.
    pub(crate) fn new(sink: &'a mut dyn FileSink, max_size: Option<usize>) -> Result<Self> {
        let max_size = checked_size(max_size)?;
        Ok(Self { sink, max_size, shard: Vec::new(), written: Vec::new() })
    }

    /// Returns the most bytes of a shard.
    pub(crate) fn max_size(&self) -> usize {
        self.max_size
    }

    /// Appends bytes to the current shard, or to a new shard if they do not fit.
    ///
    /// # Errors
    /// `INTERNAL` if the bytes fit into no shard, because the caller splits large tensors;
    /// `FETCH_FAILED` if a shard cannot be written.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<ShardLocation> {
        if bytes.len() > self.max_size {
            fail!(Internal, "a tensor of {} bytes does not fit into a weight file", bytes.len());
        }
        let mut offset = self.shard.len().next_multiple_of(ALIGNMENT_BYTES);
        if offset + bytes.len() > self.max_size {
            self.flush()?;
            offset = 0;
        }
        self.shard.resize(offset, 0);
        self.shard.extend_from_slice(bytes);
        Ok(ShardLocation { file: self.file_name(), offset, length: bytes.len() })
    }

    /// Writes the last shard and returns the manifest entries of all shards.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the shard cannot be written.
    pub(crate) fn finish(mut self) -> Result<Vec<FileEntry>> {
        self.flush()?;
        Ok(self.written)
    }

    fn file_name(&self) -> String {
        format!("model.onnx_data_{:03}", self.written.len())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.shard.is_empty() {
            let path = self.file_name();
            let entry = write_file(self.sink, &path, &self.shard)?;
            self.written.push(entry);
            self.shard.clear();
        }
        Ok(())
    }
}
