//! The JSON files beside an export, with zero bytes between them: `config.json`, then those that say how to pool.
#![no_main]

use std::sync::LazyLock;

use corom::model::LoadOptions;
use corom_fuzz::{Files, SIDE_FILES, fixtures, load, read_folder, sections};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<Files> =
    LazyLock::new(|| read_folder(&fixtures().join("exports/static-1x16-legacy")));

fuzz_target!(init: corom_fuzz::seeds::write_if_asked("side_files"), |input: &[u8]| {
    let Some(sections) = sections::<{ SIDE_FILES.len() }>(input) else { return };
    let mut files = FOLDER.clone();
    for (path, bytes) in SIDE_FILES.iter().zip(sections) {
        // An empty section is a missing file.
        if bytes.is_empty() {
            files.remove(*path);
        } else {
            files.insert((*path).to_owned(), bytes.to_vec());
        }
    }
    let _ = load(&files, LoadOptions::default());
});
