//! A file on its way: what is fed of it is checked and hashed at once, so that nothing is held up to
//! its end that could be refused before.

use sha2::{Digest, Sha256};

use crate::error::{Result, fail};

use super::file_buffer::FileBuffer;
use super::manifest::{FileEntry, hex};
use super::sniff;

/// Who computes the SHA-256 that is compared with the manifest's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashedBy {
    /// This module, as the bytes pass.
    Loader,
    /// The host, which says in the end what it is: most have a processor's instructions for it, which wasm lacks.
    Host,
}

#[derive(Debug)]
pub(super) struct FileReceiver {
    /// What the manifest says of it, and the hash so far where it is computed here.
    expected: Option<(FileEntry, Option<Sha256>)>,
    /// Its first bytes, by which a web page is known.
    head: Vec<u8>,
    fed: u64,
    /// Where its bytes are kept, unless they are passed on.
    sink: Option<FileBuffer>,
}

impl FileReceiver {
    /// `hint`: the size that a server says, where no manifest knows better.
    pub(super) fn begin(
        expected: Option<&FileEntry>,
        hint: Option<u64>,
        hashed_by: HashedBy,
    ) -> Result<Self> {
        let sink = match expected {
            Some(entry) => FileBuffer::with_size(entry.size)?,
            None => FileBuffer::with_hint(hint),
        };
        Ok(Self { expected: expectation(expected, hashed_by), head: Vec::new(), fed: 0, sink: Some(sink) })
    }

    /// A file whose bytes go elsewhere: it is only checked.
    pub(super) fn unbuffered(expected: Option<&FileEntry>, hashed_by: HashedBy) -> Self {
        Self { expected: expectation(expected, hashed_by), head: Vec::new(), fed: 0, sink: None }
    }

    /// Bytes so far.
    pub(super) fn fed(&self) -> u64 {
        self.fed
    }

    /// Whether it is a web page, as far as its head shows already.
    pub(super) fn is_page(&self) -> bool {
        sniff::is_page(&self.head)
    }

    pub(super) fn feed(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        if self.head.len() < sniff::HEAD_BYTES {
            let more = bytes.len().min(sniff::HEAD_BYTES - self.head.len());
            self.head.extend_from_slice(&bytes[..more]);
            sniff::check(path, &self.head)?;
        }
        if let Some((entry, hash)) = &mut self.expected {
            let length = self.fed.saturating_add(bytes.len() as u64);
            if length > entry.size {
                fail!(
                    IntegrityMismatch,
                    "{path} has more than the {} bytes that the manifest says: it is of another version",
                    entry.size
                );
            }
            if let Some(hash) = hash {
                hash.update(bytes);
            }
        }
        if let Some(sink) = &mut self.sink {
            sink.write(self.fed, bytes)?;
        }
        self.fed += bytes.len() as u64;
        Ok(())
    }

    /// The whole file, which is what the manifest says; empty where it was passed on. `host_sha256` is the hash of a host
    /// that computes it.
    pub(super) fn end(self, path: &str, host_sha256: Option<&str>) -> Result<Vec<u8>> {
        if self.fed == 0 {
            fail!(NotAModel, "{path} is empty");
        }
        if let Some((entry, hash)) = self.expected {
            entry.verify_size(self.fed)?;
            match (hash, host_sha256) {
                (Some(hash), _) => entry.verify_hash(&hex(&hash.finalize()))?,
                (None, Some(host_sha256)) => entry.verify_host_hash(host_sha256)?,
                (None, None) => {
                    fail!(InvalidArgument, "{path} was begun for its host to hash: end it with the hash")
                }
            }
        }
        Ok(self.sink.map_or_else(Vec::new, FileBuffer::finish))
    }
}

fn expectation(entry: Option<&FileEntry>, hashed_by: HashedBy) -> Option<(FileEntry, Option<Sha256>)> {
    entry.map(|entry| (entry.clone(), (hashed_by == HashedBy::Loader).then(Sha256::new)))
}
