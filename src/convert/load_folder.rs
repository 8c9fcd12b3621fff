//! Loads a model folder through a [`FileSource`], to run it where there is no file system.

use super::files::FileSource;
use super::folder_files::cannot_read;
use crate::embedder::Embedder;
use crate::error::{Error, ErrorCode, Result};
use crate::model::{LoadOptions, ModelLoader, Task};
use crate::reranker::Reranker;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Loads a model folder.
///
/// # Errors
/// `FETCH_FAILED` if a file cannot be read, and the errors of [`ModelLoader`].
pub fn load_folder(folder: &dyn FileSource, options: LoadOptions) -> Result<Embedder> {
    receive(folder, options)?.build()
}

/// Loads a folder with a reranker.
///
/// # Errors
/// The errors of [`load_folder`]; `UNSUPPORTED_MODEL` if the model is no reranker.
pub fn load_reranker_folder(folder: &dyn FileSource, options: LoadOptions) -> Result<Reranker> {
    receive(folder, LoadOptions { task: Task::Rerank, ..options })?.build_unverified()?.finish_reranker()
}

/// Passes the files of a folder to a loader.
fn receive(folder: &dyn FileSource, options: LoadOptions) -> Result<ModelLoader> {
    let mut loader = ModelLoader::new(options)?;
    let paths = folder.list().map_err(|e| {
        Error::with_source(ErrorCode::FetchFailed, format!("the folder cannot be read: {e}"), e)
    })?;
    loader.set_listing(paths)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Some(path) = loader.pending_requests().first().map(|request| request.path.clone()) {
        let Some(length) = folder.size(&path).map_err(|e| cannot_read(&path, e))? else {
            loader.missing(&path)?;
            continue;
        };
        loader.begin(&path, Some(length))?;
        read_chunks(folder, &path, length, &mut chunk, |bytes| loader.feed(&path, bytes))?;
        loader.end(&path)?;
    }
    Ok(loader)
}

/// Passes the `length` bytes of a file to `take`, in chunks of at most `chunk.len()` bytes.
///
/// # Errors
/// `FETCH_FAILED` if the file cannot be read, and the errors of `take`.
pub(super) fn read_chunks(
    folder: &dyn FileSource,
    path: &str,
    length: u64,
    chunk: &mut [u8],
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut offset = 0;
    while offset < length {
        let count = usize::try_from(length - offset).unwrap_or(usize::MAX).min(chunk.len());
        let part = &mut chunk[..count];
        folder.read_at(path, offset, part).map_err(|e| cannot_read(path, e))?;
        take(part)?;
        offset += count as u64;
    }
    Ok(())
}
