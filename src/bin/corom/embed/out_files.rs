//! The files of an output. They are written beside their destinations and renamed at the end. A journal says after each
//! window how far they are valid, so that a run that was killed at any moment continues with the same bytes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use corom::error::{Error, ErrorCode, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::output::{Encoder, Sink};
use super::row::Position;
use crate::fail;

/// The setting that may change if no row was bad.
pub(super) const ON_BAD_ROW: &str = "--on-bad-row";

/// The work that a run has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Rows that are written.
    pub(super) rows: u64,
    /// Texts that were cut to the maximum length.
    pub(super) cut: u64,
    /// Empty texts.
    pub(super) empty: u64,
    /// Bad rows, skipped or kept.
    pub(super) bad: u64,
}

/// The state after a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// The position up to which the input is read.
    pub(super) position: Position,
    /// The work that was done.
    pub(super) counts: Counts,
}

#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    settings: Map<String, Value>,
    checkpoint: Checkpoint,
    /// The valid bytes of each file.
    lengths: Vec<u64>,
    /// True if all files are complete and only have to be renamed.
    is_complete: bool,
}

/// The beginning of a run.
#[derive(Debug)]
pub(super) enum Start {
    /// Nothing is written yet.
    New,
    /// An earlier run wrote rows up to a checkpoint.
    Resumed(Checkpoint),
    /// An earlier run wrote all rows; its files are renamed now.
    Complete(Checkpoint),
}

/// Files in the course of being written.
#[derive(Debug)]
pub(super) struct OutFiles {
    files: Vec<OutFile>,
    journal: PathBuf,
    /// The settings that decide on the bytes. None if the run cannot be continued.
    settings: Option<Map<String, Value>>,
    checkpoint: Checkpoint,
}

#[derive(Debug)]
struct OutFile {
    target: PathBuf,
    part: PathBuf,
    file: File,
    length: u64,
    /// True for the encoder's state, which no output needs.
    is_state: bool,
}

impl OutFiles {
    /// Opens the files of `out`: itself, one per sidecar of the encoder, and its state. `settings` are those that decide on
    /// the bytes.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if a file exists and `force` is false, if an earlier run had other settings, or if another
    /// run writes the file now; `FETCH_FAILED` if a file cannot be written.
    pub(super) fn open(
        out: &Path,
        encoder: &dyn Encoder,
        settings: Option<Map<String, Value>>,
        (resume, force): (bool, bool),
    ) -> Result<(Self, Start)> {
        let journal = hidden(out, "journal");
        let old = if settings.is_some() { read_journal(&journal)? } else { None };
        if old.is_some() && !resume && !force {
            fail!(
                InvalidArgument,
                "an earlier run wrote a part of {}; --resume continues it, --force starts again",
                out.display()
            );
        }
        let old = old.filter(|_| resume);
        let is_complete = old.as_ref().is_some_and(|old| old.is_complete);
        let targets: Vec<PathBuf> = std::iter::once(out.to_owned())
            .chain(encoder.sidecars().iter().map(|extension| out.with_extension(extension)))
            .collect();
        if let Some(exists) = targets.iter().find(|target| target.symlink_metadata().is_ok())
            && !force
            && !is_complete
        {
            fail!(InvalidArgument, "{} exists already; --force replaces it", exists.display());
        }
        if let (Some(old), Some(settings)) = (&old, &settings) {
            check_settings(out, &old.settings, settings)?;
        }
        let lengths = old.as_ref().map(|old| old.lengths.clone()).unwrap_or_default();
        let parts = targets.iter().map(|target| (target, hidden(target, "part")));
        let state = encoder.has_state().then(|| (&targets[0], hidden(out, "state")));
        let mut files = Vec::new();
        for (at, (target, part)) in parts.chain(state).enumerate() {
            let is_state = at >= targets.len();
            if is_complete && !part.exists() {
                if !is_state && !target.exists() {
                    fail!(
                        InvalidArgument,
                        "an earlier run completed {}, and the file is gone; --force starts again",
                        target.display()
                    );
                }
                continue; // renamed before
            }
            let mut file = OutFile::open(target, part, lengths.get(at).copied(), is_complete)?;
            file.is_state = is_state;
            files.push(file);
        }
        let checkpoint = old.map(|old| old.checkpoint).unwrap_or_default();
        let start = match (is_complete, lengths.is_empty()) {
            (true, _) => Start::Complete(checkpoint.clone()),
            (false, true) => Start::New,
            (false, false) => Start::Resumed(checkpoint.clone()),
        };
        Ok((Self { files, journal, settings, checkpoint }, start))
    }

    /// Returns the encoder's state.
    ///
    /// # Errors
    /// `FETCH_FAILED` if it cannot be read.
    pub(super) fn state(&mut self) -> Result<Vec<u8>> {
        let mut state = Vec::new();
        for OutFile { file, part, .. } in self.files.iter_mut().filter(|file| file.is_state) {
            let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut state));
            read.map_err(|e| unwritable(part, e))?;
        }
        Ok(state)
    }

    /// Records that all bytes so far are valid.
    ///
    /// # Errors
    /// `FETCH_FAILED` if a file cannot be written.
    pub(super) fn record(&mut self, checkpoint: Checkpoint) -> Result<()> {
        self.checkpoint = checkpoint;
        self.write_journal(false)
    }

    fn write_journal(&self, is_complete: bool) -> Result<()> {
        let Some(settings) = &self.settings else { return Ok(()) };
        for file in &self.files {
            file.file.sync_data().map_err(|e| unwritable(&file.target, e))?;
        }
        let journal = Journal {
            settings: settings.clone(),
            checkpoint: self.checkpoint.clone(),
            lengths: self.files.iter().map(|file| file.length).collect(),
            is_complete,
        };
        let write = || {
            let new = self.journal.with_extension("corom-journal-new");
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec(&journal)?)?;
            file.sync_data()?;
            fs::rename(new, &self.journal)
        };
        write().map_err(|e| unwritable(&self.journal, e))
    }

    /// Gives all files their names.
    ///
    /// # Errors
    /// `FETCH_FAILED` if a file cannot be written.
    pub(super) fn commit(self) -> Result<()> {
        self.write_journal(true)?;
        // `OUT` itself comes last: where it is, its sidecars are.
        for file in self.files.iter().rev() {
            if file.is_state {
                fs::remove_file(&file.part).map_err(|e| unwritable(&file.part, e))?;
                continue;
            }
            fs::rename(&file.part, &file.target).map_err(|e| unwritable(&file.target, e))?;
        }
        match fs::remove_file(&self.journal) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(unwritable(&self.journal, e)),
            _ => Ok(()),
        }
    }

    /// Leaves what `--resume` can continue with, and deletes the rest. Returns true if a run can be continued.
    pub(super) fn abandon(self) -> bool {
        if self.settings.is_some() && self.checkpoint.position.rows > 0 {
            return true;
        }
        // A file that cannot be deleted does no harm: the next run writes it again.
        self.files.iter().for_each(|file| drop(fs::remove_file(&file.part)));
        drop(fs::remove_file(&self.journal));
        false
    }
}

impl OutFile {
    fn open(target: &Path, part: PathBuf, length: Option<u64>, is_complete: bool) -> Result<Self> {
        let open = || {
            let mut file =
                OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&part)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
                    return Err(error);
                }
                _ => {}
            }
            let found = file.metadata()?.len();
            let length = if is_complete { found } else { length.unwrap_or(0) };
            if found < length {
                let message =
                    format!("it has {found} bytes, but the journal says {length}; --force starts again");
                return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
            }
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            Ok(Some(Self { target: target.to_owned(), part: part.clone(), file, length, is_state: false }))
        };
        match open().map_err(|e| unwritable(&part, e))? {
            Some(file) => Ok(file),
            None => fail!(InvalidArgument, "{} is being written by another run", target.display()),
        }
    }
}

impl Sink for OutFiles {
    fn append(&mut self, file: usize, bytes: &[u8]) -> Result<()> {
        let OutFile { file, length, target, .. } = &mut self.files[file];
        file.write_all(bytes).map_err(|e| unwritable(target, e))?;
        *length += bytes.len() as u64;
        Ok(())
    }

    fn replace_start(&mut self, file: usize, bytes: &[u8]) -> Result<()> {
        let OutFile { file, target, .. } = &mut self.files[file];
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(bytes)?;
            file.seek(SeekFrom::End(0))
        };
        write(file).map(drop).map_err(|e| unwritable(target, e))
    }
}

/// Standard output.
#[derive(Debug)]
pub(super) struct Stdout;

impl Sink for Stdout {
    fn append(&mut self, file: usize, bytes: &[u8]) -> Result<()> {
        if file > 0 {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        written.map_err(|e| unwritable(Path::new("standard output"), e))
    }

    fn replace_start(&mut self, _: usize, _: &[u8]) -> Result<()> {
        fail!(Internal, "standard output cannot be written twice")
    }
}

/// Returns the path of a hidden file beside another.
fn hidden(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.corom-{what}"))
}

fn read_journal(path: &Path) -> Result<Option<Journal>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unwritable(path, e)),
    };
    match serde_json::from_slice(&bytes) {
        Ok(journal) => Ok(Some(journal)),
        Err(e) => fail!(InvalidArgument, "{} is damaged: {e}; delete it to start again", path.display()),
    }
}

/// Checks that a run that continues would write the same bytes.
fn check_settings(out: &Path, old: &Map<String, Value>, new: &Map<String, Value>) -> Result<()> {
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let [was, is] = [old, new].map(|map| map.get(name).unwrap_or(&Value::Null));
        // A run that stopped at its first bad row may continue with another choice.
        if was != is && !(name == ON_BAD_ROW && *was == "Stop") {
            fail!(
                InvalidArgument,
                "--resume: {} was begun with another {name}: {was} then, {is} now; give the same input and options, or \
                 start again with --force",
                out.display()
            );
        }
    }
    Ok(())
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::with_source(
        ErrorCode::FetchFailed,
        format!("{} cannot be written: {error}", path.display()),
        error,
    )
}
