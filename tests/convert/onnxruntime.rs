//! Runs converted folders in Python's onnxruntime. Runs if `COROM_PYTHON` is a Python with onnxruntime and
//! numpy, as `./build.sh test` sets it; m3e-small also takes `COROM_M3E_CHECKPOINT`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use corom::encoder::Precision;
use corom::model::{LoadOptions, Manifest, folder};
use serde_json::json;

use crate::command::{Scratch, convert};
use crate::fixtures::check_self_test;
use crate::support::{fixtures, folders, golden};

/// Returns the value of an environment variable. Without it the test is skipped, or fails if `CI` is set.
pub fn named(variable: &str) -> Option<OsString> {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    if value.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{variable} is not set; with CI set, no test is skipped");
        eprintln!("skipped: {variable} is not set");
    }
    value
}

pub fn check(python: &OsString, pairs: &[(PathBuf, PathBuf)], options: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/check_onnxruntime.py");
    let mut command = Command::new(python);
    command.arg(script);
    for (folder, golden) in pairs {
        command.arg(folder).arg(golden);
    }
    let output = command.args(options).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    println!("{report}");
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
}

/// Writes the vectors of a folder in f32 as a golden.json, with which onnxruntime is compared.
pub fn write_golden(model: &Path, texts: &[String], file: &Path) {
    let options = LoadOptions { precision: Precision::F32, normalize: Some(false), ..LoadOptions::default() };
    let mut embedder = folder::load(model, options).unwrap();
    let pooling = Manifest::from_json(&std::fs::read(model.join("corom.json")).unwrap()).unwrap().pooling;
    let ids: Vec<Vec<u32>> = texts.iter().map(|t| embedder.tokenize(t).unwrap().ids).collect();
    let vectors: Vec<Vec<f32>> = texts.iter().map(|t| embedder.embed(&[t]).unwrap()).collect();
    let golden = json!({"input_ids": ids, "vectors": {pooling.as_str(): vectors}});
    std::fs::write(file, golden.to_string()).unwrap();
}

#[test]
fn onnxruntime_agrees_with_pytorch_on_every_fixture() {
    let Some(python) = named("COROM_PYTHON") else { return };
    let scratch = Scratch::new("onnxruntime");
    let mut pairs = Vec::new();
    for (name, from) in folders("checkpoints") {
        if from.join("expect.json").exists() || name.starts_with("cross-encoder") {
            continue;
        }
        for dtype in ["f32", "int8"] {
            let out = scratch.join(&format!("{name}-{dtype}"));
            convert(&from, &out, &["--dtype", dtype]).expect_ok();
            pairs.push((out, from.join("golden.json")));
        }
    }
    check(&python, &pairs, &[]);
}

#[test]
fn onnxruntime_agrees_with_pytorch_on_m3e_small() {
    let (Some(python), Some(from)) = (named("COROM_PYTHON"), named("COROM_M3E_CHECKPOINT")) else { return };
    let scratch = Scratch::new("onnxruntime-m3e");
    let path = fixtures().join("m3e-small");
    let mut pairs = Vec::new();
    for dtype in ["f32", "int8"] {
        let out = scratch.join(dtype);
        convert(Path::new(&from), &out, &["--dtype", dtype, "--pooling", "mean"]).expect_ok();
        let manifest = Manifest::from_json(&std::fs::read(out.join("corom.json")).unwrap()).unwrap();
        check_self_test(&manifest, &golden(&path));
        pairs.push((out, path.join("golden.json")));
    }
    check(&python, &pairs, &[]);
}
