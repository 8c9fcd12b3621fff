//! The two traits through which the converter reads a checkpoint and writes a model folder.
//!
//! The converter itself opens no file. A host implements the traits over a disk, over memory or over
//! JavaScript; a `BTreeMap` from path to bytes is a folder in memory and implements both. Paths are
//! relative to the folder, and `/` separates their parts on every host.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

/// A folder whose files can be read at any offset.
///
/// Errors are [`io::Error`]s. The converter adds the path and turns them into
/// [`FETCH_FAILED`](crate::error::ErrorCode::FetchFailed).
pub trait FileSource {
    /// Returns the paths of the files at the top level of the folder, in any order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Returns the size of a file in bytes, or `None` if the folder has no file at that path.
    fn size(&self, path: &str) -> io::Result<Option<u64>>;

    /// Fills `buffer` with the bytes of a file that begin at `offset`.
    ///
    /// Returns an error of kind [`ErrorKind::UnexpectedEof`] if the file ends before `buffer` is full.
    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// A folder that files are written to.
///
/// A sink that must show a complete folder or none (the native command) writes to a temporary place
/// and renames it after [`convert`](super::convert) has returned `Ok`.
pub trait FileSink {
    /// Writes a whole file, and replaces a file that was written at that path before.
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;
}

impl FileSource for BTreeMap<String, Vec<u8>> {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.keys().filter(|path| !path.contains('/')).cloned().collect())
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

impl FileSink for BTreeMap<String, Vec<u8>> {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_in_memory_reads_at_offsets_and_reports_the_end() {
        let mut folder = BTreeMap::new();
        folder.write("a", b"abcdef").unwrap();
        folder.write("1_Pooling/config.json", b"{}").unwrap();
        assert_eq!(folder.list().unwrap(), ["a"]);
        assert_eq!((folder.size("a").unwrap(), folder.size("b").unwrap()), (Some(6), None));
        let mut buffer = [0; 3];
        folder.read_at("a", 3, &mut buffer).unwrap();
        assert_eq!(&buffer, b"def");
        for offset in [4, 7, u64::MAX] {
            let error = folder.read_at("a", offset, &mut buffer).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        }
        assert_eq!(folder.read_at("b", 0, &mut buffer).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
