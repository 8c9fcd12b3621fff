//! Reads one file of a [`FileSource`] as a stream.
//!
//! The crates `safetensors` and `zip`, and the pickle reader, take a stream (`Read`, `Seek`). A source
//! has only reads at an offset, so [`FileReader`] keeps the position.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use super::file_source::FileSource;
use crate::error::{Error, ErrorCode};

/// A position in one file of a source.
pub(crate) struct FileReader<'a> {
    source: &'a dyn FileSource,
    path: &'a str,
    length: u64,
    position: u64,
}

impl<'a> FileReader<'a> {
    /// Starts at the beginning of a file of `length` bytes.
    pub(crate) fn new(source: &'a dyn FileSource, path: &'a str, length: u64) -> Self {
        Self { source, path, length, position: 0 }
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.position);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if count > 0 {
            self.source.read_at(self.path, self.position, &mut buffer[..count])?;
            self.position += count as u64;
        }
        Ok(count)
    }
}

impl Seek for FileReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
        };
        self.position = target.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Converts an I/O error of a checkpoint's weight file.
///
/// Returns `INVALID_CHECKPOINT` if the file ends early, and `FETCH_FAILED` otherwise.
pub(crate) fn read_error(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            let message = "the file ends early; it was cut or is still being written";
            Error::with_source(ErrorCode::InvalidCheckpoint, message, error)
        }
        _ => Error::with_source(ErrorCode::FetchFailed, format!("reading failed: {error}"), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn file_reader_seeks_from_both_ends_and_stops_at_the_end() {
        let source = BTreeMap::from([("a".to_owned(), b"abcdef".to_vec())]);
        let mut reader = FileReader::new(&source, "a", 6);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcdef");
        assert_eq!(reader.seek(SeekFrom::End(-4)).unwrap(), 2);
        assert_eq!(reader.seek(SeekFrom::Current(1)).unwrap(), 3);
        let mut rest = [0; 3];
        reader.read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b"def");
        assert!(reader.seek(SeekFrom::Current(-7)).is_err());
        reader.seek(SeekFrom::Start(100)).unwrap();
        assert_eq!(reader.read(&mut rest).unwrap(), 0);
    }
}
