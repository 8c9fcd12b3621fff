//! `corom.json`, the manifest of a converted model folder.
//!
//! ```json
//! {
//!   "format": "corom-model", "format_version": 1, "created_by": "corom 0.1.0",
//!   "pooling": "cls", "normalize": false, "max_length": 128,
//!   "dtype": "int8", "hidden_size": 768,
//!   "files": [{ "path": "model.onnx", "size": 123, "sha256": "…64 hex digits…", "pieces": [] }],
//!   "self_test": { "texts": ["…"], "vectors": [[0.1]] }
//! }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::config::{Pooling, PoolingChoice};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::json;
use crate::lineage::Lineage;
use crate::prompts::Prompts;
use crate::relative_path::is_relative_path;
use crate::self_test::SelfTest;
use crate::similarity::Metric;

use super::settings::HeadModule;
use super::task::Task;

/// The file name of the manifest.
pub const FILE_NAME: &str = "corom.json";
/// The ONNX file of a converted model folder, and the first usual path in the folders of other tools.
pub const ONNX_FILE_NAME: &str = "model.onnx";
/// The value of `format`.
pub const FORMAT: &str = "corom-model";
/// The newest `format_version` that this release reads.
///
/// Version 2 adds `head`, `dimension`, several poolings, the poolings other than those of version 1,
/// prompts, and a metric other than the inner product of version 1. A folder that uses none of them has
/// version 1, so that earlier releases load it.
/// Version 3 adds `task`: rerankers, whose pooling is `graph` and whose `dimension` is the number of labels.
pub const FORMAT_VERSION: u32 = 3;
/// The poolings of format version 1.
const VERSION_1_POOLINGS: [Pooling; 4] =
    [Pooling::Cls, Pooling::Mean, Pooling::AvgTop2, Pooling::AvgFirstLast];
/// The largest weight shard, in bytes. Static hosts limit a file to 25 MiB.
pub const MAX_SHARD_BYTES: usize = 24 << 20;

/// Bytes of a piece, which has a SHA-256 of its own. Browsers hash a file piece by piece, because WebCrypto
/// cannot hash incrementally. A piece this small fits into the processor's cache when it is copied.
pub const PIECE_BYTES: usize = 512 << 10;

/// The manifest of a model folder.
///
/// ```
/// use corom::model::Manifest;
///
/// let hash = "0".repeat(64);
/// let file = |path: &str| format!(r#"{{ "path": "{path}", "size": 5, "sha256": "{hash}" }}"#);
/// let files = ["config.json", "tokenizer.json", "model.onnx"].map(file).join(",");
/// let json = format!(
///     r#"{{ "format": "corom-model", "format_version": 1, "pooling": "cls", "max_length": 128,
///           "dtype": "int8", "hidden_size": 768, "files": [{files}] }}"#
/// );
/// let manifest = Manifest::from_json(json.as_bytes())?;
/// assert_eq!(manifest.file("model.onnx").unwrap().size, 5);
/// # Ok::<(), corom::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`FORMAT`].
    pub format: String,
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The task of the model.
    #[serde(default, skip_serializing_if = "is_embed")]
    pub task: Task,
    /// The release that wrote the folder, `corom 0.1.0`.
    #[serde(default)]
    pub created_by: String,
    /// The default pooling.
    pub pooling: PoolingChoice,
    /// The modules after the pooling, in the order in which they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub head: Vec<HeadModule>,
    /// True if vectors are L2-normalized by default.
    #[serde(default)]
    pub normalize: bool,
    /// The default maximum length of a text in tokens, `[CLS]` and `[SEP]` included.
    pub max_length: usize,
    /// The default metric. `None`, in folders of earlier releases: the inner product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// The text of each prompt by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prompts: BTreeMap<String, String>,
    /// The name of the default prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_prompt_name: Option<String>,
    /// True if the tokens of a prompt take part in the pooling. `None`: they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_prompt: Option<bool>,
    /// The number type of most weights: `f32`, `int8` or `int4`.
    pub dtype: String,
    /// Elements of a hidden state.
    pub hidden_size: usize,
    /// Elements of a vector, if they are not `hidden_size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<usize>,
    /// The id of the model and of its vectors. `None` in folders of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// The lineage of the model whose vectors this one returns, if it was distilled: a query encoder for its catalogs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distilled_from: Option<Lineage>,
    /// The tokens that the model has elsewhere, if tokens were removed. `config.json` has those that are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_vocab_size: Option<usize>,
    /// Every file of the folder except the manifest.
    pub files: Vec<FileEntry>,
    /// Texts with the vectors that a load must reproduce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_test: Option<SelfTest>,
}

/// One file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path relative to the manifest, with `/` between parts and without `..`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
    /// SHA-256 of each piece of [`PIECE_BYTES`], for hosts that cannot hash incrementally. Empty for a file of
    /// one piece, and in older manifests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<String>,
}

impl Manifest {
    /// Parses and checks a `corom.json`.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if it is not a manifest or contradicts itself, `UNSUPPORTED_FORMAT` if its format
    /// version is newer than [`FORMAT_VERSION`].
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let value = json::object(bytes, FILE_NAME, ErrorCode::InvalidConfig)?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            fail!(InvalidConfig, "{FILE_NAME} is not a model manifest: it has no \"format\": \"{FORMAT}\"");
        }
        // Checked before the other fields, which a newer format may have changed.
        match value.get("format_version").and_then(Value::as_u64) {
            Some(v) if v > u64::from(FORMAT_VERSION) => fail!(
                UnsupportedFormat,
                "{FILE_NAME}: format_version is {v}; this release reads versions 1 to {FORMAT_VERSION}: update corom"
            ),
            Some(1..) => {}
            _ => fail!(
                InvalidConfig,
                "{FILE_NAME}: format_version is missing or invalid; expected {FORMAT_VERSION}"
            ),
        }
        let manifest: Self = serde_json::from_value(value).map_err(|e| {
            Error::with_source(
                ErrorCode::InvalidConfig,
                format!("{FILE_NAME} is not a valid manifest: {e}"),
                e,
            )
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Returns the manifest as JSON.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if it contradicts itself.
    pub fn to_json(&self) -> Result<String> {
        self.check()?;
        serde_json::to_string_pretty(self)
            .map_err(|e| Error::with_source(ErrorCode::Internal, "the manifest cannot be serialized", e))
    }

    /// Returns the lowest format version that has every field this manifest uses.
    pub fn lowest_format_version(&self) -> u32 {
        if self.task == Task::Rerank {
            return 3;
        }
        let is_version_1 = self.head.is_empty()
            && self.dimension.is_none()
            && self.prompts.values().all(String::is_empty)
            // The inner product of vectors of length 1 is their cosine.
            && (self.metric() == Metric::Dot || (self.metric() == Metric::Cosine && self.normalize))
            && VERSION_1_POOLINGS.iter().any(|pooling| self.pooling == *pooling);
        if is_version_1 { 1 } else { 2 }
    }

    /// Returns the elements of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension.unwrap_or(self.hidden_size)
    }

    /// Returns how vectors are compared by default.
    pub fn metric(&self) -> Metric {
        self.metric.unwrap_or(Metric::Dot)
    }

    /// Returns the prompts.
    pub fn prompts(&self) -> Prompts {
        Prompts {
            by_name: self.prompts.clone(),
            default_name: self.default_prompt_name.clone(),
            include_prompt: self.include_prompt.unwrap_or(true),
        }
    }

    /// Returns the entry of a file.
    pub fn file(&self, path: &str) -> Option<&FileEntry> {
        self.files.iter().find(|f| f.path == path)
    }

    /// Returns the paths of the files that every load needs, without the weight files of the ONNX file.
    pub(super) fn needed_files(&self) -> impl Iterator<Item = &str> {
        let head = self.head.iter().filter_map(HeadModule::weights);
        ["config.json", "tokenizer.json", ONNX_FILE_NAME].into_iter().chain(head)
    }

    /// Returns the bytes of the files that loading requests. `weight_files` are those of the ONNX file.
    pub(super) fn loaded_bytes(&self, weight_files: &BTreeSet<String>) -> u64 {
        let is_read = |path: &str| {
            matches!(path, "config.json" | "tokenizer.json")
                || path.starts_with(ONNX_FILE_NAME)
                || self.head.iter().filter_map(HeadModule::weights).any(|weights| weights == path)
                || weight_files.contains(path)
        };
        let files = self.files.iter();
        files.filter(|file| is_read(&file.path)).fold(0, |sum, file| sum.saturating_add(file.size))
    }

    fn check(&self) -> Result<()> {
        if self.max_length < 2 {
            fail!(InvalidConfig, "{FILE_NAME}: max_length is {}; expected at least 2", self.max_length);
        }
        self.prompts().check(FILE_NAME)?;
        let mut paths = BTreeSet::new();
        for file in &self.files {
            if !is_relative_path(&file.path) {
                fail!(InvalidConfig, "{FILE_NAME}: `{}` is not a path inside the folder", file.path);
            }
            if !paths.insert(&file.path) {
                fail!(InvalidConfig, "{FILE_NAME}: `{}` is listed twice", file.path);
            }
            if !is_sha256(&file.sha256) {
                fail!(
                    InvalidConfig,
                    "{FILE_NAME}: the sha256 of `{}` is not 64 lower-case hex digits",
                    file.path
                );
            }
            let count = file.size.div_ceil(PIECE_BYTES as u64);
            let fits = file.pieces.len() as u64 == count && file.pieces.iter().all(|hash| is_sha256(hash));
            if !file.pieces.is_empty() && !fits {
                fail!(
                    InvalidConfig,
                    "{FILE_NAME}: the pieces of `{}` are not one SHA-256 per 512 KiB",
                    file.path
                );
            }
        }
        for required in ["config.json", "tokenizer.json", ONNX_FILE_NAME] {
            if !paths.iter().any(|p| *p == required) {
                fail!(InvalidConfig, "{FILE_NAME}: files does not list `{required}`");
            }
        }
        for weights in self.head.iter().filter_map(HeadModule::weights) {
            if !paths.iter().any(|p| *p == weights) {
                fail!(InvalidConfig, "{FILE_NAME}: head names `{weights}`, which files does not list");
            }
        }
        if self.lowest_format_version() > self.format_version {
            fail!(
                InvalidConfig,
                "{FILE_NAME}: format_version is {}, but the settings need {}",
                self.format_version,
                self.lowest_format_version()
            );
        }
        if self.task == Task::Rerank
            && (self.pooling != PoolingChoice::Graph
                || !self.head.is_empty()
                || !matches!(self.dimension, Some(1 | 2)))
        {
            fail!(
                InvalidConfig,
                "{FILE_NAME}: a reranker has the pooling `graph`, no head, and the dimension 1 or 2"
            );
        }
        self.self_test.as_ref().map_or(Ok(()), |test| test.check(self.dimension(), self.task == Task::Rerank))
    }
}

impl FileEntry {
    /// Makes the entry of a file with these bytes.
    pub fn of(path: impl Into<String>, bytes: &[u8]) -> Self {
        let pieces = match bytes.len() {
            0..=PIECE_BYTES => Vec::new(),
            _ => bytes.chunks(PIECE_BYTES).map(sha256_hex).collect(),
        };
        Self { path: path.into(), size: bytes.len() as u64, sha256: sha256_hex(bytes), pieces }
    }

    /// Checks the bytes of a file against its entry.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if the size or the SHA-256 differs.
    pub fn verify(&self, bytes: &[u8]) -> Result<()> {
        self.verify_size(bytes.len() as u64)?;
        self.verify_hash(&sha256_hex(bytes))
    }

    /// Checks the size.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH`.
    pub fn verify_size(&self, size: u64) -> Result<()> {
        if size != self.size {
            fail!(
                IntegrityMismatch,
                "{} has {size} bytes, but corom.json says {}: the download is truncated or the file is of another version",
                self.path,
                self.size
            );
        }
        Ok(())
    }

    /// Checks the SHA-256, in lower-case hex.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH`.
    pub fn verify_hash(&self, actual: &str) -> Result<()> {
        if actual != self.sha256 {
            fail!(
                IntegrityMismatch,
                "{} has the SHA-256 {actual}, but corom.json says {}: the file is damaged or of another version",
                self.path,
                self.sha256
            );
        }
        Ok(())
    }

    /// Checks a hash that the host computed: the SHA-256 of the whole file, or that of every piece, one after
    /// the other.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH`.
    pub fn verify_host_hash(&self, host_sha256: &str) -> Result<()> {
        if self.pieces.is_empty() || host_sha256.len() == self.sha256.len() {
            return self.verify_hash(host_sha256);
        }
        let pieces = host_sha256.as_bytes().chunks(self.sha256.len());
        if !pieces.eq(self.pieces.iter().map(String::as_bytes)) {
            fail!(
                IntegrityMismatch,
                "{} has pieces with another SHA-256 than corom.json says: the file is damaged or of another version",
                self.path
            );
        }
        Ok(())
    }
}

/// Returns true for the task that is not written: earlier releases know no other.
fn is_embed(task: &Task) -> bool {
    *task == Task::Embed
}

fn is_sha256(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the SHA-256 of `bytes` in lower-case hex.
///
/// ```
/// use corom::model::manifest::sha256_hex;
///
/// assert!(sha256_hex(b"abc").starts_with("ba7816bf"));
/// ```
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
