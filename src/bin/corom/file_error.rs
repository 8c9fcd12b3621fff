//! Errors of the file system.

use std::io;
use std::path::Path;

use corom::error::{Error, ErrorCode};

/// Returns the error of a file that cannot be read or written, with its path.
pub(crate) fn file_error(path: &Path, error: io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::NotFound => ErrorCode::MissingFile,
        io::ErrorKind::InvalidInput => ErrorCode::InvalidArgument,
        _ => ErrorCode::FetchFailed,
    };
    Error::with_source(code, format!("{}: {error}", path.display()), error)
}
