//! Writes a model folder that appears complete or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use corom::convert::FileSink;
use corom::error::{Error, ErrorCode, Result};
use corom::model::manifest::FILE_NAME;

use crate::fail;

/// A temporary folder beside the target. [`StagingFolder::commit`] renames it to the target; a folder that
/// was not committed is deleted on drop.
#[derive(Debug)]
pub(crate) struct StagingFolder {
    path: PathBuf,
    target: PathBuf,
    replace: bool,
    committed: bool,
}

impl StagingFolder {
    /// Checks that the target may be written. The first write creates the temporary folder.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the target exists, unless `replace`; and with `replace`, if the target is no
    /// model folder or contains the checkpoint.
    pub(crate) fn new(target: &Path, checkpoint: &Path, replace: bool) -> Result<Self> {
        let Some(name) = target.file_name() else {
            fail!(InvalidArgument, "{} cannot be created: it has no name of its own", target.display());
        };
        if let Ok(existing) = target.symlink_metadata() {
            if !replace {
                fail!(InvalidArgument, "{} exists already; --force replaces it", target.display());
            }
            let is_empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
            if !existing.is_dir() || !(target.join(FILE_NAME).is_file() || is_empty()) {
                fail!(
                    InvalidArgument,
                    "{} is no model folder (it has no {FILE_NAME}); corom replaces only model folders",
                    target.display()
                );
            }
            if let (Ok(target), Ok(checkpoint)) = (target.canonicalize(), checkpoint.canonicalize())
                && checkpoint.starts_with(&target)
            {
                fail!(
                    InvalidArgument,
                    "{} contains the checkpoint; write to another folder",
                    target.display()
                );
            }
        }
        let path = parent(target).join(format!(".{}.corom-{}", name.to_string_lossy(), std::process::id()));
        Ok(Self { path, target: target.to_owned(), replace, committed: false })
    }

    /// Returns the path of the temporary folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the temporary folder to the target. A folder that is replaced is deleted after that.
    ///
    /// # Errors
    /// `FETCH_FAILED` with what the file system reports; a folder that was to be replaced stays.
    pub(crate) fn commit(mut self) -> Result<()> {
        let mut old = self.path.clone().into_os_string();
        old.push(".old");
        let old = PathBuf::from(old);
        let replaces = self.replace && self.target.exists();
        if replaces {
            fs::rename(&self.target, &old).map_err(|e| cannot("replace", &self.target, e))?;
        }
        if let Err(e) = fs::rename(&self.path, &self.target) {
            if replaces {
                let _ = fs::rename(&old, &self.target);
            }
            return Err(cannot("create", &self.target, e));
        }
        self.committed = true;
        if replaces {
            fs::remove_dir_all(&old).map_err(|e| cannot("delete", &old, e))?;
        }
        Ok(())
    }

    fn create(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(parent(&self.target))?;
        fs::create_dir(&self.path)
    }
}

impl FileSink for StagingFolder {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let in_folder = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", self.target.display()));
        self.create().map_err(in_folder)?;
        fs::write(self.path.join(path), bytes).map_err(in_folder)
    }
}

impl Drop for StagingFolder {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn parent(target: &Path) -> &Path {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn cannot(verb: &str, path: &Path, error: io::Error) -> Error {
    Error::with_source(ErrorCode::FetchFailed, format!("cannot {verb} {}: {error}", path.display()), error)
}
