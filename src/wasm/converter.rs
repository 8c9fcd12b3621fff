//! The functions of the converter, `corom-convert.wasm` (feature `convert`).

use std::io::{self, ErrorKind};

use js_sys::Function;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::convert::{from_js, to_js};
use crate::config::{BertConfig, PoolingChoice};
use crate::convert;
use crate::model::Manifest;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    dtype: Option<String>,
    pooling: Option<Vec<String>>,
    normalize: Option<bool>,
    max_length: Option<usize>,
    ignore_head: bool,
    from: Option<String>,
    onnx: Option<String>,
    keep_vocab: Option<Vec<String>>,
    max_shard_size: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conversion<'a> {
    manifest: &'a Manifest,
    config: &'a BertConfig,
    weights: &'a str,
    stored_dtype: Option<&'a str>,
    ignored_tensors: &'a [String],
    report: Vec<String>,
}

#[wasm_bindgen]
extern "C" {
    /// A folder of the host. Paths are relative to it, and `/` separates their parts.
    pub type Folder;

    /// Returns the paths of the files in the folder and two levels below it. A subfolder that cannot be listed is a
    /// path with a `/` at its end.
    #[wasm_bindgen(method, catch)]
    fn list(this: &Folder) -> Result<Vec<String>, JsValue>;

    /// Returns the size of a file in bytes, or `undefined` if the file does not exist.
    #[wasm_bindgen(method, catch)]
    fn size(this: &Folder, path: &str) -> Result<Option<f64>, JsValue>;

    /// Fills `bytes` from `offset` on. Returns the number of bytes that were read: fewer at the end of the file.
    #[wasm_bindgen(method, catch, js_name = readAt)]
    fn read_at(this: &Folder, path: &str, offset: f64, bytes: &mut [u8]) -> Result<f64, JsValue>;

    /// Writes a whole file. `bytes` is valid during the call only.
    #[wasm_bindgen(method, catch)]
    fn write(this: &Folder, path: &str, bytes: &[u8]) -> Result<(), JsValue>;

    /// Called after each weight: the values that were converted so far, and those of all weights.
    #[wasm_bindgen(method)]
    fn converted(this: &Folder, values: f64, of: f64);
}

impl convert::FileSource for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        self.list().map_err(|thrown| io_error(&thrown))
    }

    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        let size = self.size(path).map_err(|thrown| io_error(&thrown))?;
        Ok(size.map(|bytes| bytes as u64))
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let length = buffer.len() as f64;
        let read = self.read_at(path, offset as f64, buffer).map_err(|thrown| io_error(&thrown))?;
        if read < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn converted(&self, values: u64, of: u64) {
        self.converted(values as f64, of as f64);
    }
}

/// The folder to write.
struct Output<'a>(&'a Folder);

impl convert::FileSink for Output<'_> {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.write(path, bytes).map_err(|thrown| io_error(&thrown))
    }
}

/// Returns the I/O error for a value that a function of the host has thrown.
fn io_error(thrown: &JsValue) -> io::Error {
    let message = match thrown.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => thrown.as_string().unwrap_or_else(|| "the host reports an error without a message".into()),
    };
    io::Error::other(message)
}

/// Converts the checkpoint or the ONNX export in `source` and writes a model folder with a self-test to `out`. See
/// [`convert::convert`] and [`convert::add_self_test`].
///
/// Options: `{ dtype, pooling (a list of names), normalize, maxLength, ignoreHead, from, onnx, keepVocab,
/// maxShardSize }`. Returns
/// `{ manifest, config, weights, storedDtype, ignoredTensors, report }`.
#[wasm_bindgen(js_name = convertFolder)]
pub fn convert_folder(source: &Folder, options: JsValue, out: &Folder) -> Result<JsValue, JsValue> {
    let options: Options = from_js(options, "options")?;
    let options = convert::ConvertOptions {
        dtype: options.dtype.as_deref().map_or(Ok(convert::Dtype::F32), convert::Dtype::parse)?,
        pooling: options.pooling.as_deref().map(PoolingChoice::parse).transpose()?,
        normalize: options.normalize,
        max_length: options.max_length,
        ignore_head: options.ignore_head,
        from: options.from.as_deref().map(convert::WeightSource::parse).transpose()?,
        onnx: options.onnx,
        keep_vocab: options.keep_vocab,
        max_shard_size: options.max_shard_size,
    };
    let mut conversion = convert::convert(source, &options, &mut Output(out))?;
    convert::add_self_test(&mut conversion, out, &mut Output(out))?;
    to_js(&Conversion {
        manifest: &conversion.manifest,
        config: &conversion.config,
        weights: &conversion.weights,
        stored_dtype: conversion.stored_dtype.as_deref(),
        ignored_tensors: &conversion.ignored_tensors,
        report: conversion.report(),
    })
}

/// Checks the files of a model folder, and passes each line of the report to `print`. See [`convert::inspect`].
#[wasm_bindgen(js_name = inspectFolder)]
pub fn inspect_folder(folder: &Folder, run_self_test: bool, print: &Function) -> Result<(), JsValue> {
    let print = |line: &str| {
        // An error that the host throws here does not concern the folder.
        let _ = print.call1(&JsValue::NULL, &line.into());
    };
    Ok(convert::inspect(folder, run_self_test, print)?)
}
