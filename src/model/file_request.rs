//! Which files the loader wants, one stage after the other.

use crate::error::Result;

use super::export_folder::{ONNX_CANDIDATES, choose_onnx};
use super::loader::{ModelLoader, ONNX_FILE_NAME};
use super::manifest::PIECE_BYTES;
use super::side_files::SIDE_FILES;

/// A file that the loader wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRequest {
    /// Path in the folder.
    pub path: String,
    /// Its size in bytes, where the manifest lists it.
    pub size: Option<u64>,
    /// Its SHA-256, 64 lower-case hex digits, where the manifest lists it.
    pub sha256: Option<String>,
    /// Whether the manifest has the hashes of its pieces (for a file of one piece that is the file's).
    pub has_piece_hashes: bool,
    /// Whether loading fails without it.
    pub required: bool,
}

impl ModelLoader {
    pub(super) fn request(&mut self, path: &str, required: bool) {
        if self.pending.iter().any(|w| w.path == path) || self.files.contains_key(path) {
            return;
        }
        let entry = self.manifest.as_ref().and_then(|m| m.file(path));
        let (size, sha256) = (entry.map(|e| e.size), entry.map(|e| e.sha256.clone()));
        let has_piece_hashes = entry.is_some_and(|e| !e.pieces.is_empty() || e.size <= PIECE_BYTES as u64);
        self.pending.push(FileRequest { path: path.to_owned(), size, sha256, has_piece_hashes, required });
    }

    fn exists(&self, path: &str) -> bool {
        self.listing.as_ref().is_none_or(|listing| listing.contains(path))
    }

    pub(super) fn request_export_files(&mut self) -> Result<()> {
        for path in ["config.json", "tokenizer.json"] {
            self.request(path, true);
        }
        for path in SIDE_FILES {
            if self.exists(path) {
                self.request(path, false);
            }
        }
        match (&self.options.model, &self.listing) {
            (Some(model), _) => self.request(&model.clone(), true),
            // The lack of these two comes up by itself, and says more.
            (None, Some(listing))
                if !["config.json", "tokenizer.json"].iter().all(|f| listing.contains(*f)) => {}
            (None, Some(listing)) => {
                let path = choose_onnx(listing.iter().map(String::as_str))?;
                self.request(&path, true);
            }
            (None, None) => self.request(ONNX_FILE_NAME, false),
        }
        Ok(())
    }

    /// Tries the next usual place of the ONNX file, one request at a time.
    pub(super) fn request_next_onnx(&mut self) -> Result<()> {
        match ONNX_CANDIDATES.iter().find(|c| !self.missing.contains(**c)) {
            Some(next) => self.request(next, false),
            None => return Err(self.missing_error("an ONNX file (model.onnx, onnx/model.onnx …)")),
        }
        Ok(())
    }

    /// The last stage: weights can be used as they arrive when graph and configuration are known.
    pub(super) fn request_weight_files(&mut self) {
        if !self.pending.is_empty() {
            return;
        }
        if self.builder.is_none() {
            self.weight_files.clone().iter().for_each(|path| self.request(path, true));
        }
    }
}
