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

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::config::{Pooling, parse_object};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::relative_path::is_relative_path;
use crate::self_test::SelfTest;

/// The manifest's file name.
pub const FILE_NAME: &str = "corom.json";
/// The value of `format`.
pub const FORMAT: &str = "corom-model";
/// The newest `format_version` that this release reads, and the one it writes.
pub const FORMAT_VERSION: u32 = 1;
/// The largest weight shard, bytes: static hosts limit one file to 25 MiB.
pub const MAX_SHARD_BYTES: usize = 24 << 20;

/// Bytes of a piece that has a hash of its own: a few milliseconds of a download, and small enough for a browser
/// to copy at the speed of its cache.
pub const PIECE_BYTES: usize = 512 << 10;

/// The manifest of a model folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`FORMAT`].
    pub format: String,
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The release that wrote the folder, `corom 0.1.0`.
    #[serde(default)]
    pub created_by: String,
    /// How hidden rows become a vector, unless the caller says otherwise.
    pub pooling: Pooling,
    /// Whether vectors are L2-normalised, unless the caller says otherwise.
    #[serde(default)]
    pub normalize: bool,
    /// Where texts are cut, in tokens with `[CLS]` and `[SEP]`, unless the caller says otherwise.
    pub max_length: usize,
    /// The number type of most of the weights: `f32`, `int8` or `int4`.
    pub dtype: String,
    /// Width of a vector.
    pub hidden_size: usize,
    /// Every file of the folder but this one.
    pub files: Vec<FileEntry>,
    /// Texts with the vectors that they must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_test: Option<SelfTest>,
}

/// One file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path relative to the manifest, `/` between parts, no `..`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
    /// The same of each piece of [`PIECE_BYTES`], for hosts that hash nothing bit by bit. Empty for a file of one
    /// piece, and where a manifest does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<String>,
}

impl Manifest {
    /// Reads and checks a `corom.json`.
    ///
    /// # Errors
    /// `INVALID_CONFIG` when it is no manifest or contradicts itself,
    /// `UNSUPPORTED_FORMAT` when it is of a newer format version.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let value = parse_object(bytes, FILE_NAME)?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            fail!(
                InvalidConfig,
                "{FILE_NAME} does not say \"format\": \"{FORMAT}\"; it is not a model manifest"
            );
        }
        // Looked at before anything else: a newer format may have other fields.
        match value.get("format_version").and_then(Value::as_u64) {
            Some(v) if v > u64::from(FORMAT_VERSION) => fail!(
                UnsupportedFormat,
                "{FILE_NAME} is of format version {v}; this release reads up to {FORMAT_VERSION}: update corom"
            ),
            Some(1..) => {}
            _ => fail!(InvalidConfig, "{FILE_NAME} has no valid format_version"),
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

    /// Writes the manifest as JSON.
    ///
    /// # Errors
    /// `INVALID_CONFIG` when it contradicts itself.
    pub fn to_json(&self) -> Result<String> {
        self.check()?;
        serde_json::to_string_pretty(self)
            .map_err(|e| Error::with_source(ErrorCode::Internal, "the manifest cannot be written", e))
    }

    /// The entry of a file.
    pub fn file(&self, path: &str) -> Option<&FileEntry> {
        self.files.iter().find(|f| f.path == path)
    }

    fn check(&self) -> Result<()> {
        if self.max_length < 2 {
            fail!(InvalidConfig, "{FILE_NAME}: max_length {} is too short", self.max_length);
        }
        let mut paths = std::collections::BTreeSet::new();
        for file in &self.files {
            if !is_relative_path(&file.path) {
                fail!(InvalidConfig, "{FILE_NAME}: `{}` is not a path inside the folder", file.path);
            }
            if !paths.insert(&file.path) {
                fail!(InvalidConfig, "{FILE_NAME}: `{}` is listed twice", file.path);
            }
            if !is_sha256(&file.sha256) {
                fail!(InvalidConfig, "{FILE_NAME}: `{}` has no valid sha256", file.path);
            }
            let count = file.size.div_ceil(PIECE_BYTES as u64);
            let fits = file.pieces.len() as u64 == count && file.pieces.iter().all(|hash| is_sha256(hash));
            if !file.pieces.is_empty() && !fits {
                fail!(InvalidConfig, "{FILE_NAME}: `{}` has no valid hash for each of its pieces", file.path);
            }
        }
        for needed in ["config.json", "tokenizer.json", "model.onnx"] {
            if !paths.iter().any(|p| *p == needed) {
                fail!(InvalidConfig, "{FILE_NAME}: `{needed}` is not among the files");
            }
        }
        if let Some(test) = &self.self_test
            && (test.texts.len() != test.vectors.len()
                || test
                    .vectors
                    .iter()
                    .any(|v| v.len() != self.hidden_size || v.iter().any(|x| !x.is_finite())))
        {
            fail!(
                InvalidConfig,
                "{FILE_NAME}: self_test does not hold a vector of {} for each text",
                self.hidden_size
            );
        }
        Ok(())
    }
}

impl FileEntry {
    /// The entry of a file with these contents.
    pub fn of(path: impl Into<String>, bytes: &[u8]) -> Self {
        let pieces = match bytes.len() {
            0..=PIECE_BYTES => Vec::new(),
            _ => bytes.chunks(PIECE_BYTES).map(sha256_hex).collect(),
        };
        Self { path: path.into(), size: bytes.len() as u64, sha256: sha256_hex(bytes), pieces }
    }

    /// Checks a file's contents against its entry.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` with what differs.
    pub fn verify(&self, bytes: &[u8]) -> Result<()> {
        self.verify_size(bytes.len() as u64)?;
        self.verify_hash(&sha256_hex(bytes))
    }

    /// Checks the size alone.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH`.
    pub fn verify_size(&self, size: u64) -> Result<()> {
        if size != self.size {
            fail!(
                IntegrityMismatch,
                "{} has {size} bytes where the manifest says {}: the download was cut or the file is of another version",
                self.path,
                self.size
            );
        }
        Ok(())
    }

    /// Checks the SHA-256 alone, in lower-case hex.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH`.
    pub fn verify_hash(&self, actual: &str) -> Result<()> {
        if actual != self.sha256 {
            fail!(
                IntegrityMismatch,
                "{} has SHA-256 {actual} where the manifest says {}: the file is damaged or of another version",
                self.path,
                self.sha256
            );
        }
        Ok(())
    }

    /// Checks what a host has hashed: the whole, or every piece, one hash after the other.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH`.
    pub fn verify_host_hash(&self, host_sha256: &str) -> Result<()> {
        if self.pieces.is_empty() || host_sha256.len() == self.sha256.len() {
            return self.verify_hash(host_sha256);
        }
        let host_sha256 = host_sha256.as_bytes().chunks(self.sha256.len());
        if !host_sha256.eq(self.pieces.iter().map(String::as_bytes)) {
            fail!(
                IntegrityMismatch,
                "{} has pieces of another SHA-256 than the manifest says: the file is damaged or of another version",
                self.path
            );
        }
        Ok(())
    }
}

fn is_sha256(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// SHA-256 in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
