//! The folders of `tests/fixtures/bits` are what the converter writes of `checkpoints/wide`, to the byte.
//! `COROM_BLESS=1` writes them anew.

use std::path::Path;

use corom::model::Manifest;

use crate::command::{Scratch, checkpoint, convert};
use crate::support::{files, fixtures};

/// A folder's files, the manifest without the release that wrote it.
fn contents(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut all = files(folder);
    let mut manifest = Manifest::from_json(&all["corom.json"]).unwrap();
    manifest.created_by.clear();
    all.insert("corom.json".into(), manifest.to_json().unwrap().into());
    all
}

#[test]
fn the_fixtures_for_bits_are_the_converter_s() {
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
