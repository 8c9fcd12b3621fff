//! The trait through which checkpoints are read.
//!
//! A host implements it over a disk, over memory or over JavaScript; a `BTreeMap` from path to bytes is a
//! folder in memory and implements it. Paths are relative to the folder, and `/` separates their parts on
//! every host.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

/// A folder whose files can be read at any offset.
///
/// Errors are [`io::Error`]s. The converter adds the path and turns them into
/// [`FETCH_FAILED`](crate::error::ErrorCode::FetchFailed).
pub trait FileSource {
    /// Returns the paths of the files in the folder and two levels below it (`0_Transformer/onnx/`), in any order. A
    /// subfolder that cannot be listed is a path with a `/` at its end.
    #[cfg_attr(not(feature = "convert"), allow(dead_code, reason = "only the converter uses it"))]
    fn list(&self) -> io::Result<Vec<String>>;

    /// Returns the size of a file in bytes, or `None` if the folder has no file at that path.
    fn size(&self, path: &str) -> io::Result<Option<u64>>;

    /// Fills `buffer` with the bytes of a file that begin at `offset`.
    ///
    /// Returns an error of kind [`ErrorKind::UnexpectedEof`] if the file ends before `buffer` is full.
    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Called after each weight that was converted: the number of values so far, and of all weights. Does nothing by
    /// default.
    #[cfg_attr(not(feature = "convert"), allow(dead_code, reason = "only the converter calls it"))]
    fn converted(&self, _values: u64, _of: u64) {}
}

impl FileSource for BTreeMap<String, Vec<u8>> {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.keys().filter(|path| path.matches('/').count() <= 2).cloned().collect())
    }

    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        Ok(self.get(path).map(|bytes| bytes.len() as u64))
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = self.get(path).ok_or(ErrorKind::NotFound)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = bytes.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(rest.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
