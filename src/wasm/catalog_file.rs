//! The class `CatalogFile` of `corom-search.wasm` (feature `search`): a catalog or a delta that arrives in pieces.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use crate::error::{Error, ErrorCode};
use crate::index::{FilePart, FileReceiver};

/// Bytes that are copied into the memory of the instance at once.
const PIECE_BYTES: u32 = 1 << 16;

/// See [`FileReceiver`].
#[wasm_bindgen]
pub struct CatalogFile(pub(super) FileReceiver);

#[wasm_bindgen]
impl CatalogFile {
    /// Begins a file. `announced` is the size that the server sent, if it did. `part`: `codes` or `keywords`, if no more
    /// of the file is received.
    #[wasm_bindgen(constructor)]
    pub fn new(announced: Option<f64>, part: Option<String>) -> Self {
        let part = match part.as_deref() {
            Some("codes") => FilePart::Codes,
            Some("keywords") => FilePart::Keywords,
            _ => FilePart::Whole,
        };
        Self(FileReceiver::new(announced.unwrap_or(0.0) as usize).with_part(part))
    }

    /// Appends bytes. See [`FileReceiver::feed`].
    pub fn feed(&mut self, bytes: &Uint8Array) -> Result<(), JsValue> {
        let mut piece = Vec::new();
        let length = bytes.length();
        if piece.try_reserve_exact(length.min(PIECE_BYTES) as usize).is_err() {
            return Err(Error::new(ErrorCode::OutOfMemory, "catalog: no memory is left").into());
        }
        for start in (0..length).step_by(PIECE_BYTES as usize) {
            let part = bytes.subarray(start, length.min(start + PIECE_BYTES));
            piece.resize(part.length() as usize, 0);
            part.copy_to(&mut piece);
            self.0.feed(&piece)?;
        }
        Ok(())
    }

    /// Returns the number of bytes so far.
    pub fn received(&self) -> f64 {
        self.0.received() as f64
    }

    /// Returns the size of the file, when its header has arrived.
    pub fn size(&self) -> Option<f64> {
        self.0.size().map(|size| size as f64)
    }

    /// Returns the size of the part that keyword search needs, when the header has arrived.
    #[wasm_bindgen(js_name = keywordBytes)]
    pub fn keyword_bytes(&self) -> Option<f64> {
        self.0.keyword_bytes().map(|size| size as f64)
    }

    /// Returns the size of the file without its rows, when the header has arrived.
    #[wasm_bindgen(js_name = codeBytes)]
    pub fn code_bytes(&self) -> Option<f64> {
        self.0.code_bytes().map(|size| size as f64)
    }

    /// Returns the hash that identifies the file in hex, when its header has arrived.
    pub fn hash(&self) -> Option<String> {
        self.0.hash().map(|hash| hex(&hash))
    }

    /// Checks that the file has arrived as a whole. See [`FileReceiver::check_complete`].
    #[wasm_bindgen(js_name = checkComplete)]
    pub fn check_complete(&self) -> Result<(), JsValue> {
        Ok(self.0.check_complete()?)
    }
}

/// Returns a hash in hex.
pub(super) fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
