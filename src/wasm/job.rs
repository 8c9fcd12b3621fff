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

    /// Returns the number of tokens of the embedded texts.
    #[wasm_bindgen(getter, js_name = doneTokens)]
    pub fn done_tokens(&self) -> usize {
        self.0.done_tokens()
    }

    /// Sets the most tokens of the batches from the next one on.
    #[wasm_bindgen(js_name = setBatchTokens)]
    pub fn set_batch_tokens(&mut self, max_tokens: usize) {
        self.0.set_batch_tokens(max_tokens);
    }

    /// Returns true if the last step could do nothing, because the GPU is computing.
    #[cfg(feature = "gpu")]
    #[wasm_bindgen(getter, js_name = isPending)]
    pub fn is_pending(&self) -> bool {
        self.0.is_pending()
    }

    /// Returns the number of texts.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.0.total()
    }

    /// Returns the number of tokens per text, special tokens included.
    pub fn tokens(&self) -> Vec<u32> {
        self.0.reports().map(|report| report.tokens as u32).collect()
    }

    /// Returns 1 per text that was cut to the maximum length, 0 per other text.
    pub fn truncated(&self) -> Vec<u8> {
        self.0.reports().map(|report| u8::from(report.truncated)).collect()
    }

    /// Returns the number of unknown tokens per text.
    pub fn unknown(&self) -> Vec<u32> {
        self.0.reports().map(|report| report.unknown as u32).collect()
    }
}
