//! Outputs: an encoder per format that turns windows and vectors into the bytes of one or more files.

#[cfg(feature = "columnar")]
mod columns;
mod jsonl;
mod npy;

use std::path::Path;

use corom::error::Result;

use super::input::InputFormat;
use super::row::Window;
use super::vectors::{VectorType, Vectors};
use crate::fail;

/// The format of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum OutputFormat {
    /// An array of NumPy, and a file with the ids
    Npy,
    /// A JSON object per row
    Jsonl,
    /// A Parquet file
    Parquet,
    /// An Arrow stream
    Arrow,
}

impl OutputFormat {
    /// Returns the format as that of an input.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if inputs cannot have it.
    pub(super) fn as_input(self) -> Result<InputFormat> {
        Ok(match self {
            Self::Npy => fail!(InvalidArgument, "--format: IN cannot be an array of NumPy; use --output npy"),
            Self::Jsonl => InputFormat::Jsonl,
            Self::Parquet => InputFormat::Parquet,
            Self::Arrow => InputFormat::Arrow,
        })
    }
}

/// Takes the bytes of files. File 0 is `OUT`.
pub(super) trait Sink {
    /// Appends bytes to a file. Standard output has `OUT` only: bytes of the encoder's state are dropped.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file cannot be written.
    fn append(&mut self, file: usize, bytes: &[u8]) -> Result<()>;

    /// Replaces the first bytes of a file.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file cannot be written.
    fn replace_start(&mut self, file: usize, bytes: &[u8]) -> Result<()>;
}

/// Encodes rows. A run continues after any window: encoders keep no state between them, or write it to a file.
pub(super) trait Encoder {
    /// Returns what the names of the files beside `OUT` end with, instead of its extension.
    fn sidecars(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns true if the encoder writes its state, to the file after `OUT` and its sidecars. That file is deleted at the
    /// end.
    fn has_state(&self) -> bool {
        false
    }

    /// Continues with the state that an earlier run wrote.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the state is damaged.
    fn resume(&mut self, _state: &[u8]) -> Result<()> {
        Ok(())
    }

    /// Writes what comes before the first row.
    ///
    /// # Errors
    /// The errors of [`Sink`].
    fn begin(&mut self, _: &mut dyn Sink) -> Result<()> {
        Ok(())
    }

    /// Writes rows.
    ///
    /// # Errors
    /// The errors of [`Sink`].
    fn write(&mut self, window: &Window, vectors: &Vectors, sink: &mut dyn Sink) -> Result<()>;

    /// Writes what comes after the last of `rows` rows.
    ///
    /// # Errors
    /// The errors of [`Sink`].
    fn end(&mut self, _rows: u64, _: &mut dyn Sink) -> Result<()> {
        Ok(())
    }
}

/// Returns the format of a file by its name.
pub(super) fn format_of(path: &Path) -> Option<OutputFormat> {
    Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "npy" => OutputFormat::Npy,
        "jsonl" | "ndjson" => OutputFormat::Jsonl,
        "parquet" => OutputFormat::Parquet,
        "arrows" => OutputFormat::Arrow,
        _ => return None,
    })
}

/// The facts about rows and vectors that an encoder needs.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// The number of elements of a vector.
    pub(super) dimension: usize,
    /// The number type of vectors.
    pub(super) vector_type: VectorType,
    /// The names of the columns of a table.
    pub(super) names: Option<Vec<String>>,
    /// The columns that the output repeats, of an input that has columns.
    #[cfg(feature = "columnar")]
    pub(super) schema: Option<arrow_schema::SchemaRef>,
    /// True if `--id` names the ids.
    pub(super) has_ids: bool,
}

/// Returns the encoder of a format.
///
/// # Errors
/// `INVALID_ARGUMENT` if the names of columns are no names of fields, or the format cannot hold a column.
pub(super) fn encoder(format: OutputFormat, shape: Shape) -> Result<Box<dyn Encoder>> {
    Ok(match format {
        OutputFormat::Npy => Box::new(npy::Npy::new(&shape)),
        OutputFormat::Jsonl => Box::new(jsonl::JsonLines::new(shape)?),
        #[cfg(feature = "columnar")]
        OutputFormat::Parquet => Box::new(columns::ParquetFile::new(columns::OutputBatch::new(shape)?)?),
        #[cfg(feature = "columnar")]
        OutputFormat::Arrow => Box::new(columns::ArrowStream::new(columns::OutputBatch::new(shape)?)),
        #[cfg(not(feature = "columnar"))]
        OutputFormat::Parquet | OutputFormat::Arrow => fail!(
            InvalidArgument,
            "this build of corom cannot write {format:?}; build it with --features cli,columnar"
        ),
    })
}
