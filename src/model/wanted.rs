//! Which files the loader wants, one stage after the other.

use crate::error::Result;

use super::foreign::{ONNX_CANDIDATES, choose_onnx};
use super::loader::{ModelLoader, ONNX_FILE_NAME};
use super::manifest::PIECE_BYTES;
use super::side_files::SIDE_FILES;

/// A file that the loader wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Path in the folder.
    pub path: String,
    /// Its size in bytes, where the manifest lists it.
    pub size: Option<u64>,
    /// Its SHA-256, 64 lower-case hex digits, where the manifest lists it.
    pub sha256: Option<String>,
    /// Whether the manifest has the hashes of its pieces (for a file of one piece that is the file's).
    pub pieces: bool,
    /// Whether loading fails without it.
    pub required: bool,
}

impl ModelLoader {
    pub(super) fn want(&mut self, path: &str, required: bool) {
        if self.wanted.iter().any(|w| w.path == path) || self.files.contains_key(path) {
            return;
        }
        let entry = self.manifest.as_ref().and_then(|m| m.file(path));
        let (size, sha256) = (entry.map(|e| e.size), entry.map(|e| e.sha256.clone()));
        let pieces = entry.is_some_and(|e| !e.pieces.is_empty() || e.size <= PIECE_BYTES as u64);
        self.wanted.push(Wanted { path: path.to_owned(), size, sha256, pieces, required });
    }

    fn exists(&self, path: &str) -> bool {
        self.listing.as_ref().is_none_or(|listing| listing.contains(path))
    }

    pub(super) fn want_foreign(&mut self) -> Result<()> {
        for path in ["config.json", "tokenizer.json"] {
            self.want(path, true);
        }
        for path in SIDE_FILES {
            if self.exists(path) {
                self.want(path, false);
            }
        }
        match (&self.options.model, &self.listing) {
            (Some(model), _) => self.want(&model.clone(), true),
            // The lack of these two comes up by itself, and says more.
            (None, Some(listing))
                if !["config.json", "tokenizer.json"].iter().all(|f| listing.contains(*f)) => {}
            (None, Some(listing)) => {
                let path = choose_onnx(listing.iter().map(String::as_str))?;
                self.want(&path, true);
            }
            (None, None) => self.want(ONNX_FILE_NAME, false),
        }
        Ok(())
    }

    /// Tries the next usual place of the ONNX file, one request at a time.
    pub(super) fn want_next_onnx(&mut self) -> Result<()> {
        match ONNX_CANDIDATES.iter().find(|c| !self.missing.contains(**c)) {
            Some(next) => self.want(next, false),
            None => return Err(self.lacks("an ONNX file (model.onnx, onnx/model.onnx …)")),
        }
        Ok(())
    }

    /// The last stage: weights can be used as they arrive when graph and configuration are known.
    pub(super) fn want_external(&mut self) {
        if !self.wanted.is_empty() {
            return;
        }
        if self.prepared.is_none() {
            self.external.clone().iter().for_each(|path| self.want(path, true));
        }
    }
}
