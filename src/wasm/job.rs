//! The class `EmbedJob`: texts that are being embedded.

use wasm_bindgen::prelude::*;

use crate::embedder;

/// See [`embedder::EmbedJob`].
#[wasm_bindgen]
pub struct EmbedJob(pub(super) embedder::EmbedJob);

#[wasm_bindgen]
impl EmbedJob {
    /// The number of embedded texts.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> usize {
        self.0.done()
    }

    /// The number of texts.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.0.total()
    }
}
