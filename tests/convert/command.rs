//! Runs the command, and makes folders to run it in.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::fixtures;

/// The result of running the command.
#[derive(Debug)]
pub struct Run {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn expect_ok(self) -> Self {
        assert_eq!(self.status, Some(0), "{self:?}");
        self
    }

    /// Returns the code and the message of the error. Panics unless the command failed with an error of its own.
    pub fn rejection(&self) -> (&str, &str) {
        assert_eq!(self.status, Some(1), "no clean rejection: {self:?}");
        let rest = self.stderr.strip_prefix("error[").unwrap_or_else(|| panic!("{self:?}"));
        rest.split_once("]: ").unwrap_or_else(|| panic!("{self:?}"))
    }

    pub fn expect_rejected(&self, code: &str, words: &[&str]) {
        let (actual, message) = self.rejection();
        assert_eq!(actual, code, "{message}");
        for word in words {
            assert!(message.contains(word), "`{word}` is not in: {message}");
        }
    }
}

pub fn corom(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_corom")).args(arguments).output().unwrap();
    Run {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn convert(checkpoint: &Path, out: &Path, options: &[&str]) -> Run {
    let folders = [checkpoint.to_str().unwrap(), out.to_str().unwrap()];
    corom(&[&["convert"], &folders[..], options].concat())
}

pub fn checkpoint(name: &str) -> PathBuf {
    fixtures().join("checkpoints").join(name)
}

/// An empty folder for one test, deleted on drop.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(test: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("convert-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Copies a checkpoint fixture, so that the test may change it.
    pub fn copy_of(&self, name: &str) -> PathBuf {
        let to = self.join(name);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(checkpoint(name)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
        to
    }

    /// Returns the names of everything in the folder.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
