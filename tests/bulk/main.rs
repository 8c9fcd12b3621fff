//! Tests `corom embed` as a user runs it, on a small model with random weights.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(missing_docs, unreachable_pub, reason = "the modules of one test")]

mod bad_rows;
#[cfg(feature = "columnar")]
mod columnar;
mod formats;
#[cfg(feature = "columnar")]
mod hosts;
mod resume;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The model of the tests: 32 elements per vector.
pub const MODEL: &str = "tests/fixtures/bits/int8";

/// A temporary folder that is deleted at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bulk-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Returns the names of the files, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns `corom embed IN OUT` with the model of the tests and two threads.
pub fn command(from: impl AsRef<Path>, to: impl AsRef<Path>, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corom"));
    command
        .arg("embed")
        .arg(from.as_ref())
        .arg(to.as_ref())
        .args(["-m", MODEL, "--threads", "2"])
        .args(options);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

/// Runs `corom embed`, which has to succeed. Returns standard error.
pub fn embed(from: impl AsRef<Path>, to: impl AsRef<Path>, options: &[&str]) -> String {
    let output = command(from, to, options).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    errors(&output)
}

/// Runs `corom embed`, which has to fail with a code. Returns standard error.
pub fn fails(from: impl AsRef<Path>, to: impl AsRef<Path>, options: &[&str], code: &str) -> String {
    let output = command(from, to, options).output().unwrap();
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(&format!("error[{code}]")), "{errors}");
    errors
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns made-up titles of different lengths, and a few from the fixtures.
pub fn titles(count: usize) -> Vec<String> {
    let fixtures = fs::read_to_string("tests/fixtures/titles.txt").unwrap();
    let fixtures: Vec<&str> = fixtures.lines().collect();
    (0..count).map(|i| format!("{}{}", fixtures[i % fixtures.len()], "阔腿裤".repeat(i * 7 % 5))).collect()
}

/// Returns the vectors that the library gives, `[texts, dimension]`.
pub fn expected(texts: &[String]) -> Vec<f32> {
    let mut embedder =
        corom::model::folder::load(Path::new(MODEL), corom::model::LoadOptions::default()).unwrap();
    embedder.embed(texts).unwrap()
}

/// Reads an array of NumPy: its header, and its bytes.
pub fn npy(bytes: &[u8]) -> (String, &[u8]) {
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!(end % 64, 0);
    (String::from_utf8(bytes[10..end].to_vec()).unwrap(), &bytes[end..])
}

/// Reads little-endian floats.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// Reads JSONL.
pub fn records(bytes: &[u8]) -> Vec<serde_json::Value> {
    str::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the field `embedding` of a record.
pub fn embedding(record: &serde_json::Value) -> Vec<f32> {
    record["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}
