//! Vectors on the disk while a catalog is built: the builder reads them several times, one after the other.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use corom::error::{Error, ErrorCode, Result};
use corom::index_build::VectorSource;

const BUFFER_BYTES: usize = 1 << 20;

/// A file of vectors, which is deleted with this value.
pub(super) struct Spill {
    path: PathBuf,
    file: BufWriter<File>,
    /// Floats per vector; 0 until the first one.
    dimension: usize,
}

impl Spill {
    /// Creates the file.
    ///
    /// # Errors
    /// `FETCH_FAILED` if that fails.
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let open = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let file = open.map_err(|error| failed(&path, &error))?;
        Ok(Self { path, file: BufWriter::with_capacity(BUFFER_BYTES, file), dimension: 0 })
    }

    /// Appends vectors of a dimension, one after the other.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the disk is full.
    pub(super) fn append(&mut self, vectors: &[f32], dimension: usize) -> Result<()> {
        self.dimension = dimension;
        let mut write = || vectors.iter().try_for_each(|x| self.file.write_all(&x.to_le_bytes()));
        write().map_err(|error| failed(&self.path, &error))
    }
}

impl VectorSource for Spill {
    fn each(&mut self, visit: &mut dyn FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        let path = self.path.clone();
        let io = |error: io::Error| failed(&path, &error);
        self.file.flush().map_err(io)?;
        let mut file = self.file.get_ref();
        let size = file.seek(SeekFrom::End(0)).map_err(io)? as usize;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut bytes = vec![0; 4 * self.dimension];
        let mut vector = vec![0.0; self.dimension];
        for number in 0..size / bytes.len().max(1) {
            reader.read_exact(&mut bytes).map_err(io)?;
            let floats = bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four));
            vector.iter_mut().zip(floats).for_each(|(x, float)| *x = float);
            visit(number, &vector)?;
        }
        Ok(())
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // The next change of the catalog deletes the rest.
        let _ = fs::remove_file(&self.path);
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::new(ErrorCode::FetchFailed, format!("{}: {error}", path.display()))
}
