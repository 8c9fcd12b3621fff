//! Sans-I/O model loader.
//!
//! The host asks which files to fetch ([`pending_requests`]), fetches them by any means, and passes
//! the bytes in chunks: [`begin`], [`feed`] …, [`end`] for each file. Every host and every test goes
//! through the same checks. If a file is rejected, the loader stays as it was: the file is still
//! requested, and the host may begin it again, from another mirror for instance.
//!
//! The loader requests files in stages: first `corom.json`, then configuration, tokenizer and graph
//! (and side files in a folder without a manifest), and last the weight files, whose bytes go to the
//! encoder as they arrive. An ONNX file that contains large weights is requested twice: for its graph, which
//! needs the end of the file, and for its weights.
//!
//! [`pending_requests`]: ModelLoader::pending_requests
//! [`begin`]: ModelLoader::begin
//! [`feed`]: ModelLoader::feed
//! [`end`]: ModelLoader::end

use std::collections::{BTreeMap, BTreeSet};

use crate::embedder::Embedder;
use crate::encoder::onnx::{OnnxFile, OnnxReader};
use crate::error::{Error, ErrorCode, Result, fail};

use super::early_check::check_early;
use super::export_folder::{WantedExport, is_onnx};
use super::export_requests::AbsentFile;
use super::file_errors::{missing_error, not_begun};
use super::file_receiver::{FileReceiver, HashedBy, Received};
use super::file_request::{FileRequest, FileRequests};
use super::manifest::{self, Manifest, ONNX_FILE_NAME};
use super::model_builder::ModelBuilder;
use super::options::LoadOptions;
use super::unverified_model::UnverifiedModel;
use super::weight_files::weight_files;

/// Collects the files of a model.
///
/// ```no_run
/// use corom::model::{LoadOptions, ModelLoader};
///
/// let mut loader = ModelLoader::new(LoadOptions::default())?;
/// while let Some(request) = loader.pending_requests().first().cloned() {
///     match std::fs::read(format!("models/corom/{}", request.path)) {
///         Ok(bytes) => loader.supply(&request.path, &bytes)?,
///         Err(_) => loader.missing(&request.path)?,
///     }
/// }
/// let embedder = loader.build()?;
/// # Ok::<(), corom::error::Error>(())
/// ```
#[derive(Debug)]
pub struct ModelLoader {
    options: LoadOptions,
    manifest: Option<Manifest>,
    requests: FileRequests,
    /// Complete files, without `corom.json`, the ONNX file and the weight files.
    files: BTreeMap<String, Vec<u8>>,
    /// Path and content of the ONNX file.
    onnx: Option<(String, OnnxFile)>,
    /// The size of the ONNX file if it is requested again.
    onnx_size: Option<u64>,
    /// Path of the ONNX file, once it has arrived.
    onnx_path: Option<String>,
    /// Files that hold weights, with the ONNX file if it is requested again. They are requested last.
    weight_files: BTreeSet<String>,
    /// The model without the weight files, once one of them has begun.
    builder: Option<Box<ModelBuilder>>,
    /// The reason why the builder could not be made. `files` is consumed then, so the error is kept.
    builder_error: Option<(ErrorCode, String)>,
    /// Files that were begun and have not ended.
    receivers: BTreeMap<String, FileReceiver>,
    /// Files that were rejected as web pages: why a file may be missing.
    pages: BTreeSet<String>,
}

impl ModelLoader {
    /// Makes a loader that knows nothing of the folder yet.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if `options.model` is not the path of an `.onnx` file inside the folder, or its name
    /// contradicts `options.dtype`; for an option that does not fit `options.task`.
    pub fn new(options: LoadOptions) -> Result<Self> {
        options.check_task()?;
        let export = WantedExport { dtype: options.dtype, precision: options.precision };
        options.model.as_deref().map_or(Ok(()), |model| export.check_path(model))?;
        let mut requests = FileRequests::new(export);
        match options.model.as_deref() {
            None | Some(ONNX_FILE_NAME) => requests.add(manifest::FILE_NAME, false, None),
            model => requests.request_export_files(model),
        }
        Ok(Self {
            options,
            manifest: None,
            requests,
            files: BTreeMap::new(),
            onnx: None,
            onnx_size: None,
            onnx_path: None,
            weight_files: BTreeSet::new(),
            builder: None,
            builder_error: None,
            receivers: BTreeMap::new(),
            pages: BTreeSet::new(),
        })
    }

    /// Sets the paths of the folder's files, if the host can list them, before the first file is passed. The loader then
    /// requests only files that exist, and what it needs in a subfolder that cannot be listed: its path ends with `/`.
    ///
    /// # Errors
    /// `MISSING_FILE` if a required file is not among the paths, `INVALID_ARGUMENT` if there are several ONNX files to
    /// choose from, `FETCH_FAILED` if a subfolder that cannot be listed may have the ONNX file.
    pub fn set_listing(&mut self, paths: impl IntoIterator<Item = String>) -> Result<()> {
        let absent = self.requests.set_listing(paths);
        absent.iter().try_for_each(|path| self.missing(path))
    }

    /// Returns the files to fetch next, in any order or at once. A file stays in the list until it has
    /// ended. Files with weights come last. If the list is empty, the model can be built.
    pub fn pending_requests(&self) -> &[FileRequest] {
        self.requests.pending()
    }

    /// Returns the bytes of all files that loading requests, if there is a manifest. Weight files that
    /// are not named after the ONNX file count once the ONNX file was read.
    pub fn total(&self) -> Option<u64> {
        self.manifest.as_ref().map(|manifest| manifest.loaded_bytes(&self.weight_files))
    }

    /// Returns the path of the ONNX file, once it has arrived.
    pub fn onnx_file(&self) -> Option<&str> {
        self.onnx_path.as_deref()
    }

    /// Begins a requested file, or begins it again: the bytes that were passed before are dropped.
    /// `size` is the size that the server states. It saves memory if no manifest states the size.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY` if the memory for the file cannot be reserved. The first weight file also
    /// returns any error of the configuration, the tokenizer or the graph.
    pub fn begin(&mut self, path: &str, size: Option<u64>) -> Result<()> {
        self.begin_with(path, size, HashedBy::Loader)
    }

    /// Begins a file that the host hashes, because the host is faster. The file must end with
    /// [`Self::end_hashed`].
    ///
    /// # Errors
    /// The errors of [`Self::begin`].
    pub fn begin_hashed(&mut self, path: &str, size: Option<u64>) -> Result<()> {
        self.begin_with(path, size, HashedBy::Host)
    }

    fn begin_with(&mut self, path: &str, size: Option<u64>, hashed_by: HashedBy) -> Result<()> {
        self.requests.get(path)?;
        self.pages.remove(path);
        // Free the earlier bytes first: memory may not hold the file twice.
        self.receivers.remove(path);
        let entry = self.manifest.as_ref().and_then(|m| m.file(path)).cloned();
        let receiver = if self.weight_files.contains(path) {
            self.builder()?.begin(path, entry.is_some());
            self.request_dropped_weights();
            FileReceiver::unbuffered(entry.as_ref(), hashed_by)
        } else if is_onnx(path) {
            FileReceiver::onnx(entry.as_ref(), hashed_by, OnnxReader::new())
        } else {
            FileReceiver::buffered(path, entry.as_ref(), size, hashed_by)?
        };
        self.receivers.insert(path.to_owned(), receiver);
        Ok(())
    }

    /// Takes the next bytes of a file that was begun.
    ///
    /// # Errors
    /// `NOT_A_MODEL` as soon as the bytes are those of a web page or a git-lfs pointer,
    /// `INTEGRITY_MISMATCH` if there are more bytes than the manifest says, `OUT_OF_MEMORY`. The file
    /// must be begun again then.
    pub fn feed(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let Some(receiver) = self.receivers.get_mut(path) else { return Err(not_begun(path)) };
        let offset = receiver.fed();
        let mut result = receiver.feed(path, bytes);
        if receiver.is_page() && result.is_err() {
            self.pages.insert(path.to_owned());
        }
        if result.is_ok()
            && self.weight_files.contains(path)
            && let Some(builder) = &mut self.builder
        {
            result = builder.write(path, offset, bytes);
        }
        if result.is_err() {
            self.receivers.remove(path);
        }
        result
    }

    /// Returns the number of bytes that were passed since the file was begun, or 0 if it was not.
    pub fn fed(&self, path: &str) -> u64 {
        self.receivers.get(path).map_or(0, FileReceiver::fed)
    }

    /// Returns true if a file was rejected as a web page when it was last begun. Servers of
    /// single-page apps answer with a page if a file does not exist: [`Self::missing`] may be the call
    /// to make then.
    pub fn is_page(&self, path: &str) -> bool {
        self.pages.contains(path)
    }

    /// Ends a file: checks it as a whole. More files may be requested then.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if the size or the hash is not the manifest's, `NOT_A_MODEL` if the file is
    /// empty, and the errors of the file's own format. The file is still requested then.
    pub fn end(&mut self, path: &str) -> Result<()> {
        self.end_with(path, None)
    }

    /// Ends a file that the host has hashed. `sha256` is the SHA-256 of the whole file, 64 lower-case
    /// hex digits. If [`FileRequest::has_piece_hashes`] is true, it may instead be the SHA-256 of every
    /// piece of [`manifest::PIECE_BYTES`], one after the other.
    ///
    /// # Errors
    /// The errors of [`Self::end`].
    pub fn end_hashed(&mut self, path: &str, sha256: &str) -> Result<()> {
        self.end_with(path, Some(sha256))
    }

    fn end_with(&mut self, path: &str, sha256: Option<&str>) -> Result<()> {
        let Some(receiver) = self.receivers.remove(path) else { return Err(not_begun(path)) };
        match receiver.end(path, sha256)? {
            Received::PassedOn => self.end_weight_file(path)?,
            Received::Onnx(onnx) => {
                self.weight_files =
                    weight_files(path, &onnx, self.manifest.as_ref(), self.requests.missing())?;
                self.onnx_size = onnx.size_to_read_again();
                self.onnx_path = Some(path.to_owned());
                self.onnx = Some((path.to_owned(), *onnx));
                self.requests.remove(path);
            }
            Received::Bytes(bytes) => self.end_small_file(path, bytes)?,
        }
        // A file that does not exist is no fault of the file that ended: `builder` reports it.
        self.request_more().map(drop)
    }

    fn end_weight_file(&mut self, path: &str) -> Result<()> {
        if let Some(builder) = &mut self.builder {
            builder.end(path)?;
        }
        self.requests.remove(path);
        self.request_dropped_weights();
        Ok(())
    }

    fn end_small_file(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        if path == manifest::FILE_NAME {
            let manifest = self.manifest.insert(Manifest::from_json(&bytes)?);
            self.options.check_manifest(manifest)?;
            for path in manifest.needed_files() {
                self.requests.add(path, true, manifest.file(path));
            }
        } else {
            check_early(path, &bytes)?;
            self.files.insert(path.to_owned(), bytes);
        }
        self.requests.remove(path);
        Ok(())
    }

    /// Takes a whole file: begins, feeds and ends it. A web page in place of a file that is not
    /// required counts as missing.
    ///
    /// # Errors
    /// The errors of [`Self::feed`], [`Self::end`] and [`Self::missing`].
    pub fn supply(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let required = self.requests.get(path)?.required;
        self.begin(path, Some(bytes.len() as u64))?;
        match self.feed(path, bytes) {
            Ok(()) => self.end(path),
            Err(_) if !required && self.is_page(path) => self.missing(path),
            Err(error) => Err(error),
        }
    }

    /// Tells the loader that a requested file does not exist.
    ///
    /// # Errors
    /// `MISSING_FILE` if the model cannot be loaded without the file, or `NOT_A_MODEL` if the server
    /// answered an earlier request with a web page.
    pub fn missing(&mut self, path: &str) -> Result<()> {
        // Without a manifest, modules.json may put config.json into another folder.
        if self.requests.get(path)?.required && (self.manifest.is_some() || path != "config.json") {
            return Err(missing_error(path, self.pages.first(), self.requests.subfolder_with(path)));
        }
        self.receivers.remove(path);
        self.requests.remove_missing(path);
        if path == manifest::FILE_NAME {
            self.requests.request_export_files(self.options.model.as_deref());
        }
        self.request_more()?.map_or(Ok(()), |absent| Err(self.absent_error(&absent)))
    }

    /// Builds the model without running its self-test.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if requests are pending, and any error of the tokenizer or the graph.
    pub fn build_unverified(mut self) -> Result<UnverifiedModel> {
        if let Some(request) = self.requests.pending().first() {
            fail!(InvalidArgument, "{} is requested and was not passed to the loader", request.path);
        }
        self.builder()?;
        match self.builder {
            Some(builder) => builder.finish(),
            None => fail!(Internal, "the model builder is missing"),
        }
    }

    /// Builds the embedder and runs the manifest's self-test.
    ///
    /// # Errors
    /// The errors of [`Self::build_unverified`] and [`UnverifiedModel::finish`].
    pub fn build(self) -> Result<Embedder> {
        self.build_unverified()?.finish()
    }

    /// Returns the builder. The first call makes it: every file but the weight files has arrived.
    fn builder(&mut self) -> Result<&mut ModelBuilder> {
        match self.builder {
            Some(ref mut builder) => Ok(builder),
            None => {
                if let Some((code, message)) = &self.builder_error {
                    return Err(Error::new(*code, message.clone()));
                }
                if let Some(absent) = self.request_export()? {
                    return Err(self.absent_error(&absent));
                }
                let Some(onnx) = self.onnx.take() else {
                    fail!(MissingFile, "the ONNX file was not passed to the loader");
                };
                let files = std::mem::take(&mut self.files);
                match ModelBuilder::new(files, self.manifest.as_ref(), onnx, &self.options) {
                    Ok(builder) => Ok(self.builder.insert(Box::new(builder))),
                    Err(error) => {
                        self.builder_error = Some((error.code(), error.message().to_owned()));
                        Err(error)
                    }
                }
            }
        }
    }

    /// Requests what is needed next. Returns a file that is needed and does not exist.
    fn request_more(&mut self) -> Result<Option<AbsentFile>> {
        let absent = self.request_export()?;
        self.request_weight_files();
        Ok(absent)
    }

    /// Requests the files of a folder without a manifest. See [`FileRequests::advance_export`].
    fn request_export(&mut self) -> Result<Option<AbsentFile>> {
        let is_export = self.manifest.is_none() && !self.requests.is_pending(manifest::FILE_NAME);
        if !is_export || self.builder.is_some() {
            return Ok(None);
        }
        self.requests.advance_export(&self.files, self.onnx_path.is_some())
    }

    fn absent_error(&self, absent: &AbsentFile) -> Error {
        let subfolder = self.requests.subfolder_with(&absent.path).filter(|_| !is_onnx(&absent.path));
        missing_error(&absent.what, self.pages.first(), subfolder)
    }

    /// Requests the weight files once every other file has arrived: the encoder packs weights as they
    /// arrive, and needs graph and configuration for that.
    fn request_weight_files(&mut self) {
        if self.requests.pending().is_empty() && self.builder.is_none() {
            for path in &self.weight_files {
                let entry = self.manifest.as_ref().and_then(|m| m.file(path));
                if is_onnx(path) && self.onnx.as_ref().is_some_and(|(onnx, _)| onnx == path) {
                    self.requests.add_again(path, self.onnx_size, entry);
                } else {
                    self.requests.add_weights(path, entry);
                }
            }
        }
    }

    /// Requests the weight files that have ended and whose weights were dropped since.
    fn request_dropped_weights(&mut self) {
        let Some(builder) = &self.builder else { return };
        for path in self.weight_files.iter().filter(|path| !builder.is_complete(path)) {
            let entry = self.manifest.as_ref().and_then(|m| m.file(path));
            if !self.requests.is_pending(path) {
                self.requests.add_again(path, None, entry);
            }
        }
    }
}
