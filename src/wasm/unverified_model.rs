//! `UnverifiedModel`: a model that is built and not yet tested.

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

    /// Runs the self-test, if there is one. What was packed is spent.
    pub fn finish(self) -> Result<Embedder, JsValue> {
        Ok(Embedder(self.0.finish()?))
    }
}
