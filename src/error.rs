//! The error type of the crate, with a stable code per kind.
//!
//! Codes are part of the public interface: JavaScript programs switch on them, so a code is never renamed.
//! Messages may change. `docs/reference/errors.md` has cause and fix of each code.
//!
//! ```
//! use corom::error::ErrorCode;
//! use corom::similarity::Metric;
//!
//! let error = Metric::parse("euclid").unwrap_err();
//! assert_eq!(error.code(), ErrorCode::InvalidArgument);
//! assert_eq!(error.code().as_str(), "INVALID_ARGUMENT");
//! println!("{}: {error}", error.code());
//! ```

use std::fmt;

/// A result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A kind of error. JavaScript sees [`ErrorCode::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The caller passed something of the wrong type, shape or range.
    InvalidArgument,
    /// The call was aborted through its `AbortSignal`.
    Aborted,
    /// The instance was used after `free()`.
    Freed,
    /// A file could not be fetched or read: network, HTTP status, file system.
    FetchFailed,
    /// A file that the model needs does not exist.
    MissingFile,
    /// A file is not a model file at all: an HTML page or a git-lfs pointer, for instance.
    NotAModel,
    /// A file's size or SHA-256 differs from the manifest's.
    IntegrityMismatch,
    /// The manifest has a format version that this release does not know.
    UnsupportedFormat,
    /// A configuration file cannot be read or contradicts itself.
    InvalidConfig,
    /// `tokenizer.json` or `vocab.txt` cannot be read.
    InvalidTokenizer,
    /// The tokenizer and the model have different vocabularies.
    TokenizerMismatch,
    /// The ONNX file is truncated, damaged or contradicts itself.
    InvalidModel,
    /// The model is valid but is not a BERT encoder that this crate runs.
    UnsupportedModel,
    /// The graph has an operator that is not supported; the message names it.
    UnsupportedOperator,
    /// The graph is not recognized as a BERT, and this build of the crate has no back end for other graphs
    /// (feature `unfused`); or the tokenizer has rules that this build does not have (feature `regex`).
    NeedsUnfused,
    /// The requested pooling needs hidden states that the graph does not output.
    UnsupportedPooling,
    /// Nothing says how the hidden states of a text become one vector: no option, no file, not the graph.
    PoolingUnknown,
    /// A token id lies outside the model's vocabulary.
    TokenIdOutOfRange,
    /// A checkpoint cannot be converted: a key is missing or has another shape.
    InvalidCheckpoint,
    /// The vectors of the self-test differ from the converter's.
    SelfTestFailed,
    /// A catalog is damaged or contradicts itself.
    InvalidCatalog,
    /// The vectors of a catalog and of a query come from different models.
    ModelMismatch,
    /// There was not enough memory.
    OutOfMemory,
    /// The host cannot run the package: it has no WebAssembly or no SIMD, or its policy forbids WebAssembly.
    UnsupportedHost,
    /// The GPU is missing, has failed or computed wrong results, and the CPU could not take over.
    GpuFailed,
    /// A fault of this crate. Please report it.
    Internal,
}

impl ErrorCode {
    /// Every code, in declaration order.
    pub const ALL: &'static [ErrorCode] = &[
        Self::InvalidArgument,
        Self::Aborted,
        Self::Freed,
        Self::FetchFailed,
        Self::MissingFile,
        Self::NotAModel,
        Self::IntegrityMismatch,
        Self::UnsupportedFormat,
        Self::InvalidConfig,
        Self::InvalidTokenizer,
        Self::TokenizerMismatch,
        Self::InvalidModel,
        Self::UnsupportedModel,
        Self::UnsupportedOperator,
        Self::NeedsUnfused,
        Self::UnsupportedPooling,
        Self::PoolingUnknown,
        Self::TokenIdOutOfRange,
        Self::InvalidCheckpoint,
        Self::SelfTestFailed,
        Self::InvalidCatalog,
        Self::ModelMismatch,
        Self::OutOfMemory,
        Self::UnsupportedHost,
        Self::GpuFailed,
        Self::Internal,
    ];

    /// Returns the stable name: `CoromError.code` in JavaScript.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::Aborted => "ABORTED",
            Self::Freed => "FREED",
            Self::FetchFailed => "FETCH_FAILED",
            Self::MissingFile => "MISSING_FILE",
            Self::NotAModel => "NOT_A_MODEL",
            Self::IntegrityMismatch => "INTEGRITY_MISMATCH",
            Self::UnsupportedFormat => "UNSUPPORTED_FORMAT",
            Self::InvalidConfig => "INVALID_CONFIG",
            Self::InvalidTokenizer => "INVALID_TOKENIZER",
            Self::TokenizerMismatch => "TOKENIZER_MISMATCH",
            Self::InvalidModel => "INVALID_MODEL",
            Self::UnsupportedModel => "UNSUPPORTED_MODEL",
            Self::UnsupportedOperator => "UNSUPPORTED_OPERATOR",
            Self::NeedsUnfused => "NEEDS_UNFUSED",
            Self::UnsupportedPooling => "UNSUPPORTED_POOLING",
            Self::PoolingUnknown => "POOLING_UNKNOWN",
            Self::TokenIdOutOfRange => "TOKEN_ID_OUT_OF_RANGE",
            Self::InvalidCheckpoint => "INVALID_CHECKPOINT",
            Self::SelfTestFailed => "SELF_TEST_FAILED",
            Self::InvalidCatalog => "INVALID_CATALOG",
            Self::ModelMismatch => "MODEL_MISMATCH",
            Self::OutOfMemory => "OUT_OF_MEMORY",
            Self::UnsupportedHost => "UNSUPPORTED_HOST",
            Self::GpuFailed => "GPU_FAILED",
            Self::Internal => "INTERNAL",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error: a [`code`](Error::code), a message that says where, what was found and what is expected, and
/// the underlying error, if there is one. The [module](self) has an example.
#[derive(Debug)]
pub struct Error {
    code: ErrorCode,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

impl Error {
    /// Creates an error without an underlying error.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), source: None }
    }

    /// Creates an error with a formatted message. It is no part of the functions that fail, so a page downloads it once.
    #[cold]
    #[inline(never)]
    pub(crate) fn formatted(code: ErrorCode, message: fmt::Arguments<'_>) -> Self {
        Self { code, message: fmt::format(message), source: None }
    }

    /// Creates an error with the error that caused it.
    pub fn with_source(
        code: ErrorCode,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Self {
        Self { code, message: message.into(), source: Some(source.into()) }
    }

    /// Returns the kind of error.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Returns the message, without the underlying errors.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

/// Returns an error with this code and a formatted message from the enclosing function.
macro_rules! fail {
    ($code:ident, $($arg:tt)*) => {
        return Err($crate::error::Error::formatted($crate::error::ErrorCode::$code, format_args!($($arg)*)))
    };
}
pub(crate) use fail;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_upper_snake_case() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ErrorCode::ALL {
            let name = code.as_str();
            assert!(seen.insert(name), "{name} twice");
            assert!(name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{name}");
        }
    }
}
