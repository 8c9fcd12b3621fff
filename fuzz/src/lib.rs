//! The parts that the fuzz targets share: a limited heap, the fixtures, and a loader that takes files from memory.

pub mod catalogs;
pub mod seeds;

use std::alloc::System;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cap::Cap;
use corom::embedder::Embedder;
use corom::error::Result;
use corom::model::{LoadOptions, ModelLoader};

/// Fails allocations beyond 512 MiB, as a WebAssembly memory does. Code that reserves memory then returns
/// `OUT_OF_MEMORY`; code that does not reserve memory aborts, and the fuzzer reports the input.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, HEAP_BYTES);
const HEAP_BYTES: usize = 512 << 20;

/// Limits the heap until it is dropped.
#[derive(Debug)]
pub struct HeapLimit(());

/// Lets the heap grow by 4 MiB and 64 times the size of an input.
pub fn limit_heap(input_bytes: usize) -> HeapLimit {
    let limit = HEAP.allocated() + (4 << 20) + 64 * input_bytes;
    HEAP.set_limit(limit.min(HEAP_BYTES)).expect("the heap has less than the limit");
    HeapLimit(())
}

impl Drop for HeapLimit {
    fn drop(&mut self) {
        HEAP.set_limit(HEAP_BYTES).expect("the heap has less than the limit");
    }
}

/// A model folder: contents by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The folder `tests/fixtures`.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// The folders of `tests/fixtures/<kind>`.
pub fn folders(kind: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(fixtures().join(kind)).expect("the repository's fixtures");
    let mut folders: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Reads the files that a loader may ask for from a folder.
pub fn read_folder(folder: &Path) -> Files {
    let mut files = Files::new();
    for part in ["", "onnx", "1_Pooling"] {
        let Ok(entries) = std::fs::read_dir(folder.join(part)) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}

/// Loads a model from memory. Files that are not there are reported as missing.
///
/// # Errors
/// The errors of [`ModelLoader`].
pub fn load(files: &Files, options: LoadOptions) -> Result<Embedder> {
    let mut loader = ModelLoader::new(options)?;
    while let Some(file) = loader.pending_requests().first().cloned() {
        match files.get(&file.path) {
            Some(bytes) => loader.supply(&file.path, bytes)?,
            None => loader.missing(&file.path)?,
        }
    }
    loader.build()
}

/// Splits an input at zero bytes into `N` sections; the last one has all that is left. Neither JSON nor the texts
/// of a corpus contain zero bytes.
pub fn sections<const N: usize>(input: &[u8]) -> Option<[&[u8]; N]> {
    let sections: Vec<&[u8]> = input.splitn(N, |&byte| byte == 0).collect();
    sections.try_into().ok()
}

/// The files of the target `side_files`, in the order of its sections. A `modules.json` may name other
/// folders, whose files are missing.
pub const SIDE_FILES: [&str; 5] = [
    "config.json",
    "configuration.json",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
];
