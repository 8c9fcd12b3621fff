//! Reads a checkpoint folder on disk.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use corom::convert::FileSource;
use corom::error::Result;

use crate::fail;

/// A folder on disk. The file that was read last stays open.
#[derive(Debug)]
pub(crate) struct DiskFolder {
    path: PathBuf,
    open: RefCell<Option<(String, File)>>,
}

impl DiskFolder {
    /// Opens a folder.
    ///
    /// # Errors
    /// `MISSING_FILE` if the path is no folder.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            fail!(MissingFile, "{} is not a folder; give the folder of the checkpoint", path.display());
        }
        Ok(Self { path: path.to_owned(), open: RefCell::new(None) })
    }
}

impl FileSource for DiskFolder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.path().is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        match fs::metadata(self.path.join(path)) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut open = self.open.borrow_mut();
        if open.as_ref().is_none_or(|(name, _)| name != path) {
            *open = Some((path.to_owned(), File::open(self.path.join(path))?));
        }
        let Some((_, file)) = open.as_mut() else { return Err(ErrorKind::NotFound.into()) };
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}
