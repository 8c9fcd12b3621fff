//! The fixtures, for tests of the embedder, the loader and the tokenizer.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test binary uses its own part, and a failed unwrap fails the test"
)]

pub mod isolate;
pub mod memory;
pub mod sentence;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The contents of a fixture's `golden.json`.
#[derive(Deserialize)]
pub struct Golden {
    pub texts: Vec<String>,
    pub max_length: usize,
    pub input_ids: Vec<Vec<u32>>,
    pub vectors: BTreeMap<String, Vec<Vec<f32>>>,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub tolerance: f32,
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Returns the folders of `tests/fixtures/{kind}`, sorted by name.
pub fn folders(kind: &str) -> Vec<(String, PathBuf)> {
    let mut found: Vec<_> = std::fs::read_dir(fixtures().join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no fixtures of kind {kind}");
    found
}

pub fn export(name: &str) -> PathBuf {
    fixtures().join("exports").join(name)
}

pub fn golden(folder: &Path) -> Golden {
    serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap()
}

/// Reads a folder's files, by path.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, out);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                out.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(folder, folder, &mut out);
    out
}

/// Returns the largest difference: infinity if one of the values is NaN.
pub fn max_abs_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(x, y)| (x - y).abs());
    differences.fold(0.0, |worst, d| if d.is_nan() { f32::INFINITY } else { d.max(worst) })
}

pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
