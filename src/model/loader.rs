//! Loading without input or output: the host asks what is [`wanted`], fetches
//! it in its own way, and hands it over. Every host and every test goes through
//! the same checks.
//!
//! [`wanted`]: ModelLoader::wanted

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{BertConfig, Pooling, parse_object};
use crate::embedder::Embedder;
use crate::encoder::onnx::external_files;
use crate::error::{Error, ErrorCode, Result, fail};

use super::foreign::{ONNX_CANDIDATES, choose_onnx, is_onnx};
use super::manifest::{self, Manifest, is_plain_path};
use super::side_files::SIDE_FILES;
use super::sniff;

/// What a caller may choose. `None` leaves it to the model's own files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Where texts are cut, in tokens with `[CLS]` and `[SEP]`. CoROM: 128.
    pub max_length: Option<usize>,
    /// How hidden rows become a vector.
    pub pooling: Option<Pooling>,
    /// Whether vectors are L2-normalised.
    pub normalize: Option<bool>,
    /// Leaves out the manifest's self-test.
    pub skip_self_test: bool,
    /// The ONNX file to load, a path in the folder. Any but `model.onnx` turns the
    /// manifest off, which is about that one.
    pub model: Option<String>,
}

/// The ONNX file of a folder of ours, and the first place to look in others.
const ONNX_FILE_NAME: &str = "model.onnx";

/// A file that the loader wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Path in the folder.
    pub path: String,
    /// Its size in bytes, where that is known.
    pub size: Option<u64>,
    /// Whether loading fails without it.
    pub required: bool,
}

/// Gathers a model's files.
#[derive(Debug)]
pub struct ModelLoader {
    pub(super) options: LoadOptions,
    pub(super) manifest: Option<Manifest>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Path of the ONNX file, once it is known.
    pub(super) onnx: Option<String>,
    listing: Option<BTreeSet<String>>,
    wanted: Vec<Wanted>,
    missing: BTreeSet<String>,
    /// An optional file that turned out to be a web page: worth a word later.
    page: Option<String>,
}

impl ModelLoader {
    /// A loader that knows nothing of the folder yet.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when `options.model` is no `.onnx` path inside the folder.
    pub fn new(options: LoadOptions) -> Result<Self> {
        if let Some(model) = &options.model
            && !(is_plain_path(model) && is_onnx(model))
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
            wanted: Vec::new(),
            missing: BTreeSet::new(),
            page: None,
            options,
        };
        match loader.options.model.as_deref() {
            None | Some(ONNX_FILE_NAME) => loader.want(manifest::FILE_NAME, None, false),
            Some(_) => loader.want_foreign()?,
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
            self.wanted.iter().filter(|w| !listing.contains(&w.path)).map(|w| w.path.clone()).collect();
        self.listing = Some(listing);
        absent.iter().try_for_each(|path| self.missing(path))
    }

    /// The files to fetch next, in any order or at once. Empty when the model can be built.
    pub fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    /// Takes a file that was wanted, and checks it.
    ///
    /// # Errors
    /// `NOT_A_MODEL` for a web page, `INTEGRITY_MISMATCH` for another size or
    /// hash than the manifest's, and what the file's reader finds. The loader
    /// is of no more use then.
    pub fn supply(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        let Some(at) = self.wanted.iter().position(|w| w.path == path) else {
            fail!(InvalidArgument, "{path} was not asked for");
        };
        if !self.wanted[at].required && sniff::is_page(&bytes) {
            // Servers of single-page apps answer everything with their page.
            self.page.get_or_insert_with(|| path.to_owned());
            return self.missing(path);
        }
        sniff::check(path, &bytes)?;
        if let Some(entry) = self.manifest.as_ref().and_then(|m| m.file(path)) {
            entry.verify(&bytes)?;
        }
        self.wanted.remove(at);
        if path == manifest::FILE_NAME {
            let manifest = Manifest::from_json(&bytes)?;
            self.want_manifest(&manifest);
            self.manifest = Some(manifest);
            return Ok(());
        }
        match path {
            // Read early, so that a wrong folder is known before its weights are fetched.
            "config.json" => {
                BertConfig::from_json(&bytes)?;
            }
            "tokenizer.json" => {
                parse_object(&bytes, path).map_err(|e| {
                    Error::with_source(ErrorCode::InvalidTokenizer, e.message().to_owned(), e)
                })?;
            }
            _ if is_onnx(path) => {
                self.onnx = Some(path.to_owned());
                self.want_external(path, &bytes)?;
            }
            _ => {}
        }
        self.files.insert(path.to_owned(), bytes);
        Ok(())
    }

    /// Says that a file that was wanted does not exist.
    ///
    /// # Errors
    /// `MISSING_FILE` when the model cannot do without it; `NOT_A_MODEL` when
    /// the server answered with a web page before.
    pub fn missing(&mut self, path: &str) -> Result<()> {
        let Some(at) = self.wanted.iter().position(|w| w.path == path) else {
            fail!(InvalidArgument, "{path} was not asked for");
        };
        let file = self.wanted.remove(at);
        self.missing.insert(path.to_owned());
        if file.required {
            return Err(self.lacks(path));
        }
        if path == manifest::FILE_NAME {
            self.want_foreign()?;
        } else if is_onnx(path) {
            self.want_next_onnx()?;
        }
        Ok(())
    }

    /// Builds the embedder and runs the manifest's self-test.
    ///
    /// # Errors
    /// Whatever is wrong with the tokenizer or the graph, `SELF_TEST_FAILED`
    /// when the vectors are not the converter's.
    pub fn build(self) -> Result<Embedder> {
        if let Some(file) = self.wanted.first() {
            fail!(InvalidArgument, "{} is still wanted", file.path);
        }
        super::build::build(self)
    }

    fn lacks(&self, path: &str) -> Error {
        match &self.page {
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

    fn want(&mut self, path: &str, size: Option<u64>, required: bool) {
        if !self.wanted.iter().any(|w| w.path == path) && !self.files.contains_key(path) {
            self.wanted.push(Wanted { path: path.to_owned(), size, required });
        }
    }

    fn exists(&self, path: &str) -> bool {
        self.listing.as_ref().is_none_or(|listing| listing.contains(path))
    }

    /// Everything that the manifest lists and loading reads, all at once.
    fn want_manifest(&mut self, manifest: &Manifest) {
        for file in &manifest.files {
            if matches!(file.path.as_str(), "config.json" | "tokenizer.json")
                || file.path.starts_with("model.onnx")
            {
                self.want(&file.path, Some(file.size), true);
            }
        }
    }

    fn want_foreign(&mut self) -> Result<()> {
        for path in ["config.json", "tokenizer.json"] {
            self.want(path, None, true);
        }
        for path in SIDE_FILES {
            if self.exists(path) {
                self.want(path, None, false);
            }
        }
        match (&self.options.model, &self.listing) {
            (Some(model), _) => self.want(&model.clone(), None, true),
            // The lack of these two comes up by itself, and says more.
            (None, Some(listing))
                if !["config.json", "tokenizer.json"].iter().all(|f| listing.contains(*f)) => {}
            (None, Some(listing)) => {
                let path = choose_onnx(listing.iter().map(String::as_str))?;
                self.want(&path, None, true);
            }
            (None, None) => self.want(ONNX_FILE_NAME, None, false),
        }
        Ok(())
    }

    /// Tries the next usual place of the ONNX file, one request at a time.
    fn want_next_onnx(&mut self) -> Result<()> {
        match ONNX_CANDIDATES.iter().find(|c| !self.missing.contains(**c)) {
            Some(next) => self.want(next, None, false),
            None => return Err(self.lacks("an ONNX file (model.onnx, onnx/model.onnx …)")),
        }
        Ok(())
    }

    fn want_external(&mut self, onnx_path: &str, onnx: &[u8]) -> Result<()> {
        let folder = onnx_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for file in external_files(onnx)? {
            let path = join(folder, &file.path);
            if let Some(manifest) = &self.manifest
                && manifest.file(&path).is_none()
            {
                fail!(MissingFile, "{onnx_path} keeps weights in {path}, which corom.json does not list");
            }
            if path == onnx_path || self.missing.contains(&path) {
                fail!(InvalidModel, "{onnx_path} says that its weights are in {path}, which they cannot be");
            }
            self.want(&path, None, true);
        }
        Ok(())
    }
}

/// Joins a folder's path, empty for the root, and a name.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
