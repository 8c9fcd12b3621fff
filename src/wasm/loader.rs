//! The class `ModelLoader`: requests the files of a model and verifies them.

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::clock::now;
use super::convert::{from_js, to_js};
use super::unverified_model::UnverifiedModel;
use crate::config::PoolingChoice;
use crate::encoder::{KernelChoice, Precision};
use crate::model;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    task: Option<String>,
    max_length: Option<usize>,
    pooling: Option<Vec<String>>,
    ignore_head: bool,
    normalize: Option<bool>,
    lowercase: Option<bool>,
    split_special_tokens: Option<bool>,
    self_test: bool,
    model: Option<String>,
    dtype: Option<String>,
    precision: Option<String>,
    kernel: Option<String>,
    fused: Option<bool>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            task: None,
            max_length: None,
            pooling: None,
            ignore_head: false,
            normalize: None,
            lowercase: None,
            split_special_tokens: None,
            self_test: true,
            model: None,
            dtype: None,
            precision: None,
            kernel: None,
            fused: None,
        }
    }
}

#[derive(Serialize)]
struct FileRequest<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    pieces: bool,
    required: bool,
    keep: bool,
    again: bool,
}

fn load_options(options: JsValue) -> Result<model::LoadOptions, JsValue> {
    let options: Options = from_js(options, "options")?;
    Ok(model::LoadOptions {
        task: model::Task::parse(options.task.as_deref().unwrap_or("embed"))?,
        max_length: options.max_length,
        pooling: options.pooling.as_deref().map(PoolingChoice::parse).transpose()?,
        ignore_head: options.ignore_head,
        normalize: options.normalize,
        lowercase: options.lowercase,
        split_special_tokens: options.split_special_tokens,
        skip_self_test: !options.self_test,
        model: options.model,
        dtype: model::Dtype::parse(options.dtype.as_deref().unwrap_or("auto"))?,
        precision: Precision::parse(options.precision.as_deref().unwrap_or("auto"))?,
        kernel: KernelChoice::parse(options.kernel.as_deref().unwrap_or("auto"), now)?,
        unfused: options.fused == Some(false),
        #[cfg(feature = "gpu")]
        gpu: None,
    })
}

/// See [`model::ModelLoader`].
#[wasm_bindgen]
pub struct ModelLoader(model::ModelLoader);

#[wasm_bindgen]
impl ModelLoader {
    /// Makes a loader. Options: `{ task, maxLength, pooling (a list of names), normalize, ignoreHead, lowercase,
    /// splitSpecialTokens, selfTest, model, dtype, precision, kernel, fused }`.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue) -> Result<Self, JsValue> {
        Ok(Self(model::ModelLoader::new(load_options(options)?)?))
    }

    /// Makes a loader of a model that the GPU runs, if it can. Options: those of the constructor.
    #[cfg(feature = "gpu")]
    #[wasm_bindgen(js_name = onGpu)]
    pub fn on_gpu(options: JsValue, gpu: &super::gpu::Gpu) -> Result<Self, JsValue> {
        let options = model::LoadOptions { gpu: Some(gpu.0.clone()), ..load_options(options)? };
        Ok(Self(model::ModelLoader::new(options)?))
    }

    /// Sets the paths of all files in the folder, so that only existing files are requested.
    #[wasm_bindgen(js_name = setListing)]
    pub fn set_listing(&mut self, paths: Vec<String>) -> Result<(), JsValue> {
        Ok(self.0.set_listing(paths)?)
    }

    /// Returns the files to fetch next: `[{ path, size, sha256, pieces, required, keep, again }]`.
    #[wasm_bindgen(js_name = pendingRequests)]
    pub fn pending_requests(&self) -> Result<JsValue, JsValue> {
        let requests = self.0.pending_requests().iter().map(|request| FileRequest {
            path: &request.path,
            size: request.size,
            sha256: request.sha256.as_deref(),
            pieces: request.has_piece_hashes,
            required: request.required,
            keep: request.keep,
            again: request.again,
        });
        to_js(&requests.collect::<Vec<_>>())
    }

    /// Returns the bytes of all files that loading requests, if there is a manifest.
    pub fn total(&self) -> Option<f64> {
        self.0.total().map(|bytes| bytes as f64)
    }

    /// Returns the path of the ONNX file, once it has arrived.
    #[wasm_bindgen(js_name = onnxFile)]
    pub fn onnx_file(&self) -> Option<String> {
        self.0.onnx_file().map(str::to_owned)
    }

    /// Begins a requested file, or begins it again. `size` is the size that the server states; `hashed` says
    /// that the host hashes the file.
    pub fn begin(&mut self, path: &str, size: Option<f64>, hashed: bool) -> Result<(), JsValue> {
        // The cast of a float saturates, so every number is allowed.
        let size = size.map(|size| size as u64);
        Ok(if hashed { self.0.begin_hashed(path, size) } else { self.0.begin(path, size) }?)
    }

    /// Takes the next bytes of a file.
    pub fn feed(&mut self, path: &str, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.0.feed(path, bytes)?)
    }

    /// Returns the number of bytes that were passed since the file was begun.
    pub fn fed(&self, path: &str) -> f64 {
        self.0.fed(path) as f64
    }

    /// Returns true if a requested file was rejected as a web page.
    #[wasm_bindgen(js_name = isPage)]
    pub fn is_page(&self, path: &str) -> bool {
        self.0.is_page(path)
    }

    /// Ends a file and checks it as a whole. `sha256` is the hash, if the host computes it.
    pub fn end(&mut self, path: &str, sha256: Option<String>) -> Result<(), JsValue> {
        Ok(match sha256 {
            Some(sha256) => self.0.end_hashed(path, &sha256),
            None => self.0.end(path),
        }?)
    }

    /// Tells the loader that a file does not exist.
    pub fn missing(&mut self, path: &str) -> Result<(), JsValue> {
        Ok(self.0.missing(path)?)
    }

    /// Builds the model without running its self-test. Consumes the loader.
    #[wasm_bindgen(js_name = buildUnverified)]
    pub fn build_unverified(self) -> Result<UnverifiedModel, JsValue> {
        Ok(UnverifiedModel(self.0.build_unverified()?))
    }
}
