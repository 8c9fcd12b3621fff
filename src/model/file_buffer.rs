//! Where the bytes of a file go as they arrive.

use crate::error::{Error, ErrorCode, Result};

/// Room that is made at once on a server's word alone.
const MAX_HINT_BYTES: u64 = 1 << 30;

/// Takes a file's bytes in order and keeps them. Loading touches bytes through this alone, so that
/// weights can go to where they are used instead.
#[derive(Debug, Default)]
pub(super) struct FileBuffer {
    bytes: Vec<u8>,
}

impl FileBuffer {
    /// A sink for a file of `size` bytes: with the right size from the start nothing is moved later.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY` when there is no room for it.
    pub(super) fn with_size(size: u64) -> Result<Self> {
        let mut sink = Self::default();
        sink.reserve(size, Vec::try_reserve_exact)?;
        Ok(sink)
    }

    /// The same where the size is only what a server says: too much of it is no error.
    pub(super) fn with_hint(size: Option<u64>) -> Self {
        let mut sink = Self::default();
        if let Some(size) = size.filter(|size| *size <= MAX_HINT_BYTES) {
            let _ = sink.reserve(size, Vec::try_reserve_exact);
        }
        sink
    }

    /// Takes the bytes at `offset`, which is where the last ones ended.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        debug_assert_eq!(offset, self.bytes.len() as u64);
        self.reserve(bytes.len() as u64, Vec::try_reserve)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The whole file.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn reserve(
        &mut self,
        more: u64,
        how: fn(&mut Vec<u8>, usize) -> Result<(), std::collections::TryReserveError>,
    ) -> Result<()> {
        let no_room = || format!("there is no room for {more} bytes more of a model's file");
        let count =
            usize::try_from(more).map_err(|e| Error::with_source(ErrorCode::OutOfMemory, no_room(), e))?;
        how(&mut self.bytes, count).map_err(|e| Error::with_source(ErrorCode::OutOfMemory, no_room(), e))
    }
}
