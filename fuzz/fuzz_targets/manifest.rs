//! `corom.json`, before the files that it describes.
#![no_main]

use std::sync::LazyLock;

use corom::model::LoadOptions;
use corom::model::manifest::Manifest;
use corom_fuzz::{Files, fixtures, load, read_folder};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<Files> = LazyLock::new(|| read_folder(&fixtures().join("exports/external-shards")));

fuzz_target!(init: corom_fuzz::seeds::write_if_asked("manifest"), |json: &[u8]| {
    if let Ok(manifest) = Manifest::from_json(json) {
        let written = manifest.to_json().expect("a valid manifest is written");
        let again = Manifest::from_json(written.as_bytes()).expect("a written manifest is read");
        assert_eq!(again.files, manifest.files);
    }
    let mut files = FOLDER.clone();
    files.insert("corom.json".into(), json.to_vec());
    let _ = load(&files, LoadOptions::default());
});
