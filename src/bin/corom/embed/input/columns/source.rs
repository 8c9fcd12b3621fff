//! Record batches of a Parquet file or an Arrow stream.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, SchemaRef};
use corom::error::{Error, ErrorCode, Result};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::super::{Source, unreadable};
use crate::embed::columnar::guarded;
use crate::fail;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1024;
/// The first bytes of Arrow's file format, with padding. An Arrow stream follows, then an index.
const ARROW_FILE: [u8; 8] = *b"ARROW1\0\0";
/// The last bytes of Arrow's file format.
const ARROW_FILE_END: &[u8] = b"ARROW1";

/// Reads record batches.
pub(super) enum Batches {
    Parquet(Parquet),
    Arrow(Arrow),
}

/// A Parquet file.
pub(super) struct Parquet {
    file: File,
    metadata: ArrowReaderMetadata,
    columns: Vec<usize>,
    /// Opened at the first row that is read.
    reader: Option<ParquetRecordBatchReader>,
    begin: u64,
}

/// An Arrow stream.
pub(super) struct Arrow {
    reader: StreamReader<Bytes>,
    columns: Vec<usize>,
    read: Arc<AtomicU64>,
    total: Option<u64>,
    is_file: bool,
    /// Rows that an earlier run has read.
    skip: u64,
}

type Bytes = Ended<Chain<Cursor<Vec<u8>>, BufReader<Counted>>>;

/// Notices that the last call found no byte: a reader of a stream that is complete stops at its end mark, before.
struct Ended<R> {
    bytes: R,
    is_at_end: bool,
}

impl<R: Read> Read for Ended<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(bytes)?;
        self.is_at_end = count == 0 && !bytes.is_empty();
        Ok(count)
    }
}

/// Counts the bytes that are read, and keeps the last ones.
pub(super) struct Counted {
    source: Source,
    read: Arc<AtomicU64>,
    last: Vec<u8>,
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(bytes)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        self.last.extend_from_slice(&bytes[count.saturating_sub(8)..count]);
        self.last.drain(..self.last.len().saturating_sub(8));
        Ok(count)
    }
}

impl Batches {
    /// Opens a Parquet file.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the source is no regular file, or no Parquet file.
    pub(super) fn parquet(source: Source, name: &str) -> Result<Self> {
        let file = match source {
            Source::File(file) if file.metadata().is_ok_and(|m| m.is_file()) => file,
            _ => fail!(
                InvalidArgument,
                "{name}: Parquet needs a file, because its index is at the end; an Arrow stream can be piped"
            ),
        };
        let metadata = guarded(name, || {
            ArrowReaderMetadata::load(&file, Default::default())
                .map_err(|e| damaged(name, "Parquet file", e.into()))
        })?;
        Ok(Self::Parquet(Parquet { file, metadata, columns: Vec::new(), reader: None, begin: 0 }))
    }

    /// Opens an Arrow stream, or a file in Arrow's file format, which is a stream between two marks.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the source cannot be read, `INVALID_ARGUMENT` if it is no Arrow stream.
    pub(super) fn arrow(source: Source, name: &str) -> Result<Self> {
        let total = source.size();
        let read = Arc::new(AtomicU64::new(0));
        let mut bytes =
            BufReader::with_capacity(1 << 20, Counted { source, read: Arc::clone(&read), last: Vec::new() });
        let mut begin = Vec::new();
        (&mut bytes)
            .take(ARROW_FILE.len() as u64)
            .read_to_end(&mut begin)
            .map_err(|e| unreadable(name, e))?;
        let is_file = begin == ARROW_FILE;
        if is_file {
            begin.clear();
        }
        let bytes = Ended { bytes: Cursor::new(begin).chain(bytes), is_at_end: false };
        let reader = guarded(name, || {
            StreamReader::try_new(bytes, None).map_err(|e| damaged(name, "Arrow stream", e))
        })?;
        Ok(Self::Arrow(Arrow { reader, columns: Vec::new(), read, total, is_file, skip: 0 }))
    }

    /// Returns all columns.
    pub(super) fn schema(&self) -> SchemaRef {
        match self {
            Self::Parquet(parquet) => Arc::clone(parquet.metadata.schema()),
            Self::Arrow(arrow) => arrow.reader.schema(),
        }
    }

    /// Chooses the columns that are read, by ascending indices.
    pub(super) fn select(&mut self, indices: Vec<usize>) {
        match self {
            Self::Parquet(Parquet { columns, .. }) | Self::Arrow(Arrow { columns, .. }) => *columns = indices,
        }
    }

    /// Begins at a row. Nothing was read before.
    pub(super) fn seek(&mut self, row: u64) {
        match self {
            Self::Parquet(parquet) => parquet.begin = row,
            Self::Arrow(arrow) => arrow.skip = row,
        }
    }

    /// Returns the size of the input: rows of Parquet, bytes of Arrow.
    pub(super) fn total(&self) -> Option<u64> {
        match self {
            Self::Parquet(parquet) => {
                u64::try_from(parquet.metadata.metadata().file_metadata().num_rows()).ok()
            }
            Self::Arrow(arrow) => arrow.total,
        }
    }

    /// Returns how much is read, in the unit of [`Batches::total`], when `rows` rows are.
    pub(super) fn offset(&self, rows: u64) -> u64 {
        match self {
            Self::Parquet(_) => rows,
            Self::Arrow(arrow) => arrow.read.load(Ordering::Relaxed),
        }
    }

    /// Reads the next batch, with the columns that were chosen.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file cannot be read, `INVALID_ARGUMENT` if it is damaged. `row` is named as the place.
    pub(super) fn next(&mut self, name: &str, row: u64) -> Result<Option<RecordBatch>> {
        guarded(name, || {
            match self {
                Self::Parquet(parquet) => parquet.next(),
                Self::Arrow(arrow) => arrow.next(),
            }
            .map_err(|e| damaged(&format!("{name} from row {row} on"), "batch of rows", e))
        })
    }
}

impl Parquet {
    fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => {
                let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
                    self.file.try_clone()?,
                    self.metadata.clone(),
                );
                let mask = ProjectionMask::roots(builder.parquet_schema(), self.columns.iter().copied());
                let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
                self.reader.insert(builder.with_offset(self.begin as usize).build()?)
            }
        };
        reader.next().transpose()
    }
}

impl Arrow {
    fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        while let Some(batch) = self.reader.next().transpose()? {
            let skipped = self.skip.min(batch.num_rows() as u64);
            self.skip -= skipped;
            let rest = batch.num_rows() - skipped as usize;
            if rest > 0 {
                return batch.slice(skipped as usize, rest).project(&self.columns).map(Some);
            }
        }
        self.check_end()?;
        Ok(None)
    }

    /// Checks that the stream was not cut, and that no other follows: their rows would be missing in silence.
    fn check_end(&mut self) -> Result<(), ArrowError> {
        let mut rest = 0;
        let bytes = self.reader.get_mut();
        let has_end_mark = !bytes.is_at_end;
        let mut buffer = [0; 4096];
        loop {
            // Past `Ended`, so that a second check finds the same.
            match bytes.bytes.read(&mut buffer)? {
                0 => break,
                count => rest += count,
            }
        }
        let (_, source) = bytes.bytes.get_ref();
        let last = &source.get_ref().last;
        if self.is_file {
            if !has_end_mark || !last.ends_with(ARROW_FILE_END) {
                return Err(ArrowError::IpcError("the file has no end mark: it is cut".to_owned()));
            }
        } else if !has_end_mark {
            let message = "the stream has no end mark: it is cut, or its writer was not closed";
            return Err(ArrowError::IpcError(message.to_owned()));
        } else if rest > 0 {
            let message = format!("{rest} bytes follow the end of the stream; give one stream");
            return Err(ArrowError::IpcError(message));
        }
        Ok(())
    }
}

/// Returns the error of a file that cannot be decoded, or not be read.
fn damaged(name: &str, what: &str, error: ArrowError) -> Error {
    if let ArrowError::IoError(_, e) = &error
        && e.kind() != io::ErrorKind::UnexpectedEof
    {
        return Error::with_source(ErrorCode::FetchFailed, format!("{name} cannot be read: {error}"), error);
    }
    Error::with_source(ErrorCode::InvalidArgument, format!("{name}: expected a valid {what}: {error}"), error)
}
