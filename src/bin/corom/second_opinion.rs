//! Compares corom's vectors with those that tract computes from the ONNX file as tract-onnx reads it.
//!
//! corom's own reading and matching of the graph are not involved in the second computation. The tokenizer and
//! the pooling are the same.

use std::collections::BTreeMap;
use std::path::Path;

use corom::VectorRecipe;
use corom::config::{BertConfig, Pooling, PoolingChoice};
use corom::embedder::Embedder;
use corom::encoder::onnx::OnnxFile;
use corom::encoder::unfused::UnfusedEncoder;
use corom::encoder::{OutputPreference, Precision, guarded};
use corom::error::{Error, ErrorCode, Result};
use corom::model::{LoadOptions, Manifest, Task};
use corom::prompts::Prompts;
use corom::reranker::Reranker;
use corom::tokenizer::Tokenizer;

use crate::model_outputs::{Agreement, Model};

/// The opinion of tract-onnx on a folder.
#[derive(Debug)]
pub(crate) enum Opinion {
    /// It computes the same vectors, or the same logits.
    Agrees(Agreement),
    /// It cannot compute them, for this reason.
    Missing(String),
}

impl Opinion {
    /// Returns the line that the command prints.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Agrees(agreement) => format!("second opinion: tract-onnx agrees, {agreement}"),
            Self::Missing(reason) => format!("no second opinion: {reason}"),
        }
    }
}

/// Compares the vectors of a folder.
///
/// # Errors
/// `SELF_TEST_FAILED` if tract-onnx computes other vectors; the errors of loading the folder.
pub(crate) fn of_folder(path: &Path, options: &LoadOptions) -> Result<Opinion> {
    let exact = LoadOptions { precision: Precision::F32, skip_self_test: true, ..options.clone() };
    let theirs = guarded(|| {
        let mut model = Model::load(path, LoadOptions { second_opinion: true, ..exact.clone() })?;
        Ok((model.outputs()?, model.embedder().encoder().info().static_sequence))
    });
    let (theirs, static_sequence) = match theirs {
        Ok(theirs) => theirs,
        Err(e) => return Ok(Opinion::Missing(e.message().to_owned())),
    };
    // A graph with a fixed length cuts texts there. corom's plan may have no such limit.
    let fixed =
        |options: LoadOptions| LoadOptions { max_length: options.max_length.or(static_sequence), ..options };
    let mut model = Model::load(path, fixed(exact))?;
    let is_half = model.embedder().encoder().info().dtype == "f16";
    model.outputs()?.compare(&theirs, is_half).map(Opinion::Agrees)
}

/// Compares a folder with the export that tract-onnx read it from: hidden states by their mean, the vectors of a graph
/// that pools by itself, or the logits of a reranker. `written` has f32 weights.
///
/// # Errors
/// `SELF_TEST_FAILED` if the vectors differ, and the errors of reading both.
pub(crate) fn of_export(export: &Path, onnx: &str, written: &Path) -> Result<Agreement> {
    let config = BertConfig::from_json(&read(&export.join("config.json"))?)?;
    let manifest = Manifest::from_json(&read(&written.join("corom.json"))?)?;
    let tokenizer = read(&written.join("tokenizer.json"))?;
    let is_reranker = manifest.task == Task::Rerank;
    let (theirs, pooled) = guarded(|| {
        let onnx_path = export.join(onnx);
        let bytes = read(&onnx_path)?;
        let mut external = BTreeMap::new();
        let file = OnnxFile::parse(&bytes)?;
        drop(bytes);
        for file in file.external_files()? {
            external.insert(file.path.clone(), read(&onnx_path.with_file_name(&file.path))?);
        }
        let layers = Pooling::Mean.layers(config.num_hidden_layers);
        let preference = if is_reranker { OutputPreference::Scores } else { OutputPreference::HiddenFirst };
        let encoder = UnfusedEncoder::from_tract_onnx(file, external, &config, &layers, preference)?;
        let tokenizer = Tokenizer::from_json(&tokenizer, manifest.max_length, config.vocab_size)?;
        let encoder: Box<dyn corom::encoder::Encoder> = Box::new(encoder);
        let pooled = encoder.info().pooled;
        let normalize = pooled && manifest.normalize;
        let pooling = if pooled { PoolingChoice::Graph } else { Pooling::Mean.into() };
        let recipe = VectorRecipe::without_head(pooling, encoder.info().hidden_size, normalize);
        let embedder = Embedder::new(tokenizer, encoder, config.clone(), layers, recipe)?;
        let mut model = match is_reranker {
            true => Model::Reranker(Reranker::new(embedder)?),
            false => Model::Embedder(embedder),
        };
        Ok((model.outputs()?, pooled))
    })?;
    let mut options =
        LoadOptions { precision: Precision::F32, skip_self_test: true, ..LoadOptions::default() };
    if !pooled {
        (options.pooling, options.normalize) = (Some(Pooling::Mean.into()), Some(false));
        options.ignore_head = true;
    }
    let mut model = Model::load(written, options)?;
    if let Model::Embedder(embedder) = &mut model {
        embedder.set_prompts(Prompts::default());
    }
    model.outputs()?.compare(&theirs, false)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        let message = format!("{} cannot be read: {e}", path.display());
        Error::with_source(ErrorCode::FetchFailed, message, e)
    })
}
