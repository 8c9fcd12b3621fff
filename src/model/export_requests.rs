//! The files of another tool's folder, in the order of their requests. Such a folder has no `corom.json`.
//!
//! 1. `config.json`, the files that state settings, and the first ONNX file.
//! 2. As they arrive: the files that `modules.json` names, another name for each file that does not exist.
//! 3. The files of the encoder, if `modules.json` puts them into a folder of their own: sentence-transformers'
//!    Transformer module then has `config.json` and the tokenizer there.
//!
//! The encoder's folder is that of [`encoder_folder`](super::settings::encoder_folder), which the settings and
//! the converter use too.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::tokenizer::TOKENIZER_SIDE_FILES;

use super::dtype::Dtype;
use super::export_folder::{is_onnx, reject_hidden_exports};
use super::file_request::FileRequests;
use super::settings::{MODULES, SIDE_FILES, file_in, module_files, transformer_folder};

/// A file without which the model cannot be loaded, and which does not exist.
pub(super) struct AbsentFile {
    /// Its path.
    pub(super) path: String,
    /// The file that a message names as missing.
    pub(super) what: String,
}

impl FileRequests {
    /// Requests the files that every export has or may have, and the ONNX file `model`, if the caller names one.
    /// [`advance_export`](Self::advance_export) requests the others.
    pub(super) fn request_export_files(&mut self, model: Option<&str>) {
        self.add_if_listed("config.json", true);
        self.add_if_listed("tokenizer.json", false);
        for path in SIDE_FILES.iter().chain(&TOKENIZER_SIDE_FILES) {
            self.add_if_listed(path, false);
        }
        if let Some(model) = model {
            self.add(model, true, None);
        }
    }

    /// Requests what the files so far show to be needed. `files`: those that have arrived; `has_onnx`: the ONNX
    /// file has. Call it again after each file. Returns a file that the model needs and that does not exist.
    ///
    /// # Errors
    /// The errors of [`module_files`] and, with a listing, those of [`reject_hidden_exports`] and
    /// [`WantedExport::choose`](super::export_folder::WantedExport::choose).
    pub(super) fn advance_export(
        &mut self,
        files: &BTreeMap<String, Vec<u8>>,
        has_onnx: bool,
    ) -> Result<Option<AbsentFile>> {
        self.request_module_files(files)?;
        let encoder = self.encoder_folder(files)?;
        if let Some(folder) = &encoder
            && let Some(absent) = self.request_encoder_files(folder, files)
        {
            return Ok(Some(absent));
        }
        if has_onnx || self.pending.iter().any(|request| is_onnx(&request.path)) {
            return Ok(None);
        }
        if let Some(listing) = &self.listing {
            reject_hidden_exports(self.unreadable.iter().map(String::as_str))?;
            let path = self.export.choose(listing.iter().map(String::as_str))?;
            self.add(&path, true, None);
            return Ok(None);
        }
        Ok(self.request_next_onnx(encoder.as_deref()))
    }

    /// Requests the files that `modules.json` names; nothing before it is among `files`.
    fn request_module_files(&mut self, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
        loop {
            let paths = module_files(files, &self.missing)?;
            // A file that the listing does not have is missing, and another name may take its place.
            let mut all_may_exist = true;
            for path in &paths {
                all_may_exist &= self.add_if_listed(path, false);
            }
            if all_may_exist {
                return Ok(());
            }
        }
    }

    /// Returns the folder of the encoder's files, as `encoder_folder` of the settings will find it: that of the
    /// Transformer module if it has a `config.json`, else the model folder itself. `None`: not known yet.
    fn encoder_folder(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<Option<String>> {
        if !files.contains_key(MODULES) {
            return Ok(self.missing.contains(MODULES).then(String::new));
        }
        let folder = transformer_folder(files)?;
        let config = file_in(&folder, "config.json");
        Ok(if folder.is_empty() || files.contains_key(&config) {
            Some(folder)
        } else {
            self.missing.contains(&config).then(String::new)
        })
    }

    /// Requests the tokenizer's files in the encoder's folder. Returns a file that is needed and does not exist.
    fn request_encoder_files(
        &mut self,
        folder: &str,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Option<AbsentFile> {
        let path_of = |name: &str| file_in(folder, name);
        let config = path_of("config.json");
        if self.missing.contains(&config) {
            return Some(AbsentFile { what: config.clone(), path: config });
        }
        let (json, vocabulary) = (path_of("tokenizer.json"), path_of("vocab.txt"));
        let is_open = |requests: &Self, path: &str| {
            !files.contains_key(path) && !requests.missing.contains(path) && !requests.is_pending(path)
        };
        for path in [json.clone()].into_iter().chain(TOKENIZER_SIDE_FILES.map(path_of)) {
            if is_open(self, &path) {
                self.add_if_listed(&path, false);
            }
        }
        if !self.missing.contains(&json) {
            return None;
        }
        if is_open(self, &vocabulary) {
            self.add_if_listed(&vocabulary, false);
        }
        self.missing
            .contains(&vocabulary)
            .then(|| AbsentFile { what: format!("the tokenizer ({json} or {vocabulary})"), path: json })
    }

    /// Requests the ONNX file at its next usual path: in the model folder, then in the encoder's folder, once
    /// that is known. Returns what is missing if all usual paths were tried.
    fn request_next_onnx(&mut self, encoder: Option<&str>) -> Option<AbsentFile> {
        let mut paths = self.export.tried_paths();
        if let Some(folder) = encoder.filter(|folder| !folder.is_empty()) {
            let inside: Vec<String> = paths.iter().map(|path| file_in(folder, path)).collect();
            paths.extend(inside);
        }
        if let Some(path) = paths.iter().find(|path| !self.missing.contains(*path)) {
            self.add(path, false, None);
            return None;
        }
        encoder?;
        let kind = match self.export.dtype {
            Dtype::Auto => String::new(),
            dtype => format!(" of type \"{}\"", dtype.as_str()),
        };
        let tried = paths.join(", ");
        Some(AbsentFile {
            what: format!("an ONNX file{kind} ({tried}; the option `model` names another file)"),
            path: paths.pop().unwrap_or_default(),
        })
    }
}
