//! The class `UnverifiedModel`: a model that has not passed its self-test yet.

use wasm_bindgen::prelude::*;

use super::embedder::Embedder;
use crate::model;

/// See [`model::UnverifiedModel`].
#[wasm_bindgen]
pub struct UnverifiedModel(pub(super) model::UnverifiedModel);

#[wasm_bindgen]
impl UnverifiedModel {
    /// Whether there is a self-test to run.
    #[wasm_bindgen(getter, js_name = hasSelfTest)]
    pub fn has_self_test(&self) -> bool {
        self.0.has_self_test()
    }

    /// Runs the self-test, if there is one, and returns the embedder. Consumes this object.
    pub fn finish(self) -> Result<Embedder, JsValue> {
        Ok(Embedder(self.0.finish()?))
    }
}
