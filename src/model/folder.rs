//! Loads a model from a folder of the file system (native only).

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::embedder::Embedder;
use crate::error::{Error, ErrorCode, Result};

use super::loader::ModelLoader;
use super::options::LoadOptions;
use super::task::Task;
use crate::reranker::Reranker;

/// Depth of subfolders that are listed. Known layouts have one level.
const MAX_DEPTH: usize = 3;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Loads a model folder.
///
/// ```no_run
/// use std::path::Path;
///
/// let mut embedder = corom::model::folder::load(Path::new("models/corom"), Default::default())?;
/// assert_eq!(embedder.embed(&["阔腿裤"])?.len(), 768);
/// # Ok::<(), corom::error::Error>(())
/// ```
///
/// # Errors
/// `MISSING_FILE` if there is no such folder, `FETCH_FAILED` if a file cannot be read, and the errors of
/// [`ModelLoader`].
pub fn load(folder: &Path, options: LoadOptions) -> Result<Embedder> {
    #[cfg(feature = "gpu")]
    if options.gpu.is_some() {
        return super::gpu_folder::load(folder, options, build);
    }
    build(folder, options)
}

/// Loads a folder with a reranker.
///
/// ```no_run
/// use std::path::Path;
///
/// let mut reranker = corom::model::folder::load_reranker(Path::new("models/ranking"), Default::default())?;
/// let scores = reranker.score("阔腿裤", &["阔腿牛仔裤", "保温杯"])?;
/// assert!(scores[0].probability > scores[1].probability);
/// # Ok::<(), corom::error::Error>(())
/// ```
///
/// # Errors
/// The errors of [`load`]; `UNSUPPORTED_MODEL` if the model is no reranker.
pub fn load_reranker(folder: &Path, options: LoadOptions) -> Result<Reranker> {
    let options = LoadOptions { task: Task::Rerank, ..options };
    #[cfg(feature = "gpu")]
    if options.gpu.is_some() {
        return Reranker::new(super::gpu_folder::load(folder, options, build)?);
    }
    Reranker::new(build(folder, options)?)
}

/// Builds the model of a folder, and runs its self-test.
fn build(folder: &Path, options: LoadOptions) -> Result<Embedder> {
    receive(folder, options)?.build_unverified()?.finish_model()
}

/// Passes the files of a folder to a loader.
fn receive(folder: &Path, options: LoadOptions) -> Result<ModelLoader> {
    let mut loader = ModelLoader::new(options)?;
    if !folder.is_dir() {
        return Err(Error::new(
            ErrorCode::MissingFile,
            format!("{} is not a folder; expected a model folder", folder.display()),
        ));
    }
    loader.set_listing(list(folder))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Some(file) = loader.pending_requests().first().cloned() {
        let path = folder.join(&file.path);
        let unreadable = |e: io::Error| {
            let message = format!("{} cannot be read: {e}", path.display());
            Error::with_source(ErrorCode::FetchFailed, message, e)
        };
        let mut open = match File::open(&path) {
            Ok(open) => open,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                loader.missing(&file.path)?;
                continue;
            }
            Err(e) => return Err(unreadable(e)),
        };
        loader.begin(&file.path, open.metadata().ok().map(|m| m.len()))?;
        loop {
            match open.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => loader.feed(&file.path, &chunk[..count])?,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(unreadable(e)),
            }
        }
        loader.end(&file.path)?;
    }
    Ok(loader)
}

/// Lists the paths of all files in a folder, except in hidden folders. A subfolder that cannot be read ends with `/`:
/// the model may not need it.
fn list(folder: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut open = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = open.pop() {
        let Ok(entries) = folder.read_dir() else {
            paths.push(prefix);
            continue;
        };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = entry.path();
            if path.is_file() {
                paths.push(format!("{prefix}{name}"));
            } else if path.is_dir() && depth < MAX_DEPTH && !name.starts_with('.') {
                open.push((path, format!("{prefix}{name}/"), depth + 1));
            }
        }
    }
    paths
}
