//! The steps of a conversion, from the checkpoint's files to the manifest.

use serde_json::Value;

use super::checkpoint::Checkpoint;
use super::checkpoint_folder::CheckpointFolder;
use super::files::{FileSink, FileSource};
use super::graph;
use super::head;
use super::options::ConvertOptions;
use super::output::write_file;
use super::settings::Settings;
use super::shards::ShardWriter;
use super::tokenizer;
use crate::config::BertConfig;
use crate::error::{Error, ErrorCode, Result};
use crate::model::Manifest;
use crate::model::manifest::{FILE_NAME, FORMAT};

/// The result of [`convert`].
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// The manifest, as written to `corom.json`.
    pub manifest: Manifest,
    /// The configuration of the encoder.
    pub config: BertConfig,
    /// The names of the head's tensors, which were not converted. Empty unless
    /// [`ConvertOptions::ignore_head`] is set.
    pub ignored_tensors: Vec<String>,
}

/// Converts a checkpoint to a model folder.
///
/// One tensor and one weight file (24 MiB) are in memory at a time. The manifest is written last, so a
/// folder with `corom.json` is complete.
///
/// # Errors
/// - `MISSING_FILE`: the checkpoint lacks `config.json`, the weights, or the vocabulary.
/// - `INVALID_CONFIG`, `INVALID_TOKENIZER`, `TOKENIZER_MISMATCH`: a side file is invalid or belongs to
///   another model.
/// - `NOT_A_MODEL`, `INVALID_CHECKPOINT`: the weight file is something else, damaged, or has other tensors
///   than `config.json` says.
/// - `UNSUPPORTED_MODEL`, `UNSUPPORTED_POOLING`: corom does not support the model.
/// - `INVALID_ARGUMENT`: `max_length` does not fit the model.
/// - `FETCH_FAILED`: the source or the sink reports an I/O error.
/// - `OUT_OF_MEMORY`: a tensor does not fit into memory.
pub fn convert(
    source: &dyn FileSource,
    options: &ConvertOptions,
    sink: &mut dyn FileSink,
) -> Result<Conversion> {
    let folder = CheckpointFolder::open(source)?;
    let checkpoint = Checkpoint::open(&folder, options.ignore_head)?;
    let settings = Settings::decide(&folder, options)?;
    let dimension = head::dimension(&settings.pooling, &settings.head, folder.config.hidden_size, source)?;
    let tokenizer = tokenizer::build(&folder, settings.max_length)?;

    let config_file = write_file(sink, "config.json", config_json(&checkpoint.config)?.as_bytes())?;
    let tokenizer_file = write_file(sink, "tokenizer.json", tokenizer.as_bytes())?;
    let shards = ShardWriter::new(&mut *sink);
    let (model, shards) = graph::build(&checkpoint, &settings.pooling, options.dtype, shards)?;
    let model_file = write_file(sink, "model.onnx", &model)?;

    let (head, head_files) = head::write(&settings.head, source, sink)?;
    let mut manifest = Manifest {
        format: FORMAT.into(),
        format_version: 0,
        created_by: concat!("corom ", env!("CARGO_PKG_VERSION")).into(),
        pooling: settings.pooling,
        head,
        normalize: settings.normalize,
        max_length: settings.max_length,
        metric: Some(settings.metric),
        prompts: settings.prompts.by_name,
        default_prompt_name: settings.prompts.default_name,
        include_prompt: (!settings.prompts.include_prompt).then_some(false),
        dtype: options.dtype.as_str().into(),
        hidden_size: checkpoint.config.hidden_size,
        dimension: Some(dimension).filter(|n| *n != checkpoint.config.hidden_size),
        files: [config_file, tokenizer_file, model_file]
            .into_iter()
            .chain(shards)
            .chain(head_files)
            .collect(),
        self_test: None,
    };
    manifest.format_version = manifest.lowest_format_version();
    write_file(sink, FILE_NAME, manifest.to_json()?.as_bytes())?;
    let ignored_tensors = checkpoint.head().to_vec();
    Ok(Conversion { manifest, config: checkpoint.config, ignored_tensors })
}

/// Returns the `config.json` of the model folder: Hugging Face's names, and only what running the model
/// needs.
fn config_json(config: &BertConfig) -> Result<String> {
    let failed = |e| Error::with_source(ErrorCode::Internal, "config.json cannot be serialized", e);
    let mut value = serde_json::to_value(config).map_err(failed)?;
    if let Some(object) = value.as_object_mut() {
        let kind = config.model_type.as_deref().unwrap_or("bert");
        object.insert("model_type".into(), Value::from(kind));
        let architecture = match kind {
            "ernie" => "ErnieModel",
            "roberta" => "RobertaModel",
            "xlm-roberta" => "XLMRobertaModel",
            "camembert" => "CamembertModel",
            _ => "BertModel",
        };
        object.insert("architectures".into(), Value::from(vec![architecture]));
        object.insert("position_embedding_type".into(), Value::from("absolute"));
    }
    serde_json::to_string_pretty(&value).map(|text| text + "\n").map_err(failed)
}
