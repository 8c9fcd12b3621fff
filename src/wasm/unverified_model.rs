//! The class `UnverifiedModel`: a model that has not passed its self-test yet.

use wasm_bindgen::prelude::*;

use super::embedder::Embedder;
use super::reranker::Reranker;
use crate::model;

/// See [`model::UnverifiedModel`].
#[wasm_bindgen]
pub struct UnverifiedModel(pub(super) model::UnverifiedModel);

#[wasm_bindgen]
impl UnverifiedModel {
    /// Returns true if there is a self-test to run.
    #[wasm_bindgen(getter, js_name = hasSelfTest)]
    pub fn has_self_test(&self) -> bool {
        self.0.has_self_test()
    }

    /// Returns true if the last step could do nothing, because the GPU is computing.
    #[cfg(feature = "gpu")]
    #[wasm_bindgen(getter, js_name = isPending)]
    pub fn is_pending(&self) -> bool {
        self.0.is_pending()
    }

    /// Does a small part of the self-test. Returns true if it has passed or there is none.
    pub fn step(&mut self) -> Result<bool, JsValue> {
        Ok(self.0.step()?)
    }

    /// Runs the rest of the self-test and returns the embedder. This call consumes the object.
    pub fn finish(self) -> Result<Embedder, JsValue> {
        Ok(Embedder(self.0.finish()?))
    }

    /// Runs the rest of the self-test and returns the reranker of a model that was loaded with the task `rerank`. This
    /// call consumes the object.
    #[wasm_bindgen(js_name = finishReranker)]
    pub fn finish_reranker(self) -> Result<Reranker, JsValue> {
        Ok(Reranker(self.0.finish_reranker()?))
    }
}
