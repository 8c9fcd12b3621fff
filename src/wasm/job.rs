//! `EmbedJob`: a list of texts on its way to vectors.

use wasm_bindgen::prelude::*;

use crate::embedder;

/// See [`embedder::EmbedJob`].
#[wasm_bindgen]
pub struct EmbedJob(pub(super) embedder::EmbedJob);

#[wasm_bindgen]
impl EmbedJob {
    /// Texts whose vectors are there.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> usize {
        self.0.done()
    }

    /// Texts in all.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.0.total()
    }
}
