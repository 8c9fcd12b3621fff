//! Loading a model folder from memory, as a host does that cannot list the folder.

use std::collections::BTreeMap;

use corom::embedder::Embedder;
use corom::error::Result;
use corom::model::{LoadOptions, ModelLoader};

/// The files of a folder by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Loads a folder. Files that are not in the map are reported as missing.
pub fn load(files: &Files, options: LoadOptions) -> Result<Embedder> {
    let mut loader = ModelLoader::new(options)?;
    answer(&mut loader, files)?;
    loader.build()
}

/// Answers the loader's requests until it has none.
pub fn answer(loader: &mut ModelLoader, files: &Files) -> Result<()> {
    while let Some(file) = loader.pending_requests().first().cloned() {
        match files.get(&file.path) {
            Some(bytes) => loader.supply(&file.path, bytes)?,
            None => loader.missing(&file.path)?,
        }
    }
    Ok(())
}
