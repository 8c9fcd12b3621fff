//! The folder that is written: all of it, or nothing.

use std::path::{Path, PathBuf};

use corom::error::{Error, ErrorCode, Result};
use corom::model::manifest::{FILE_NAME, FileEntry};

use crate::fail;

/// A temporary folder beside the one asked for. [`Staging::commit`] gives it its
/// name; dropped before that, it is removed.
#[derive(Debug)]
pub(crate) struct Staging {
    folder: PathBuf,
    target: PathBuf,
    replace: bool,
    committed: bool,
}

impl Staging {
    /// Makes the temporary folder.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the folder asked for exists, unless `replace`; and
    /// even then, when it is no model folder, or the checkpoint lies in it.
    pub(crate) fn new(target: &Path, checkpoint: &Path, replace: bool) -> Result<Self> {
        let Some(name) = target.file_name() else {
            fail!(InvalidArgument, "{} is no folder that can be made: give it a name", target.display());
        };
        if let Ok(existing) = target.symlink_metadata() {
            if !replace {
                fail!(InvalidArgument, "{} is there already; --force replaces it", target.display());
            }
            let empty = || std::fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
            if !existing.is_dir() || !(target.join(FILE_NAME).is_file() || empty()) {
                fail!(
                    InvalidArgument,
                    "{} is no model folder (it has no {FILE_NAME}): corom does not replace it",
                    target.display()
                );
            }
            if let (Ok(target), Ok(checkpoint)) = (target.canonicalize(), checkpoint.canonicalize())
                && checkpoint.starts_with(&target)
            {
                fail!(
                    InvalidArgument,
                    "the checkpoint lies in {}: write to another folder",
                    target.display()
                );
            }
        }
        let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(|e| cannot("make", parent, e))?;
        let folder = parent.join(format!(".{}.corom-{}", name.to_string_lossy(), std::process::id()));
        std::fs::create_dir(&folder).map_err(|e| cannot("make", &folder, e))?;
        Ok(Self { folder, target: target.to_owned(), replace, committed: false })
    }

    /// Where to write meanwhile.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the folder its name. What was there before goes only once the new one is in its place.
    ///
    /// # Errors
    /// `FETCH_FAILED` with what the file system says; what was there before stays.
    pub(crate) fn commit(mut self) -> Result<()> {
        let mut aside = self.folder.clone().into_os_string();
        aside.push(".old");
        let aside = PathBuf::from(aside);
        let old = self.replace && self.target.exists();
        if old {
            std::fs::rename(&self.target, &aside).map_err(|e| cannot("replace", &self.target, e))?;
        }
        if let Err(e) = std::fs::rename(&self.folder, &self.target) {
            if old {
                let _ = std::fs::rename(&aside, &self.target);
            }
            return Err(cannot("make", &self.target, e));
        }
        self.committed = true;
        if old {
            std::fs::remove_dir_all(&aside).map_err(|e| cannot("remove", &aside, e))?;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.committed {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Writes a file of the folder and returns its entry in the manifest.
///
/// # Errors
/// `FETCH_FAILED` with what the file system says.
pub(crate) fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<FileEntry> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(|e| cannot("write", &path, e))?;
    Ok(FileEntry::of(name, bytes))
}

fn cannot(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::with_source(ErrorCode::FetchFailed, format!("cannot {what} {}: {error}", path.display()), error)
}
