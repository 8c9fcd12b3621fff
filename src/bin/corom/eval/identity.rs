//! The identity of what a cache keeps: a hash of everything that decides its contents.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use corom::error::Result;
use sha2::{Digest, Sha256};

use crate::file_error::file_error;

/// Returns the identity of a model folder, computed with the quality of this name by this release.
///
/// # Errors
/// `FETCH_FAILED` if a file cannot be read.
pub(super) fn model_identity(folder: &Path, quality: &str) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(concat!(env!("CARGO_PKG_VERSION"), "\0"));
    hash.update(quality);
    hash_folder(folder, &mut hash)?;
    Ok(hex(hash))
}

/// Returns a hash in hex digits.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds the names and contents of a folder's files to a hash, in the order of their names; hidden ones are left out.
fn hash_folder(folder: &Path, hash: &mut Sha256) -> Result<()> {
    let entries = folder.read_dir().and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut paths: Vec<_> =
        entries.map_err(|error| file_error(folder, error))?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name() else { continue };
        // No file of a model. A cache inside the folder, `.corom-eval`, would change its own name.
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        hash.update(name.as_encoded_bytes());
        hash.update([0]);
        if path.is_dir() {
            hash_folder(&path, hash)?;
            continue;
        }
        let mut file = File::open(&path).map_err(|error| file_error(&path, error))?;
        let (mut chunk, mut length) = (vec![0; 1 << 20], 0u64);
        loop {
            let count = file.read(&mut chunk).map_err(|error| file_error(&path, error))?;
            if count == 0 {
                break;
            }
            hash.update(&chunk[..count]);
            length += count as u64;
        }
        hash.update(length.to_le_bytes());
    }
    Ok(())
}
