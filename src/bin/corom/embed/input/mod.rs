//! Inputs: a reader per format that returns windows of rows.

#[cfg(feature = "columnar")]
mod columns;
mod delimited;
mod json;
mod lines;
mod named;
mod text;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use corom::error::{Error, ErrorCode, Result};

use super::row::{BadRow, BadRows, Content, Id, Position, Row, Window};
use crate::fail;
#[cfg(feature = "columnar")]
pub(super) use columns::column_rows;
pub(super) use named::named_rows;

/// The bytes of the input after which a window is full, however many rows it has.
pub(super) const MAX_WINDOW_BYTES: u64 = 32 << 20;

/// The format of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum InputFormat {
    /// One text per line
    Txt,
    /// Tab-separated columns, without quotes
    Tsv,
    /// Comma-separated columns, with quotes (RFC 4180)
    Csv,
    /// A JSON object or string per line
    Jsonl,
    /// A Parquet file
    Parquet,
    /// An Arrow stream, or a file in Arrow's file format
    Arrow,
}

/// The columns and fields that are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    /// The column with the texts, by number or by name.
    pub(super) column: Option<String>,
    /// The number of columns that a line of a TSV file is split in.
    pub(super) columns: Option<usize>,
    /// True if the first line has the names of the columns.
    pub(super) header: bool,
    /// The field of JSON records with the text.
    pub(super) field: Option<String>,
    /// The column or field with the ids.
    pub(super) id: Option<String>,
    /// The columns that the output repeats: all, unless the names are given.
    pub(super) keep: Option<Vec<String>>,
    /// True if the output repeats columns.
    pub(super) repeats: bool,
    /// Names of fields and columns that the output adds.
    pub(super) reserved: &'static [&'static str],
}

/// An input that is read window by window.
pub(super) trait Input {
    /// Reads up to `rows` rows: none at the end, and an empty window if all rows that were read are skipped.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file cannot be read, `INVALID_ARGUMENT` if it is damaged or has a bad row.
    fn read(&mut self, rows: usize, bad: &mut BadRows) -> Result<Option<Window>>;

    /// Returns how far the input is read.
    fn position(&self) -> Position;

    /// Continues at a position of an earlier run.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the file cannot be read.
    fn resume(&mut self, position: Position) -> Result<()>;

    /// Returns the size of the input, in the unit of `position().offset`.
    fn total(&self) -> Option<u64>;

    /// Returns the names of the columns of a table.
    fn names(&self) -> Option<&[String]> {
        None
    }

    /// Returns the columns that an output repeats, of an input that has columns.
    #[cfg(feature = "columnar")]
    fn schema(&self) -> Option<arrow_schema::SchemaRef> {
        None
    }
}

/// A file or standard input.
#[derive(Debug)]
pub(super) enum Source {
    File(File),
    Stdin(io::Stdin),
}

impl Read for Source {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(bytes),
            Self::Stdin(stdin) => stdin.lock().read(bytes),
        }
    }
}

impl Source {
    /// Opens a file. `-` is standard input.
    ///
    /// # Errors
    /// `MISSING_FILE` if there is no such file, `FETCH_FAILED` if it cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdin(io::stdin()));
        }
        if path.is_dir() {
            fail!(InvalidArgument, "{} is a folder; expected a file", path.display());
        }
        match File::open(path) {
            Ok(file) => Ok(Self::File(file)),
            Err(e) if e.kind() == ErrorKind::NotFound => Err(Error::with_source(
                ErrorCode::MissingFile,
                format!("{} does not exist", path.display()),
                e,
            )),
            Err(e) => Err(unreadable(&path.display().to_string(), e)),
        }
    }

    fn seek(&mut self, offset: u64) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(SeekFrom::Start(offset)),
            Self::Stdin(_) => Err(io::Error::from(ErrorKind::NotSeekable)),
        }
    }

    /// Returns the size of a regular file.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Self::File(file) => file.metadata().ok().filter(std::fs::Metadata::is_file).map(|m| m.len()),
            Self::Stdin(_) => None,
        }
    }
}

/// Returns the format of a file by its name.
pub(super) fn format_of(path: &Path) -> Option<InputFormat> {
    Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "txt" => InputFormat::Txt,
        "tsv" => InputFormat::Tsv,
        "csv" => InputFormat::Csv,
        "jsonl" | "ndjson" => InputFormat::Jsonl,
        "parquet" => InputFormat::Parquet,
        "arrow" | "arrows" => InputFormat::Arrow,
        _ => return None,
    })
}

/// Opens an input. `name` is its name in messages.
///
/// # Errors
/// `INVALID_ARGUMENT` if the selection does not fit the format or the file, and those of [`Source::open`].
pub(super) fn open(
    source: Source,
    name: &str,
    format: InputFormat,
    select: &Selection,
) -> Result<Box<dyn Input>> {
    check_selection(name, format, select)?;
    let lines = |source| lines::Lines::new(source, name);
    Ok(match format {
        InputFormat::Txt => Box::new(text::TextInput::new(lines(source), json::PlainLines)),
        InputFormat::Jsonl => Box::new(text::TextInput::new(lines(source), json::JsonLines::new(select))),
        InputFormat::Tsv | InputFormat::Csv => {
            let mut lines = lines(source);
            let table = delimited::Table::open(&mut lines, format == InputFormat::Csv, select)?;
            Box::new(text::TextInput::new(lines, table))
        }
        #[cfg(feature = "columnar")]
        InputFormat::Parquet | InputFormat::Arrow => columns::open(source, name, format, select)?,
        #[cfg(not(feature = "columnar"))]
        InputFormat::Parquet | InputFormat::Arrow => return Err(no_columns(name, format)),
    })
}

/// Reports that this build of the command reads no columns.
///
/// # Errors
/// `INVALID_ARGUMENT`.
#[cfg(not(feature = "columnar"))]
pub(super) fn column_rows(
    _source: Source,
    name: &str,
    format: InputFormat,
    _visit: &mut dyn FnMut((String, serde_json::Map<String, serde_json::Value>)) -> Result<()>,
) -> Result<()> {
    Err(no_columns(name, format))
}

/// Returns the error for a file of columns.
#[cfg(not(feature = "columnar"))]
fn no_columns(name: &str, format: InputFormat) -> Error {
    let message = format!(
        "{name} is read as {format:?}, which this build of corom cannot read; build it with --features cli,columnar"
    );
    Error::new(ErrorCode::InvalidArgument, message)
}

fn check_selection(name: &str, format: InputFormat, select: &Selection) -> Result<()> {
    use InputFormat::{Arrow, Csv, Jsonl, Parquet, Tsv, Txt};
    let word = format!("{format:?}").to_ascii_lowercase();
    if select.field.is_some() && format != Jsonl {
        fail!(InvalidArgument, "--field is for JSONL; {name} is read as {word}");
    }
    if select.column.is_some() && matches!(format, Txt | Jsonl) {
        fail!(InvalidArgument, "--column is for tables; {name} is read as {word}");
    }
    if select.header && !matches!(format, Tsv | Csv) {
        fail!(InvalidArgument, "--header is for TSV and CSV; {name} is read as {word}");
    }
    if select.columns.is_some() && format != Tsv {
        fail!(InvalidArgument, "--columns is for TSV; {name} is read as {word}");
    }
    if select.keep.is_some() && !matches!(format, Parquet | Arrow) {
        fail!(InvalidArgument, "--keep is for Parquet and Arrow; {name} is read as {word}");
    }
    if select.keep.is_some() && !select.repeats {
        fail!(
            InvalidArgument,
            "--keep: an array of NumPy repeats no columns; leave --keep out, or write another format"
        );
    }
    if select.id.is_some() && format == Txt {
        fail!(InvalidArgument, "--id: a text file has no column with ids; {name} is read as {word}");
    }
    Ok(())
}

/// Returns an error for an input that cannot be read.
pub(super) fn unreadable(name: &str, error: io::Error) -> Error {
    Error::with_source(ErrorCode::FetchFailed, format!("{name} cannot be read: {error}"), error)
}

/// Writes up to twelve names, for messages.
pub(super) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const MAX_NAMES: usize = 12;
    let mut list = names.iter().take(MAX_NAMES).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMES {
        list += ", …";
    }
    list
}
