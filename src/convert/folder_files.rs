//! Sizes and names of the files in the folder to convert.

use super::files::FileSource;
use crate::error::{Error, ErrorCode, Result};

/// Returns `; it has config.json, vocab.txt`: what a message about a missing file adds.
pub(crate) fn found(source: &dyn FileSource) -> String {
    const MAX_NAMES: usize = 12;
    let mut names = source.list().unwrap_or_default();
    names.retain(|name| !name.contains('/'));
    names.sort();
    let more = if names.len() > MAX_NAMES { ", …" } else { "" };
    names.truncate(MAX_NAMES);
    if names.is_empty() {
        return String::new();
    }
    format!("; it has {}{more}", names.join(", ").escape_debug())
}

/// Returns the size of a file in bytes, or `None` if the folder does not have it.
pub(crate) fn file_size(source: &dyn FileSource, path: &str) -> Result<Option<u64>> {
    source.size(path).map_err(|e| cannot_read(path, e))
}

/// Returns the error for a file that cannot be read.
pub(crate) fn cannot_read(path: &str, error: std::io::Error) -> Error {
    Error::with_source(ErrorCode::FetchFailed, format!("{path} cannot be read: {error}"), error)
}
