//! Lines of a file in UTF-8, with the position after each.

use std::io::{BufRead, BufReader, Read};

use corom::error::Result;

use super::{Position, Source, unreadable};
use crate::fail;

/// A longer line or record is no text: the file is binary, or a quote is not closed.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;
const BUFFER_BYTES: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The advice for bytes that are not UTF-8, as a predicate.
pub(super) const NOT_UTF8: &str =
    "is not UTF-8; convert the file first, for example with iconv -f GB18030 -t UTF-8";

/// Reads lines of bytes.
#[derive(Debug)]
pub(super) struct Lines {
    reader: BufReader<Source>,
    /// The name of the input in messages.
    pub(super) name: String,
    /// The position after the last line.
    pub(super) position: Position,
    /// The number of the first line of the last row.
    pub(super) row_begin: u64,
    total: Option<u64>,
}

impl Lines {
    /// Starts at the source's beginning.
    pub(super) fn new(source: Source, name: &str) -> Self {
        let total = source.size();
        let reader = BufReader::with_capacity(BUFFER_BYTES, source);
        Self { reader, name: name.to_owned(), position: Position::default(), row_begin: 0, total }
    }

    /// Returns the size of the file in bytes.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// Appends the next line to `line`, with its end. Returns false at the end of the file.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file cannot be read, `INVALID_ARGUMENT` for a line of more than 16 MiB, and for a file
    /// that begins with NUL bytes.
    pub(super) fn append_next(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        let begin = line.len();
        let limit = (MAX_LINE_BYTES + 1).saturating_sub(begin);
        let count = (&mut self.reader)
            .take(limit as u64)
            .read_until(b'\n', line)
            .map_err(|e| unreadable(&self.name, e))?;
        let number = self.position.lines + 1;
        if begin == 0 {
            self.row_begin = number;
        }
        if line.len() > MAX_LINE_BYTES {
            fail!(
                InvalidArgument,
                "{}: the row that ends on line {number} has more than {MAX_LINE_BYTES} bytes; expected one text per row",
                self.name
            );
        }
        if count == 0 {
            return Ok(false);
        }
        if number == 1 {
            if line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
                // An empty file with a byte order mark has no line.
                if line.is_empty() {
                    return Ok(false);
                }
            }
            if line.contains(&0) {
                fail!(InvalidArgument, "{}: line 1 has NUL bytes; expected text in UTF-8", self.name);
            }
        }
        self.position.offset += count as u64;
        self.position.lines = number;
        Ok(true)
    }

    /// Continues at a position.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file cannot be read.
    pub(super) fn seek(&mut self, position: Position) -> Result<()> {
        let mut source = std::mem::replace(self.reader.get_mut(), Source::Stdin(std::io::stdin()));
        source.seek(position.offset).map_err(|e| unreadable(&self.name, e))?;
        self.reader = BufReader::with_capacity(BUFFER_BYTES, source);
        self.position = position;
        Ok(())
    }
}

/// Returns a line without its end: `\n` or `\r\n`.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
