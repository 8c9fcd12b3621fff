//! Runs converted folders in Python's onnxruntime. `COROM_PYTHON` is a Python with onnxruntime and numpy,
//! `COROM_M3E_CHECKPOINT` the folder of m3e-small's checkpoint.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use corom::encoder::Precision;
use corom::model::{LoadOptions, Manifest, folder};
use serde_json::json;

use super::from_environment;
use crate::command::{Scratch, convert};
use crate::fixtures::check_self_test;
use crate::int4::{SIZES, convert_random, texts};
use crate::support::{fixtures, folders, golden};

/// Runs check_onnxruntime.py on pairs of a model folder and its golden.json.
pub fn check(python: &OsStr, pairs: &[(PathBuf, PathBuf)], options: &[&str]) {
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
    let golden = json!({"input_ids": ids, "vectors": {pooling.to_string(): vectors}});
    std::fs::write(file, golden.to_string()).unwrap();
}

#[test]
fn onnxruntime_agrees_with_pytorch_on_every_fixture() {
    let Some(python) = from_environment("COROM_PYTHON") else { return };
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
    let (Some(python), Some(from)) =
        (from_environment("COROM_PYTHON"), from_environment("COROM_M3E_CHECKPOINT"))
    else {
        return;
    };
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

#[test]
fn onnxruntime_computes_our_f32_vectors() {
    let Some(python) = from_environment("COROM_PYTHON") else { return };
    let scratch = Scratch::new("onnxruntime-same");
    let mut pairs = Vec::new();
    for (name, from) in folders("checkpoints") {
        if from.join("expect.json").exists() || name.starts_with("cross-encoder") {
            continue;
        }
        let length = golden(&from).max_length.to_string();
        for dtype in ["int8", "int4"] {
            let out = scratch.join(&format!("{name}-{dtype}"));
            convert(&from, &out, &["--dtype", dtype, "--max-length", &length]).expect_ok();
            let file = scratch.join(&format!("{name}-{dtype}.json"));
            write_golden(&out, &golden(&from).texts, &file);
            pairs.push((out, file));
        }
    }
    check(&python, &pairs, &["--same", "--min-cosine", "0.9999"]);
}

#[test]
fn onnxruntime_computes_our_f32_vectors_of_int4_at_any_width() {
    let Some(python) = from_environment("COROM_PYTHON") else { return };
    let scratch = Scratch::new("onnxruntime-widths");
    let pairs: Vec<(PathBuf, PathBuf)> = SIZES
        .into_iter()
        .map(|size| {
            let out = convert_random(&scratch, size);
            let file = out.with_extension("json");
            write_golden(&out, &texts(), &file);
            (out, file)
        })
        .collect();
    check(&python, &pairs, &["--same", "--min-cosine", "0.9999"]);
}
