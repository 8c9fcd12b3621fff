//! `ModelLoader`: which files a model needs, and whether they are sound.

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::convert::{from_js, to_js};
use super::embedder::Embedder;
use crate::config::Pooling;
use crate::model;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    max_length: Option<usize>,
    pooling: Option<String>,
    normalize: Option<bool>,
    self_test: bool,
    model: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_length: None, pooling: None, normalize: None, self_test: true, model: None }
    }
}

#[derive(Serialize)]
struct Wanted<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    required: bool,
}

/// See [`model::ModelLoader`].
#[wasm_bindgen]
pub struct ModelLoader(model::ModelLoader);

#[wasm_bindgen]
impl ModelLoader {
    /// Options: `{ maxLength, pooling, normalize, selfTest, model }`.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue) -> Result<Self, JsValue> {
        let options: Options = from_js(options, "options")?;
        let options = model::LoadOptions {
            max_length: options.max_length,
            pooling: options.pooling.as_deref().map(Pooling::parse).transpose()?,
            normalize: options.normalize,
            skip_self_test: !options.self_test,
            model: options.model,
        };
        Ok(Self(model::ModelLoader::new(options)?))
    }

    /// Tells all paths of the folder, so that only existing files are asked for.
    #[wasm_bindgen(js_name = setListing)]
    pub fn set_listing(&mut self, paths: Vec<String>) -> Result<(), JsValue> {
        Ok(self.0.set_listing(paths)?)
    }

    /// The files to fetch next: `[{ path, size, required }]`.
    pub fn wanted(&self) -> Result<JsValue, JsValue> {
        let wanted = self.0.wanted().iter();
        let wanted: Vec<_> =
            wanted.map(|w| Wanted { path: &w.path, size: w.size, required: w.required }).collect();
        to_js(&wanted)
    }

    /// Takes a file and checks it.
    pub fn supply(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), JsValue> {
        Ok(self.0.supply(path, bytes)?)
    }

    /// Says that a file does not exist.
    pub fn missing(&mut self, path: &str) -> Result<(), JsValue> {
        Ok(self.0.missing(path)?)
    }

    /// Builds the embedder. The loader is spent.
    pub fn build(self) -> Result<Embedder, JsValue> {
        Ok(Embedder(self.0.build()?))
    }
}
