//! Writes the files of a model folder and records them for the manifest.

use super::files::FileSink;
use crate::error::{Error, ErrorCode, Result};
use crate::model::manifest::FileEntry;

/// Writes a file and returns its entry in the manifest.
///
/// # Errors
/// `FETCH_FAILED` with what the sink reports.
pub(crate) fn write_file(sink: &mut dyn FileSink, path: &str, bytes: &[u8]) -> Result<FileEntry> {
    sink.write(path, bytes).map_err(|e| {
        Error::with_source(ErrorCode::FetchFailed, format!("{path} cannot be written: {e}"), e)
    })?;
    Ok(FileEntry::of(path, bytes))
}
