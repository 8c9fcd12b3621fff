//! Holds the bytes of a file as they arrive.

use std::collections::TryReserveError;

use crate::error::{Error, ErrorCode, Result};

/// The largest size that is reserved because a server states it.
const MAX_HINT_BYTES: u64 = 1 << 30;

/// The bytes of a file, in order. Memory for the whole file is reserved at the start, so that no byte
/// is moved later.
#[derive(Debug, Default)]
pub(super) struct FileBuffer {
    bytes: Vec<u8>,
}

impl FileBuffer {
    /// Makes a buffer for a file of `size` bytes.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY` if the memory cannot be reserved.
    pub(super) fn with_size(size: u64) -> Result<Self> {
        let mut buffer = Self::default();
        buffer.reserve(size, Vec::try_reserve_exact)?;
        Ok(buffer)
    }

    /// Makes a buffer for a file whose size a server states. A size that is too large is ignored: the
    /// server may be wrong.
    pub(super) fn with_hint(size: Option<u64>) -> Self {
        let mut buffer = Self::default();
        if let Some(size) = size.filter(|size| *size <= MAX_HINT_BYTES) {
            let _ = buffer.reserve(size, Vec::try_reserve_exact);
        }
        buffer
    }

    /// Appends bytes. `offset` is the number of bytes before them.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        debug_assert_eq!(offset, self.bytes.len() as u64);
        self.reserve(bytes.len() as u64, Vec::try_reserve)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Returns the whole file.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn reserve(
        &mut self,
        count: u64,
        try_reserve: fn(&mut Vec<u8>, usize) -> Result<(), TryReserveError>,
    ) -> Result<()> {
        let message = || format!("cannot reserve memory for {count} bytes of a model file");
        let bytes =
            usize::try_from(count).map_err(|e| Error::with_source(ErrorCode::OutOfMemory, message(), e))?;
        try_reserve(&mut self.bytes, bytes)
            .map_err(|e| Error::with_source(ErrorCode::OutOfMemory, message(), e))
    }
}
