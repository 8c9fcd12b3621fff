//! Loading from a folder of the file system (native only).

use std::io::ErrorKind;
use std::path::Path;

use crate::embedder::Embedder;
use crate::error::{Error, ErrorCode, Result};

use super::loader::{LoadOptions, ModelLoader};

/// Loads a model's folder.
///
/// # Errors
/// `FETCH_FAILED` when a file cannot be read, and everything that
/// [`ModelLoader`] finds.
pub fn load(folder: &Path, options: LoadOptions) -> Result<Embedder> {
    let mut loader = ModelLoader::new(options)?;
    if !folder.is_dir() {
        return Err(Error::new(ErrorCode::MissingFile, format!("{} is not a folder", folder.display())));
    }
    while let Some(file) = loader.wanted().first().cloned() {
        match std::fs::read(folder.join(&file.path)) {
            Ok(bytes) => loader.supply(&file.path, bytes)?,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                loader.missing(&file.path)?;
            }
            Err(e) => {
                return Err(Error::with_source(
                    ErrorCode::FetchFailed,
                    format!("{} cannot be read: {e}", folder.join(&file.path).display()),
                    e,
                ));
            }
        }
    }
    loader.build()
}
