//! Checks that the converter writes the folders of `tests/fixtures/bits` from `checkpoints/wide`, to the
//! byte. `COROM_BLESS=1` writes the fixtures again.

use std::path::Path;

use corom::model::Manifest;

use crate::command::{Scratch, checkpoint, convert};
use crate::support::{files, fixtures};

/// Returns the files of a folder, with the release that wrote it removed from the manifest.
fn contents(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut all = files(folder);
    let mut manifest = Manifest::from_json(&all["corom.json"]).unwrap();
    manifest.created_by.clear();
    all.insert("corom.json".into(), manifest.to_json().unwrap().into());
    all
}

#[test]
fn convert_writes_the_bit_fixtures_to_the_byte() {
    let scratch = Scratch::new("bits");
    for dtype in ["int8", "int4"] {
        let fixture = fixtures().join("bits").join(dtype);
        let options = ["--dtype", dtype, "--max-length", "64", "--force"];
        if std::env::var_os("COROM_BLESS").is_some() {
            convert(&checkpoint("wide"), &fixture, &options).expect_ok();
        }
        let out = scratch.join(dtype);
        convert(&checkpoint("wide"), &out, &options).expect_ok();
        let (fixture, written) = (contents(&fixture), contents(&out));
        let differs = |name: &&String| fixture.get(*name) != written.get(*name);
        let differing: Vec<&String> = fixture.keys().chain(written.keys()).filter(differs).collect();
        assert!(differing.is_empty(), "{dtype}: {differing:?}");
    }
}
