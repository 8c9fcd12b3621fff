//! Reads the folder of a checkpoint or an ONNX export on disk.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use corom::convert::FileSource;
use corom::error::Result;

use crate::fail;

/// Levels of subfolders that are listed: `0_Transformer/onnx/`.
const MAX_DEPTH: usize = 2;

/// A folder on disk. The file that was read last stays open.
#[derive(Debug)]
pub(crate) struct DiskFolder {
    path: PathBuf,
    open: RefCell<Option<(String, File)>>,
}

impl DiskFolder {
    /// Opens a folder, or the folder of an ONNX file. Also returns the path of the ONNX file in the folder.
    ///
    /// `config.json` lies beside the ONNX file, or in the parent folder, as in `onnx/model.onnx`.
    ///
    /// # Errors
    /// `MISSING_FILE` if there is neither a folder nor a file at the path.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<String>)> {
        if path.is_dir() {
            return Ok((Self::new(path), None));
        }
        let Some(name) = path.file_name().filter(|_| path.is_file()) else {
            fail!(
                MissingFile,
                "{} is neither a folder nor a file; give the folder of a checkpoint or of an ONNX export, or an .onnx \
                 file",
                path.display()
            );
        };
        let name = name.to_string_lossy().into_owned();
        let folder = folder_of(path);
        if !folder.join("config.json").is_file()
            && let Ok(full) = folder.canonicalize()
            && let (Some(parent), Some(inner)) = (full.parent(), full.file_name())
            && parent.join("config.json").is_file()
        {
            let inner = inner.to_string_lossy();
            return Ok((Self::new(parent), Some(format!("{inner}/{name}"))));
        }
        Ok((Self::new(&folder), Some(name)))
    }

    /// Names a folder. The folder may be created later.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: RefCell::new(None) }
    }

    /// Returns the path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the folder of a file.
fn folder_of(file: &Path) -> PathBuf {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

impl FileSource for DiskFolder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        let mut open = vec![(self.path.clone(), String::new())];
        while let Some((folder, prefix)) = open.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(e) if prefix.is_empty() => return Err(e),
                Err(_) => {
                    names.push(prefix);
                    continue;
                }
                Ok(entries) => entries,
            };
            for entry in entries.flatten() {
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if entry.path().is_file() {
                    names.push(name);
                } else if entry.path().is_dir() && prefix.matches('/').count() < MAX_DEPTH {
                    open.push((entry.path(), format!("{name}/")));
                }
            }
        }
        Ok(names)
    }

    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        match fs::metadata(self.path.join(path)) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
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
