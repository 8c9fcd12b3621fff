//! The files that the loader requests, one stage after the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Result, fail};

use super::dtype::Dtype;
use super::export_folder::{WantedExport, is_onnx};
use super::manifest::{FileEntry, PIECE_BYTES};
use super::settings::{SIDE_FILES, module_files};
use crate::tokenizer::TOKENIZER_SIDE_FILES;

/// A file that the loader requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRequest {
    /// Path in the folder.
    pub path: String,
    /// Size in bytes, if the manifest lists the file.
    pub size: Option<u64>,
    /// SHA-256, 64 lower-case hex digits, if the manifest lists the file.
    pub sha256: Option<String>,
    /// True if the manifest has the SHA-256 of every piece. The piece of a file of one piece is the
    /// file.
    pub has_piece_hashes: bool,
    /// True if loading fails without the file.
    pub required: bool,
    /// True if the file may be requested a second time. The host may keep the bytes, to save a download.
    pub keep: bool,
    /// True if the file was received before and is requested once more: an ONNX file, whose weights are taken
    /// when its graph is known, or a file whose weights were dropped with those of another file.
    pub again: bool,
}

/// The requests that are not answered yet, and what is known of the folder.
#[derive(Debug, Default)]
pub(super) struct FileRequests {
    pending: Vec<FileRequest>,
    /// Which ONNX file is requested in a folder without a manifest.
    export: WantedExport,
    /// All paths of the folder, if the host can list them.
    listing: Option<BTreeSet<String>>,
    /// Requested files that do not exist.
    missing: BTreeSet<String>,
}

impl FileRequests {
    /// Makes a list without requests.
    pub(super) fn new(export: WantedExport) -> Self {
        Self { export, ..Self::default() }
    }

    /// Returns the requests that are not answered yet.
    pub(super) fn pending(&self) -> &[FileRequest] {
        &self.pending
    }

    /// Returns the files that do not exist.
    pub(super) fn missing(&self) -> &BTreeSet<String> {
        &self.missing
    }

    /// Returns true if a file is requested.
    pub(super) fn is_pending(&self, path: &str) -> bool {
        self.pending.iter().any(|request| request.path == path)
    }

    /// Returns a pending request.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the file was not requested.
    pub(super) fn get(&self, path: &str) -> Result<&FileRequest> {
        match self.pending.iter().find(|request| request.path == path) {
            Some(request) => Ok(request),
            None => fail!(InvalidArgument, "{path}: the loader did not request this file"),
        }
    }

    /// Requests a file, unless it is requested already. `entry` is what the manifest says of it.
    pub(super) fn add(&mut self, path: &str, required: bool, entry: Option<&FileEntry>) {
        if self.is_pending(path) {
            return;
        }
        self.pending.push(FileRequest {
            keep: is_onnx(path),
            again: false,
            path: path.to_owned(),
            size: entry.map(|e| e.size),
            sha256: entry.map(|e| e.sha256.clone()),
            has_piece_hashes: entry.is_some_and(|e| !e.pieces.is_empty() || e.size <= PIECE_BYTES as u64),
            required,
        });
    }

    /// Requests an optional file. A file that the listing does not have is missing. Returns true if the file
    /// may exist.
    pub(super) fn add_optional(&mut self, path: &str) -> bool {
        let may_exist = self.listing.as_ref().is_none_or(|listing| listing.contains(path));
        if may_exist {
            self.add(path, false, None);
        } else {
            self.missing.insert(path.to_owned());
        }
        may_exist
    }

    /// Requests a file once more. `size` is its size, if it is known.
    pub(super) fn add_again(&mut self, path: &str, size: Option<u64>, entry: Option<&FileEntry>) {
        self.add(path, true, entry);
        if let Some(request) = self.pending.iter_mut().find(|request| request.path == path) {
            request.again = true;
            request.size = request.size.or(size);
        }
    }

    /// Removes the request of a file that was received.
    pub(super) fn remove(&mut self, path: &str) {
        self.pending.retain(|request| request.path != path);
    }

    /// Removes the request of a file that does not exist.
    pub(super) fn remove_missing(&mut self, path: &str) {
        self.remove(path);
        self.missing.insert(path.to_owned());
    }

    /// Sets the paths of the folder. Returns the requested files that are not among them.
    pub(super) fn set_listing(&mut self, listing: BTreeSet<String>) -> Vec<String> {
        let absent = self.pending.iter().filter(|request| !listing.contains(&request.path));
        let absent = absent.map(|request| request.path.clone()).collect();
        self.listing = Some(listing);
        absent
    }

    /// Requests the files of another tool's export: configuration, tokenizer, side files, and the
    /// ONNX file `model` or, without `model`, the one at the usual place.
    ///
    /// # Errors
    /// Those of [`WantedExport::choose`], if there is a listing.
    pub(super) fn request_export_files(&mut self, model: Option<&str>) -> Result<()> {
        self.add("config.json", true, None);
        let is_listed = |path: &str| self.listing.as_ref().is_none_or(|listing| listing.contains(path));
        let has_files = is_listed("config.json") && (is_listed("tokenizer.json") || is_listed("vocab.txt"));
        let has_only_vocabulary = !is_listed("tokenizer.json") && is_listed("vocab.txt");
        // If tokenizer.json does not exist, `request_alternative` requests vocab.txt.
        self.add(if has_only_vocabulary { "vocab.txt" } else { "tokenizer.json" }, false, None);
        for path in SIDE_FILES.iter().chain(&TOKENIZER_SIDE_FILES) {
            self.add_optional(path);
        }
        match (model, &self.listing) {
            (Some(model), _) => self.add(model, true, None),
            // The error for these two files says more than one about the ONNX file.
            (None, Some(_)) if !has_files => {}
            (None, Some(listing)) => {
                let path = self.export.choose(listing.iter().map(String::as_str))?;
                self.add(&path, true, None);
            }
            (None, None) => {
                let _ = self.request_next_onnx();
            }
        }
        Ok(())
    }

    /// Requests the files that `modules.json` names; nothing before it is among `files`.
    ///
    /// # Errors
    /// Those of [`module_files`].
    pub(super) fn request_module_files(&mut self, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
        loop {
            let paths = module_files(files, &self.missing)?;
            // A file that the listing does not have is missing, and another name may take its place.
            let mut all_may_exist = true;
            for path in &paths {
                all_may_exist &= self.add_optional(path);
            }
            if all_may_exist {
                return Ok(());
            }
        }
    }

    /// Requests what can take the place of a file that does not exist: `vocab.txt` for `tokenizer.json`, the next usual
    /// path for an ONNX file.
    ///
    /// # Errors
    /// What to say is missing, if nothing can.
    pub(super) fn request_alternative(&mut self, path: &str) -> Result<(), String> {
        match path {
            "tokenizer.json" if self.add_optional("vocab.txt") => Ok(()),
            "tokenizer.json" | "vocab.txt" => Err("the tokenizer (tokenizer.json or vocab.txt)".to_owned()),
            _ if is_onnx(path) => self.request_next_onnx(),
            _ => Ok(()),
        }
    }

    /// Requests the ONNX file at its next usual path.
    ///
    /// # Errors
    /// What to say is missing, if all usual paths were tried.
    fn request_next_onnx(&mut self) -> Result<(), String> {
        let paths = self.export.tried_paths();
        if let Some(path) = paths.iter().find(|path| !self.missing.contains(*path)) {
            self.add(path, false, None);
            return Ok(());
        }
        let kind = match self.export.dtype {
            Dtype::Auto => String::new(),
            dtype => format!(" of type \"{}\"", dtype.as_str()),
        };
        Err(format!("an ONNX file{kind} ({}; the option `model` names another file)", paths.join(", ")))
    }

    /// Returns the only subfolder that has a file which the folder itself lacks, and a `tokenizer.json`. The
    /// user may have meant it.
    pub(super) fn subfolder_with(&self, path: &str) -> Option<&str> {
        let listing = self.listing.as_ref().filter(|listing| !listing.contains(path))?;
        let mut folders = listing
            .iter()
            .filter_map(|other| other.strip_suffix(path)?.strip_suffix('/'))
            .filter(|folder| listing.contains(&format!("{folder}/tokenizer.json")));
        folders.next().filter(|_| folders.next().is_none())
    }
}
