//! The weights that the reader left out, and the check that the file is the same when it is read again.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::error::{Result, fail};

/// Records, while a file is read, which bytes are left out, and hashes all others.
#[derive(Debug, Default)]
pub(in crate::encoder::onnx) struct Skipping {
    ranges: Vec<Range<u64>>,
    hash: Sha256,
}

impl Skipping {
    /// Takes bytes that are kept.
    pub(in crate::encoder::onnx) fn keep(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// Records a range that is left out.
    pub(in crate::encoder::onnx) fn skip(&mut self, range: Range<u64>) {
        self.ranges.push(range);
    }

    /// Returns what was left out of a file of `size` bytes, or `None` if everything was kept.
    pub(in crate::encoder::onnx) fn finish(self, size: u64) -> Option<SkippedWeights> {
        let Self { ranges, hash } = self;
        (!ranges.is_empty()).then(|| SkippedWeights { ranges, size, kept_sha256: hash.finalize().into() })
    }
}

/// The parts of a file that were left out, and the hash of all others.
#[derive(Debug, Clone)]
pub(crate) struct SkippedWeights {
    /// In the order of the file.
    ranges: Vec<Range<u64>>,
    /// The size of the file in bytes.
    pub(crate) size: u64,
    kept_sha256: [u8; 32],
}

/// Compares a file with its first reading. What was kept then must be the same; then all weights that were left
/// out belong to it.
#[derive(Debug, Default)]
pub(crate) struct SecondReading {
    position: u64,
    /// The first range that does not lie before `position`.
    next: usize,
    hash: Sha256,
}

impl SecondReading {
    /// Takes the next bytes.
    pub(crate) fn write(&mut self, first: &SkippedWeights, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let next = first.ranges.get(self.next);
            let (is_skipped, end) = match next {
                Some(range) if self.position >= range.start => (true, range.end),
                Some(range) => (false, range.start),
                None => (false, u64::MAX),
            };
            let left = usize::try_from(end - self.position).unwrap_or(usize::MAX);
            let (part, rest) = bytes.split_at(bytes.len().min(left));
            if !is_skipped {
                self.hash.update(part);
            }
            self.position += part.len() as u64;
            self.next += usize::from(is_skipped && self.position == end);
            bytes = rest;
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if it is not the file that was read before.
    pub(crate) fn finish(self, first: &SkippedWeights) -> Result<()> {
        let sha256: [u8; 32] = self.hash.finalize().into();
        if self.position != first.size || sha256 != first.kept_sha256 {
            fail!(
                IntegrityMismatch,
                "the ONNX file changed while the model was loaded: it was read twice, and the bytes differ; load \
                 the model again"
            );
        }
        Ok(())
    }
}
