//! Receives one file: checks and hashes its bytes as they arrive, so that a wrong file is rejected as
//! early as possible.

use sha2::{Digest, Sha256};

use crate::encoder::onnx::{OnnxFile, OnnxReader};
use crate::error::{ErrorCode, Result, fail};
use crate::sniff;

use super::file_buffer::FileBuffer;
use super::manifest::{FileEntry, hex};

/// The largest configuration file without a size in a manifest. Real ones have some KB.
const MAX_CONFIG_BYTES: u64 = 8 << 20;
/// The largest tokenizer file without a size in a manifest. One with 250,002 tokens has 17 MB.
const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// The largest weight file of a module after the pooling, without a size in a manifest. Real ones have some MB.
const MAX_MODULE_BYTES: u64 = 256 << 20;

/// The side that computes the SHA-256 that is compared with the manifest's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashedBy {
    /// The loader, as the bytes arrive.
    Loader,
    /// The host, which passes the hash at the end. Most hosts use instructions of the processor that
    /// WebAssembly lacks.
    Host,
}

/// A file that is arriving.
#[derive(Debug)]
pub(super) struct FileReceiver {
    expected: Option<ExpectedFile>,
    /// The most bytes that the file may have, if no manifest states its size.
    limit: u64,
    /// The first bytes, which show whether the file is a web page.
    head: Vec<u8>,
    fed: u64,
    content: Content,
}

/// The use of the bytes.
#[derive(Debug)]
enum Content {
    /// They are kept.
    Kept(FileBuffer),
    /// They are read as an ONNX file. An error is kept until the end if a hash tells whether the file is
    /// damaged.
    Onnx(Result<Box<OnnxReader>>),
    /// The caller passes them on.
    PassedOn,
}

/// The content of a file that was received.
#[derive(Debug)]
pub(super) enum Received {
    /// The bytes.
    Bytes(Vec<u8>),
    /// An ONNX file.
    Onnx(Box<OnnxFile>),
    /// Nothing: the caller passed the bytes on.
    PassedOn,
}

/// The manifest's entry of a file.
#[derive(Debug)]
struct ExpectedFile {
    entry: FileEntry,
    /// The hash of the bytes so far, if the loader computes it.
    hash: Option<Sha256>,
}

impl FileReceiver {
    /// Makes a receiver that keeps the bytes of the file `path`. `size_hint` is the size that the server
    /// states; it is used if there is no manifest.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY` if memory for the size in the manifest cannot be reserved.
    pub(super) fn buffered(
        path: &str,
        entry: Option<&FileEntry>,
        size_hint: Option<u64>,
        hashed_by: HashedBy,
    ) -> Result<Self> {
        let limit = if entry.is_some() { u64::MAX } else { max_bytes(path) };
        let buffer = match entry {
            Some(entry) => FileBuffer::with_size(entry.size)?,
            None => FileBuffer::with_hint(size_hint.filter(|size| *size <= limit)),
        };
        Ok(Self { content: Content::Kept(buffer), limit, ..Self::unbuffered(entry, hashed_by) })
    }

    /// Makes a receiver that reads an ONNX file.
    pub(super) fn onnx(entry: Option<&FileEntry>, hashed_by: HashedBy, reader: OnnxReader) -> Self {
        Self { content: Content::Onnx(Ok(Box::new(reader))), ..Self::unbuffered(entry, hashed_by) }
    }

    /// Makes a receiver that checks the bytes and does not keep them.
    pub(super) fn unbuffered(entry: Option<&FileEntry>, hashed_by: HashedBy) -> Self {
        let hash = (hashed_by == HashedBy::Loader).then(Sha256::new);
        let expected = entry.map(|entry| ExpectedFile { entry: entry.clone(), hash });
        Self { expected, limit: u64::MAX, head: Vec::new(), fed: 0, content: Content::PassedOn }
    }

    /// Returns the number of bytes so far.
    pub(super) fn fed(&self) -> u64 {
        self.fed
    }

    /// Returns true if the bytes so far are the beginning of a web page.
    pub(super) fn is_page(&self) -> bool {
        sniff::is_page(&self.head)
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `NOT_A_MODEL` for a web page, a git-lfs pointer, or a configuration or tokenizer file of more bytes
    /// than any real one, `INTEGRITY_MISMATCH` for more bytes than the manifest says, `OUT_OF_MEMORY`.
    pub(super) fn feed(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        if self.head.len() < sniff::HEAD_BYTES {
            let count = bytes.len().min(sniff::HEAD_BYTES - self.head.len());
            self.head.extend_from_slice(&bytes[..count]);
            sniff::check(path, &self.head)?;
        }
        if self.fed.saturating_add(bytes.len() as u64) > self.limit {
            fail!(
                NotAModel,
                "{path} has more than {} MiB; expected at most that: this is another file, so check the address",
                self.limit >> 20
            );
        }
        if let Some(ExpectedFile { entry, hash }) = &mut self.expected {
            if self.fed.saturating_add(bytes.len() as u64) > entry.size {
                fail!(
                    IntegrityMismatch,
                    "{path} has more than the {} bytes that corom.json says: the file is of another version",
                    entry.size
                );
            }
            if let Some(hash) = hash {
                hash.update(bytes);
            }
        }
        match &mut self.content {
            Content::Kept(buffer) => buffer.write(self.fed, bytes)?,
            Content::Onnx(reader) => {
                if let Ok(open) = reader
                    && let Err(error) = open.write(bytes)
                {
                    if self.expected.is_none() || error.code() == ErrorCode::OutOfMemory {
                        return Err(error);
                    }
                    *reader = Err(error);
                }
            }
            Content::PassedOn => {}
        }
        self.fed += bytes.len() as u64;
        Ok(())
    }

    /// Ends the file and returns its content. `host_sha256` is the hash that the host computed.
    ///
    /// # Errors
    /// `NOT_A_MODEL` for an empty file, `INTEGRITY_MISMATCH` if the size or the hash is not the
    /// manifest's, `INVALID_ARGUMENT` if the host was to hash the file and did not, and for an ONNX file the
    /// errors of [`OnnxReader`].
    pub(super) fn end(self, path: &str, host_sha256: Option<&str>) -> Result<Received> {
        if self.fed == 0 {
            fail!(NotAModel, "{path} is empty");
        }
        if let Some(ExpectedFile { entry, hash }) = self.expected {
            entry.verify_size(self.fed)?;
            match (hash, host_sha256) {
                (Some(hash), _) => entry.verify_hash(&hex(&hash.finalize()))?,
                (None, Some(host_sha256)) => entry.verify_host_hash(host_sha256)?,
                (None, None) => {
                    fail!(InvalidArgument, "{path} began with begin_hashed: end it with end_hashed")
                }
            }
        }
        Ok(match self.content {
            Content::Kept(buffer) => Received::Bytes(buffer.finish()),
            Content::Onnx(reader) => Received::Onnx(Box::new(reader?.finish()?)),
            Content::PassedOn => Received::PassedOn,
        })
    }
}

/// Returns the most bytes that a file may have if no manifest states its size. A server may send text
/// without end, and the text would fill the memory before a parser sees it.
fn max_bytes(path: &str) -> u64 {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit('.').next() {
        _ if name == "tokenizer.json" => MAX_TOKENIZER_BYTES,
        Some("txt") => MAX_TOKENIZER_BYTES,
        Some("json") => MAX_CONFIG_BYTES,
        Some("safetensors" | "bin") => MAX_MODULE_BYTES,
        _ => u64::MAX,
    }
}
