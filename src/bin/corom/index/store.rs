//! A catalog folder: files named after their hash, and `catalog.json`, which lists them.
//!
//! A change writes its file first and then replaces `catalog.json` by renaming. So a process that is killed leaves the old
//! or the new state, and at most a file that nothing lists, which the next change deletes.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use corom::error::{Error, ErrorCode, Result};
use corom::index::{Catalog, Check, FileReceiver};
use serde::{Deserialize, Serialize};

use super::spill::Spill;
use crate::fail;

const LIST: &str = "catalog.json";
const LOCK: &str = "catalog.lock";
/// Files that are not listed yet; the next change deletes them.
const NEW: &str = "new.part";
const VECTORS: &str = "vectors.part";
/// Bytes of a new file that are read at once.
const PIECE_BYTES: usize = 1 << 20;
const FORMAT: u32 = 1;

/// `catalog.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    format: u32,
    /// The catalog, then its deltas.
    files: Vec<String>,
    /// The names of what is stored with an item.
    stored: Vec<String>,
}

/// A catalog folder that no other process changes while this value lives.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// Locks an existing catalog folder.
    ///
    /// # Errors
    /// `MISSING_FILE` if there is none.
    pub(super) fn lock(folder: &Path) -> Result<Self> {
        if !folder.join(LIST).is_file() {
            fail!(MissingFile, "{}: no catalog: it has no {LIST}", folder.display());
        }
        let io = |error| failed(folder, &error);
        let lock = File::create(folder.join(LOCK)).map_err(io)?;
        lock.lock().map_err(io)?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// Creates a catalog folder, and locks it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if there is one, unless `replace`, or another folder that is not empty.
    pub(super) fn create(folder: &Path, replace: bool) -> Result<Self> {
        let is_catalog = folder.join(LIST).is_file();
        if is_catalog && !replace {
            fail!(InvalidArgument, "{} exists already; --force replaces it", folder.display());
        }
        let io = |error| failed(folder, &error);
        fs::create_dir_all(folder).map_err(io)?;
        let is_empty = fs::read_dir(folder).map_err(io)?.next().is_none();
        if !is_catalog && !is_empty && !folder.join(LOCK).is_file() {
            fail!(InvalidArgument, "{} is neither empty nor a catalog folder", folder.display());
        }
        let lock = File::create(folder.join(LOCK)).map_err(io)?;
        lock.lock().map_err(io)?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// Opens the catalog with its deltas, and checks every hash.
    ///
    /// # Errors
    /// `INVALID_CATALOG`, `INTEGRITY_MISMATCH`, `FETCH_FAILED`.
    pub(super) fn open(&self) -> Result<Catalog> {
        open(&self.folder, self.list()?)
    }

    /// Returns the names of what is stored with an item.
    pub(super) fn stored(&self) -> Result<Vec<String>> {
        Ok(self.list()?.stored)
    }

    /// Fails if another program changed the catalog since it was opened. The lock keeps only other native commands away.
    ///
    /// # Errors
    /// `FETCH_FAILED`.
    pub(super) fn check_unchanged(&self, catalog: &Catalog) -> Result<()> {
        let tip = hex(&catalog.tip());
        match self.list()?.files.last() {
            Some(last) if last.split('.').next() == Some(&tip) => Ok(()),
            _ => fail!(
                FetchFailed,
                "{}: another program changed the catalog meanwhile; run the command again",
                self.folder.display()
            ),
        }
    }

    /// Adds a delta that continues `catalog`, which is applied to it first: a delta that cannot be read would make the
    /// folder unreadable.
    ///
    /// # Errors
    /// `INTERNAL` if it cannot be applied; `FETCH_FAILED`. The folder stays as it is.
    pub(super) fn append(&self, mut catalog: Catalog, file: &[u8]) -> Result<()> {
        self.check_unchanged(&catalog)?;
        catalog.apply(file.to_vec(), Check::Hashes).map_err(unreadable)?;
        let mut list = self.list()?;
        list.files.push(self.write(file, "delta")?);
        self.commit(&list)
    }

    /// Replaces every file by one, which `write` writes, and which is opened before it is listed. Returns its size.
    pub(super) fn replace(
        &self,
        write: impl FnOnce(&mut File) -> Result<()>,
        stored: &[String],
    ) -> Result<u64> {
        let part = self.folder.join(NEW);
        let io = |error| failed(&part, &error);
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&part);
        let file = file.as_mut().map_err(|error| failed(&part, error))?;
        write(file)?;
        file.sync_all().map_err(io)?;
        let size = file.seek(SeekFrom::End(0)).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let hash = read_back(file, &part, size)?;
        let name = format!("{}.catalog", hex(&hash));
        fs::rename(&part, self.folder.join(&name)).map_err(io)?;
        self.commit(&List { format: FORMAT, files: vec![name], stored: stored.to_vec() })?;
        Ok(size)
    }

    /// Creates a file for vectors in the folder.
    pub(super) fn spill(&self) -> Result<Spill> {
        Spill::create(self.folder.join(VECTORS))
    }

    fn list(&self) -> Result<List> {
        list(&self.folder)
    }

    /// Writes a file under a name with its header's hash, and returns the name.
    fn write(&self, file: &[u8], extension: &str) -> Result<String> {
        let name = name_of(file, extension)?;
        self.write_whole(&name, file)?;
        Ok(name)
    }

    fn commit(&self, list: &List) -> Result<()> {
        let text = serde_json::to_string_pretty(list).unwrap_or_default();
        self.write_whole(LIST, text.as_bytes())?;
        let io = |error| failed(&self.folder, &error);
        for entry in fs::read_dir(&self.folder).map_err(io)? {
            let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
            let is_ours = [".catalog", ".delta", ".part"].iter().any(|end| name.ends_with(end));
            if is_ours && !list.files.contains(&name) {
                fs::remove_file(self.folder.join(name)).map_err(io)?;
            }
        }
        Ok(())
    }

    /// Writes a file that appears complete or not at all.
    fn write_whole(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        let part = self.folder.join(format!("{name}.part"));
        let write = || -> io::Result<()> {
            let mut file = File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            // The name is on the disk only after this. Windows cannot open a folder as a file.
            if cfg!(unix) { File::open(&self.folder)?.sync_all() } else { Ok(()) }
        };
        write().map_err(|error| failed(&path, &error))
    }
}

/// Opens a new catalog file of `size` bytes, without its rows if there are codes. Returns the hash in its header.
///
/// # Errors
/// `INTERNAL` if it cannot be opened, `FETCH_FAILED` if it cannot be read.
fn read_back(file: &mut File, path: &Path, size: u64) -> Result<[u8; 32]> {
    let io = |error| failed(path, &error);
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    let (mut receiver, mut piece) = (FileReceiver::new(0), vec![0; PIECE_BYTES]);
    while receiver.code_bytes().is_none_or(|end| receiver.received() < end) {
        match file.read(&mut piece).map_err(io)? {
            0 => break,
            length => receiver.feed(&piece[..length]).map_err(unreadable)?,
        }
    }
    let Some(hash) = receiver.hash().filter(|_| receiver.size() == usize::try_from(size).ok()) else {
        fail!(Internal, "{}: {size} bytes; its header says {:?}", path.display(), receiver.size())
    };
    let part = receiver.into_code_part().map_err(unreadable)?;
    Catalog::open(part, Check::Header).map_err(unreadable)?;
    Ok(hash)
}

/// Returns the error for a file that was written and cannot be read.
fn unreadable(error: Error) -> Error {
    let message =
        format!("the file that was written cannot be read, so the catalog stays as it was: {error}");
    Error::new(ErrorCode::Internal, message)
}

/// Returns the name of a file: the beginning of its header's hash.
fn name_of(file: &[u8], extension: &str) -> Result<String> {
    Ok(format!("{}.{extension}", hex(&corom::index::file_hash(file)?)))
}

/// Returns the first digits of a hash, which name a file.
fn hex(hash: &[u8; 32]) -> String {
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn failed(path: &Path, error: &io::Error) -> Error {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    let code = if is_missing { ErrorCode::MissingFile } else { ErrorCode::FetchFailed };
    Error::new(code, format!("{}: {error}", path.display()))
}

/// Opens the catalog in a folder without a lock. A change by another process meanwhile is no fault.
///
/// # Errors
/// `MISSING_FILE` if there is none, and those of [`Store::open`].
pub(super) fn read(folder: &Path) -> Result<Catalog> {
    loop {
        let files = list(folder)?;
        match open(folder, files.clone()) {
            Err(_) if list(folder)? != files => {} // a change deleted a file that it replaced
            other => return other,
        }
    }
}

fn open(folder: &Path, list: List) -> Result<Catalog> {
    let mut files = list.files.into_iter();
    let Some(first) = files.next() else { fail!(InvalidCatalog, "{LIST}: it lists no file") };
    let at = |name: &str, error: Error| {
        let path = folder.join(name);
        Error::new(error.code(), format!("{}: {error}; build the catalog again", path.display()))
    };
    let mut catalog =
        Catalog::open(read_file(folder, &first)?, Check::Hashes).map_err(|error| at(&first, error))?;
    for file in files {
        catalog.apply(read_file(folder, &file)?, Check::Hashes).map_err(|error| at(&file, error))?;
    }
    Ok(catalog)
}

fn read_file(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    fs::read(&path).map_err(|error| failed(&path, &error))
}

fn list(folder: &Path) -> Result<List> {
    let path = folder.join(LIST);
    if !path.is_file() {
        fail!(MissingFile, "{}: no catalog: it has no {LIST}", folder.display());
    }
    let list: List = match serde_json::from_slice(&read_file(folder, LIST)?) {
        Ok(list) => list,
        Err(error) => fail!(InvalidCatalog, "{}: {error}", path.display()),
    };
    if list.format != FORMAT {
        fail!(UnsupportedFormat, "{}: format {}; this release reads {FORMAT}", path.display(), list.format);
    }
    let is_name = |name: &String| !name.contains(['/', '\\']) && !name.starts_with('.');
    if !list.files.iter().all(is_name) {
        fail!(InvalidCatalog, "{}: a file outside the folder", path.display());
    }
    Ok(list)
}
