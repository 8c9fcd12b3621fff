//! The class `EmbedJob`: texts that are being embedded.

use wasm_bindgen::prelude::*;

use crate::embedder;

/// See [`embedder::EmbedJob`].
#[wasm_bindgen]
pub struct EmbedJob(pub(super) embedder::EmbedJob);

#[wasm_bindgen]
impl EmbedJob {
    /// Returns the number of embedded texts.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> usize {
        self.0.done()
    }

    /// Returns the number of texts.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.0.total()
    }
}
