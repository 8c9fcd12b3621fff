//! Loading without input or output: the host asks what is [`pending_requests`], fetches
//! it in its own way, and feeds it piece by piece. Every host and every test goes
//! through the same checks.
//!
//! A file goes [`begin`], [`feed`] …, [`end`]. Whatever is refused on the way leaves
//! the loader as it was: the file is wanted still and may be begun again, from another
//! mirror for instance.
//!
//! [`pending_requests`]: ModelLoader::pending_requests
//! [`begin`]: ModelLoader::begin
//! [`feed`]: ModelLoader::feed
//! [`end`]: ModelLoader::end

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{BertConfig, check_object};
use crate::embedder::Embedder;
use crate::error::{Error, ErrorCode, Result, fail};

use super::export_folder::is_onnx;
use super::file_receiver::{FileReceiver, HashedBy};
use super::file_request::FileRequest;
use super::manifest::{self, Manifest};
use super::model_builder::ModelBuilder;
use super::options::LoadOptions;
use super::unverified_model::UnverifiedModel;
use super::weight_files::weight_files;
use crate::relative_path::is_relative_path;

/// The ONNX file of a folder of ours, and the first place to look in others.
pub(super) const ONNX_FILE_NAME: &str = "model.onnx";

/// Gathers a model's files.
#[derive(Debug)]
pub struct ModelLoader {
    pub(super) options: LoadOptions,
    pub(super) manifest: Option<Manifest>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Path of the ONNX file, once it is known.
    pub(super) onnx: Option<String>,
    pub(super) listing: Option<BTreeSet<String>>,
    pub(super) pending: Vec<FileRequest>,
    /// Weights outside the ONNX file: wanted when all else is there.
    pub(super) weight_files: BTreeSet<String>,
    /// The model without those weights, once one of them has begun.
    pub(super) builder: Option<Box<ModelBuilder>>,
    /// Why there is no such model: the files are used up, and the answer stays the same.
    failed: Option<(ErrorCode, String)>,
    /// What was begun and has not ended.
    incoming: BTreeMap<String, FileReceiver>,
    pub(super) missing: BTreeSet<String>,
    /// Files that turned out to be web pages: worth a word when something is missing later.
    pages: BTreeSet<String>,
}

impl ModelLoader {
    /// A loader that knows nothing of the folder yet.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when `options.model` is no `.onnx` path inside the folder.
    pub fn new(options: LoadOptions) -> Result<Self> {
        if let Some(model) = &options.model
            && !(is_relative_path(model) && is_onnx(model))
        {
            fail!(
                InvalidArgument,
                "model `{model}` is not the path of an .onnx file inside the model's folder"
            );
        }
        let mut loader = Self {
            manifest: None,
            files: BTreeMap::new(),
            onnx: None,
            listing: None,
            pending: Vec::new(),
            weight_files: BTreeSet::new(),
            builder: None,
            failed: None,
            incoming: BTreeMap::new(),
            missing: BTreeSet::new(),
            pages: BTreeSet::new(),
            options,
        };
        match loader.options.model.as_deref() {
            None | Some(ONNX_FILE_NAME) => loader.request(manifest::FILE_NAME, false),
            Some(_) => loader.request_export_files()?,
        }
        Ok(loader)
    }

    /// Tells the loader all paths of the folder, where the host can list them;
    /// it then asks only for files that exist. Call it before anything is supplied.
    ///
    /// # Errors
    /// `MISSING_FILE` when a file that is surely needed is not among them,
    /// `INVALID_ARGUMENT` when there are several ONNX files to choose from.
    pub fn set_listing(&mut self, paths: impl IntoIterator<Item = String>) -> Result<()> {
        let listing: BTreeSet<String> = paths.into_iter().collect();
        let absent: Vec<String> =
            self.pending.iter().filter(|w| !listing.contains(&w.path)).map(|w| w.path.clone()).collect();
        self.listing = Some(listing);
        absent.iter().try_for_each(|path| self.missing(path))
    }

    /// The files to fetch next, in any order or at once. What was begun is among them until it
    /// has ended. Empty when the model can be built.
    ///
    /// Weights outside the ONNX file are not wanted before everything else is there.
    pub fn pending_requests(&self) -> &[FileRequest] {
        &self.pending
    }

    /// Bytes of all files that loading will want in the end, where a manifest lists them. Weights in files that
    /// are not named after the ONNX file count once that has been read.
    pub fn total(&self) -> Option<u64> {
        let is_read = |path: &str| {
            matches!(path, "config.json" | "tokenizer.json")
                || path.starts_with(ONNX_FILE_NAME)
                || self.weight_files.contains(path)
        };
        let files = self.manifest.as_ref()?.files.iter();
        Some(files.filter(|file| is_read(&file.path)).fold(0, |sum, file| sum.saturating_add(file.size)))
    }

    /// Begins a file that is wanted, or begins it again: what was fed of it is forgotten.
    /// `size` is what the server says of it, a hint that saves memory where no manifest knows the size.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY` when there is no room for it; before the first weights, whatever is wrong
    /// with configuration, tokenizer or graph.
    pub fn begin(&mut self, path: &str, size: Option<u64>) -> Result<()> {
        self.begin_with(path, size, HashedBy::Loader)
    }

    /// The same for a host that hashes faster: it is to be ended with [`Self::end_hashed`].
    ///
    /// # Errors
    /// Those of [`Self::begin`].
    pub fn begin_hashed(&mut self, path: &str, size: Option<u64>) -> Result<()> {
        self.begin_with(path, size, HashedBy::Host)
    }

    fn begin_with(&mut self, path: &str, size: Option<u64>, hashed_by: HashedBy) -> Result<()> {
        self.requested(path)?;
        self.pages.remove(path);
        self.incoming.remove(path); // first, as two of them may be one too many
        let entry = self.manifest.as_ref().and_then(|m| m.file(path)).cloned();
        let incoming = if self.weight_files.contains(path) {
            self.builder()?.begin(path);
            FileReceiver::unbuffered(entry.as_ref(), hashed_by)
        } else {
            FileReceiver::begin(entry.as_ref(), size, hashed_by)?
        };
        self.incoming.insert(path.to_owned(), incoming);
        Ok(())
    }

    /// Takes the next bytes of a file that was begun.
    ///
    /// # Errors
    /// `NOT_A_MODEL` as soon as they show a web page or a git-lfs pointer, `INTEGRITY_MISMATCH` when
    /// there are more than the manifest says, `OUT_OF_MEMORY`. The file is to be begun again then.
    pub fn feed(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let Some(incoming) = self.incoming.get_mut(path) else { return Err(not_begun(path)) };
        let at = incoming.fed();
        let mut fed = incoming.feed(path, bytes);
        if incoming.is_page() && fed.is_err() {
            self.pages.insert(path.to_owned());
        }
        if fed.is_ok()
            && self.weight_files.contains(path)
            && let Some(builder) = &mut self.builder
        {
            fed = builder.write(path, at, bytes);
        }
        if fed.is_err() {
            self.incoming.remove(path);
        }
        fed
    }

    /// How many bytes were fed since the file was begun; 0 where it was not.
    pub fn fed(&self, path: &str) -> u64 {
        self.incoming.get(path).map_or(0, FileReceiver::fed)
    }

    /// Whether a file was refused as a web page when it was begun last. Servers of single-page apps answer
    /// with theirs where there is no such file: [`Self::missing`] may be what to say then.
    pub fn is_page(&self, path: &str) -> bool {
        self.pages.contains(path)
    }

    /// Ends a file: it is checked as a whole, and with it more may be wanted.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` for another size or hash than the manifest's, `NOT_A_MODEL` for an empty
    /// file, and what the file's reader finds. The file is wanted still then.
    pub fn end(&mut self, path: &str) -> Result<()> {
        self.end_with(path, None)
    }

    /// Ends a file whose host has hashed what it fed: `sha256`, 64 lower-case hex digits for the whole; or, where
    /// [`FileRequest::has_piece_hashes`] says so, for each piece of [`manifest::PIECE_BYTES`], one after the other.
    ///
    /// # Errors
    /// Those of [`Self::end`].
    pub fn end_hashed(&mut self, path: &str, sha256: &str) -> Result<()> {
        self.end_with(path, Some(sha256))
    }

    fn end_with(&mut self, path: &str, sha256: Option<&str>) -> Result<()> {
        let Some(incoming) = self.incoming.remove(path) else { return Err(not_begun(path)) };
        let bytes = incoming.end(path, sha256)?;
        match path {
            _ if self.weight_files.contains(path) => {
                if let Some(builder) = &mut self.builder {
                    builder.end(path)?;
                }
                self.pending.retain(|w| w.path != path);
                return Ok(());
            }
            manifest::FILE_NAME => {
                self.manifest = Some(Manifest::from_json(&bytes)?);
                for path in ["config.json", "tokenizer.json", ONNX_FILE_NAME] {
                    self.request(path, true);
                }
            }
            // Read early, so that a wrong folder is known before its weights are fetched.
            "config.json" => {
                BertConfig::from_json(&bytes)?;
            }
            "tokenizer.json" => {
                check_object(&bytes, path).map_err(|e| {
                    Error::with_source(ErrorCode::InvalidTokenizer, e.message().to_owned(), e)
                })?;
            }
            _ if is_onnx(path) => {
                self.weight_files = weight_files(path, &bytes, self.manifest.as_ref(), &self.missing)?;
                self.onnx = Some(path.to_owned());
            }
            _ => {}
        }
        if path != manifest::FILE_NAME {
            self.files.insert(path.to_owned(), bytes);
        }
        self.pending.retain(|w| w.path != path);
        self.request_weight_files();
        Ok(())
    }

    /// Takes a whole file: begins, feeds and ends it. A web page in place of a file that is not
    /// required counts as missing.
    ///
    /// # Errors
    /// Those of [`Self::feed`], [`Self::end`] and [`Self::missing`].
    pub fn supply(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let required = self.requested(path)?.required;
        self.begin(path, Some(bytes.len() as u64))?;
        match self.feed(path, bytes) {
            Ok(()) => self.end(path),
            Err(_) if !required && self.is_page(path) => self.missing(path),
            Err(error) => Err(error),
        }
    }

    /// Says that a file that was wanted does not exist.
    ///
    /// # Errors
    /// `MISSING_FILE` when the model cannot do without it; `NOT_A_MODEL` when
    /// the server answered with a web page before.
    pub fn missing(&mut self, path: &str) -> Result<()> {
        if self.requested(path)?.required {
            return Err(self.missing_error(path));
        }
        self.incoming.remove(path);
        self.missing.insert(path.to_owned());
        self.pending.retain(|w| w.path != path);
        if path == manifest::FILE_NAME {
            self.request_export_files()?;
        } else if is_onnx(path) {
            self.request_next_onnx()?;
        }
        self.request_weight_files();
        Ok(())
    }

    /// Builds the model, without its self-test.
    ///
    /// # Errors
    /// Whatever is wrong with the tokenizer or the graph.
    pub fn build_unverified(mut self) -> Result<UnverifiedModel> {
        if let Some(file) = self.pending.first() {
            fail!(InvalidArgument, "{} is still wanted", file.path);
        }
        self.builder()?;
        match self.builder {
            Some(builder) => builder.finish(),
            None => fail!(Internal, "the model was not prepared"),
        }
    }

    /// Everything but the weights outside the ONNX file is there: what the model is.
    fn builder(&mut self) -> Result<&mut ModelBuilder> {
        match self.builder {
            Some(ref mut builder) => Ok(builder),
            None => {
                if let Some((code, message)) = &self.failed {
                    return Err(Error::new(*code, message.clone()));
                }
                let files = std::mem::take(&mut self.files);
                let onnx = self.onnx.as_deref();
                match ModelBuilder::new(files, self.manifest.as_ref(), onnx, &self.options) {
                    Ok(builder) => Ok(self.builder.insert(Box::new(builder))),
                    Err(error) => {
                        self.failed = Some((error.code(), error.message().to_owned()));
                        Err(error)
                    }
                }
            }
        }
    }

    /// Builds the embedder and runs the manifest's self-test.
    ///
    /// # Errors
    /// Those of [`Self::build_unverified`] and [`UnverifiedModel::finish`].
    pub fn build(self) -> Result<Embedder> {
        self.build_unverified()?.finish()
    }

    fn requested(&self, path: &str) -> Result<&FileRequest> {
        let Some(file) = self.pending.iter().find(|w| w.path == path) else {
            fail!(InvalidArgument, "{path} was not asked for");
        };
        Ok(file)
    }

    pub(super) fn missing_error(&self, path: &str) -> Error {
        match self.pages.first() {
            Some(page) => Error::new(
                ErrorCode::NotAModel,
                format!(
                    "{path} is not there, and for {page} the server answered with an HTML page: the address is \
                     likely not a model's folder"
                ),
            ),
            None => Error::new(
                ErrorCode::MissingFile,
                format!(
                    "{path} is not there; a model's folder has corom.json, or config.json, tokenizer.json and an ONNX file"
                ),
            ),
        }
    }
}

fn not_begun(path: &str) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("{path} was not begun"))
}
