//! The two traits through which the converter reads a checkpoint ([`FileSource`]) and writes a model folder
//! ([`FileSink`]).
//!
//! The converter itself opens no file. A host implements the traits over a disk, over memory or over
//! JavaScript; a `BTreeMap` from path to bytes is a folder in memory and implements both. Paths are
//! relative to the folder, and `/` separates their parts on every host.

use std::collections::BTreeMap;
use std::io;

pub use crate::checkpoint_file::file_source::FileSource;

/// A folder that files are written to.
///
/// A sink that must show a complete folder or none (the native command) writes to a temporary place
/// and renames it after [`convert`](super::convert) has returned `Ok`.
pub trait FileSink {
    /// Writes a whole file, and replaces a file that was written at that path before.
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;
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
    use std::io::ErrorKind;

    #[test]
    fn folder_in_memory_reads_at_offsets_and_reports_the_end() {
        let mut folder = BTreeMap::new();
        folder.write("a", b"abcdef").unwrap();
        folder.write("onnx/model.onnx", b"{}").unwrap();
        folder.write("onnx/deep/er/still", b"{}").unwrap();
        assert_eq!(folder.list().unwrap(), ["a", "onnx/model.onnx"]);
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
