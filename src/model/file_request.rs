//! The files that the loader requests, one stage after the other.

use std::collections::BTreeSet;

use crate::error::{Result, fail};

use super::export_folder::{WantedExport, is_onnx};
use super::manifest::{FileEntry, PIECE_BYTES};

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
    /// True if the file may be requested a second time: an ONNX file, and, without the feature `unfused`, every file
    /// that arrives before the graph is known, because loading then may start again in another binary
    /// (`NEEDS_UNFUSED`). The host may keep the bytes, to save a download.
    pub keep: bool,
    /// True if the file was received before and is requested once more: an ONNX file, whose weights are taken
    /// when its graph is known, or a file whose weights were dropped with those of another file.
    pub again: bool,
}

/// The requests that are not answered yet, and what is known of the folder.
#[derive(Debug, Default)]
pub(super) struct FileRequests {
    pub(super) pending: Vec<FileRequest>,
    /// The ONNX file that is requested in a folder without a manifest.
    pub(super) export: WantedExport,
    /// All paths of the folder, if the host can list them.
    pub(super) listing: Option<BTreeSet<String>>,
    /// Subfolders that the host cannot list, each with a `/` at its end.
    pub(super) unreadable: BTreeSet<String>,
    /// Requested files that do not exist.
    pub(super) missing: BTreeSet<String>,
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
            keep: is_onnx(path) || !cfg!(feature = "unfused"),
            again: false,
            path: path.to_owned(),
            size: entry.map(|e| e.size),
            sha256: entry.map(|e| e.sha256.clone()),
            has_piece_hashes: entry.is_some_and(|e| !e.pieces.is_empty() || e.size <= PIECE_BYTES as u64),
            required,
        });
    }

    /// Requests a weight file: the graph is known.
    pub(super) fn add_weights(&mut self, path: &str, entry: Option<&FileEntry>) {
        self.add(path, true, entry);
        if let Some(request) = self.pending.iter_mut().find(|request| request.path == path) {
            request.keep = false;
        }
    }

    /// Requests a file if the listing has it, or if it is in a subfolder that cannot be listed; otherwise it is missing.
    /// Returns true if the file may exist. A listed file is required: a web page or damaged bytes in its place are not
    /// "no file".
    pub(super) fn add_if_listed(&mut self, path: &str, required: bool) -> bool {
        let is_hidden = self.unreadable.iter().any(|folder| path.starts_with(folder.as_str()));
        let may_exist = is_hidden || self.listing.as_ref().is_none_or(|listing| listing.contains(path));
        if may_exist {
            self.add(path, required || (self.listing.is_some() && !is_hidden), None);
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

    /// Sets the paths of the folder. A path that ends with `/` is a subfolder that cannot be listed. Returns the
    /// requested files that are not among the paths.
    pub(super) fn set_listing(&mut self, paths: impl IntoIterator<Item = String>) -> Vec<String> {
        let (unreadable, listing): (_, BTreeSet<String>) =
            paths.into_iter().partition(|path| path.ends_with('/'));
        self.unreadable = unreadable;
        let absent = self.pending.iter().filter(|request| !listing.contains(&request.path));
        let absent = absent.map(|request| request.path.clone()).collect();
        self.listing = Some(listing);
        absent
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
