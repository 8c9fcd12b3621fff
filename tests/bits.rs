//! Compares the bits of the vectors of fixed models with a golden file. `tests/js/bits.test.mjs` and
//! `tests/js/hosts/bits.test.mjs` compare the same file in WebAssembly, in Node and in Chromium: the exact kernels
//! give the same bits on every machine.
//!
//! After a change that is meant to change bits, `COROM_BLESS=1 cargo test --features cli --test bits` writes the
//! golden file.
#![allow(clippy::unwrap_used, reason = "a test stops there")]

mod support;

use corom::config::Pooling;
use corom::embedder::Embedder;
use corom::encoder::Precision;
use corom::model::{LoadOptions, folder};
use serde_json::Value;
use support::fixtures;

const FILE: &str = "bits/golden.json";

/// Reads the golden file.
fn read() -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join(FILE)).unwrap()).unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Loads the model of a case, with the options that JavaScript has.
fn load(case: &Value) -> Embedder {
    let options = &case["options"];
    let text = |key: &str| options[key].as_str();
    let load = LoadOptions {
        max_length: options["maxLength"].as_u64().map(|n| n as usize),
        pooling: text("pooling").map(|name| Pooling::parse(name).unwrap().into()),
        normalize: options["normalize"].as_bool(),
        precision: Precision::parse(text("precision").unwrap_or("auto")).unwrap(),
        ..LoadOptions::default()
    };
    let model = fixtures().join(case["folder"].as_str().unwrap());
    let embedder = folder::load(&model, load).unwrap();
    let info = embedder.encoder().info();
    assert_eq!((info.fused, info.kernel), (true, "exact"), "{}", case["name"]);
    embedder
}

/// Returns the bits of a vector: eight hexadecimal digits per value.
fn hex(vector: &[f32]) -> String {
    vector.iter().map(|x| format!("{:08x}", x.to_bits())).collect()
}

#[test]
fn vectors_have_the_bits_of_the_golden_file() {
    let mut golden = read();
    let texts = strings(&golden["texts"]);
    let bless = std::env::var_os("COROM_BLESS").is_some();
    let mut wrong = Vec::new();
    for case in golden["cases"].as_array_mut().unwrap() {
        let mut embedder = load(case);
        let rows = embedder.embed(&texts).unwrap();
        let got: Vec<String> = rows.chunks_exact(embedder.dimension()).map(hex).collect();
        if bless {
            case["vectors"] = got.into();
        } else if got != strings(&case["vectors"]) {
            wrong.push(case["name"].clone());
        }
    }
    if bless {
        let text = serde_json::to_string_pretty(&golden).unwrap() + "\n";
        std::fs::write(fixtures().join(FILE), text).unwrap();
    }
    assert!(wrong.is_empty(), "the bits differ from those in {FILE}: {wrong:?}");
}

/// A golden file of zeros, or of one case six times, would test nothing.
#[test]
fn the_golden_vectors_are_all_different() {
    let golden = read();
    let mut seen = std::collections::BTreeSet::new();
    for case in golden["cases"].as_array().unwrap() {
        let vectors = strings(&case["vectors"]);
        assert_eq!(vectors.len(), strings(&golden["texts"]).len(), "{}", case["name"]);
        for vector in vectors {
            assert!(seen.insert(vector), "{}: a vector occurs twice", case["name"]);
        }
    }
    assert_eq!(seen.len(), 36);
}
