//! The steps of a conversion, from the checkpoint's files to the manifest.

use serde_json::Value;

use super::checkpoint::Checkpoint;
use super::checkpoint_folder::CheckpointFolder;
use super::distillation;
use super::export;
use super::files::{FileSink, FileSource};
use super::graph;
use super::head;
use super::lineage;
use super::options::ConvertOptions;
use super::output::write_file;
use super::settings::{FolderSettings, Settings};
use super::shards::{ShardWriter, checked_size};
use super::tokenizer;
use super::vocabulary::KeptVocabulary;
use super::weight_file::WeightFile;
use crate::config::BertConfig;
use crate::encoder::OutputPreference;
use crate::encoder::export::BertExport;
use crate::error::{Error, ErrorCode, Result};
use crate::lineage::{Lineage, VectorSettings};
use crate::model::manifest::{FILE_NAME, FORMAT};
use crate::model::{Manifest, Task};

/// The result of [`convert`].
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// The manifest, as written to `corom.json`.
    pub manifest: Manifest,
    /// The configuration of the encoder.
    pub config: BertConfig,
    /// The file that the weights come from, a path in the folder.
    pub weights: String,
    /// The number type of the weights in an ONNX export: `f32`, `f16`, `int8` or `int4`. `None` for a checkpoint.
    ///
    /// A quantized export is dequantized and, if asked for, quantized again. The folder keeps the error of the
    /// export, whatever the number type that it is written in.
    pub stored_dtype: Option<String>,
    /// True if tract-onnx read the graph, because corom's own reader does not know a part of it. Then the vectors of
    /// the folder should be compared with those of the export. [`convert`] never does that.
    pub imported: bool,
    /// The names of the head's tensors, which were not converted. Empty unless
    /// [`ConvertOptions::ignore_head`] is set.
    pub ignored_tensors: Vec<String>,
}

/// Converts a checkpoint or an ONNX export to a model folder.
///
/// If the folder has both, the checkpoint is converted; [`ConvertOptions::from`] and [`ConvertOptions::onnx`] choose
/// the export. An export gives the same folder as the checkpoint that it was made from.
///
/// One tensor and one weight file (24 MiB) are in memory at a time. The manifest is written last, so a folder with
/// `corom.json` is complete.
///
/// # Errors
/// - `MISSING_FILE`: the folder lacks `config.json`, the weights, or the vocabulary.
/// - `INVALID_CONFIG`, `INVALID_TOKENIZER`, `TOKENIZER_MISMATCH`: a side file is invalid or belongs to
///   another model.
/// - `NOT_A_MODEL`, `INVALID_CHECKPOINT`: the weight file is something else, damaged, or has other tensors
///   than `config.json` says; or `distillation.json` is about other weights or settings.
/// - `INVALID_MODEL`, `UNSUPPORTED_OPERATOR`: the ONNX file is damaged, or has an operator that corom does not know.
/// - `UNSUPPORTED_MODEL`, `UNSUPPORTED_POOLING`: corom does not support the model, or cannot remove tokens from its
///   vocabulary.
/// - `INVALID_ARGUMENT`: `max_length` does not fit the model, `max_shard_size` does not fit its weights, or the options
///   contradict the folder.
/// - `FETCH_FAILED`: the source or the sink reports an I/O error.
/// - `INTEGRITY_MISMATCH`: the folder is one of corom's, quantized, and a file differs from its `corom.json`.
/// - `OUT_OF_MEMORY`: a tensor does not fit into memory.
pub fn convert(
    source: &dyn FileSource,
    options: &ConvertOptions,
    sink: &mut dyn FileSink,
) -> Result<Conversion> {
    run(source, options, sink, export::open)
}

/// Converts as [`convert`] does. A graph with parts that corom's own reader does not know is read by tract-onnx
/// instead, and [`Conversion::imported`] says so.
///
/// # Errors
/// The errors of [`convert`].
#[cfg(feature = "cli")]
pub fn convert_with_tract_onnx(
    source: &dyn FileSource,
    options: &ConvertOptions,
    sink: &mut dyn FileSink,
) -> Result<Conversion> {
    run(source, options, sink, export::open_or_import)
}

/// Opens the export at a path in the folder.
pub(super) type OpenExport =
    for<'a> fn(&'a dyn FileSource, &str, &BertConfig, OutputPreference) -> Result<BertExport<'a>>;

fn run(
    source: &dyn FileSource,
    options: &ConvertOptions,
    sink: &mut dyn FileSink,
    open: OpenExport,
) -> Result<Conversion> {
    checked_size(options.max_shard_size)?;
    let folder = CheckpointFolder::open(source, options)?;
    let weights = folder.weights.clone();
    let (folder, checkpoint, settings) = open_folder(folder, &weights, options, open)?;
    let loaded_head = head::read(&settings.pooling, &settings.head, folder.config.hidden_size, source)?;
    let dimension = loaded_head.outputs();
    let (tokenizer_json, tokenizer) = tokenizer::build(&folder, settings.max_length)?;
    let kept_lineage = lineage::of_changed_folder(&folder, &checkpoint)?;
    let vocabulary = match &options.keep_vocab {
        Some(texts) => {
            let BertConfig { vocab_size, pad_token_id, .. } = checkpoint.config;
            let prompts = &settings.prompts;
            Some(KeptVocabulary::of_texts(&tokenizer_json, vocab_size, pad_token_id, texts, prompts)?)
        }
        None => None,
    };
    let full_vocab_size = match folder.manifest()?.and_then(|manifest| manifest.full_vocab_size) {
        Some(full) => Some(full),
        None => vocabulary.as_ref().map(KeptVocabulary::full_size),
    };
    let export = checkpoint.export();
    let stored_dtype = export.map(|export| export.dtype().to_owned());
    let imported = export.is_some_and(BertExport::is_imported);

    let mut config = checkpoint.config.clone();
    let mut written_tokenizer = tokenizer_json.clone();
    if let Some(vocabulary) = &vocabulary {
        config.vocab_size = vocabulary.len();
        written_tokenizer = vocabulary.tokenizer_json(&tokenizer_json)?;
    }
    let config_file = write_file(sink, "config.json", config_json(&config, checkpoint.labels)?.as_bytes())?;
    let tokenizer_file = write_file(sink, "tokenizer.json", written_tokenizer.as_bytes())?;
    let shards = ShardWriter::new(&mut *sink, options.max_shard_size)?;
    let (model, shards, tensors) =
        graph::build(&checkpoint, vocabulary.as_ref(), &settings.pooling, options.dtype, shards)?;
    let model_file = write_file(sink, "model.onnx", &model)?;

    let vector_settings = VectorSettings {
        pooling: &settings.pooling,
        head: &loaded_head,
        normalize: settings.normalize,
        lowercase: tokenizer.is_lowercase(),
        split_special_tokens: tokenizer.splits_special_tokens(),
    };
    let lineage = match kept_lineage {
        Some(lineage) => lineage.with_settings(vector_settings),
        None => Lineage::new(tensors.model(&checkpoint, &tokenizer_json)?, vector_settings),
    };
    let distilled_from = distillation::teacher_of(&folder, &lineage)?;
    let (head, head_files) = head::write(&settings.head, source, sink)?;
    let mut manifest = Manifest {
        format: FORMAT.into(),
        format_version: 0,
        task: if checkpoint.labels.is_some() { Task::Rerank } else { Task::Embed },
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
        dimension: checkpoint.labels.or(Some(dimension).filter(|n| *n != checkpoint.config.hidden_size)),
        lineage: Some(lineage),
        distilled_from,
        full_vocab_size,
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
    let weights = weights.path().to_owned();
    Ok(Conversion { manifest, config, weights, stored_dtype, imported, ignored_tensors })
}

/// Opens the weights of a folder and decides the settings. Returns the folder with the configuration that the weights
/// show.
///
/// # Errors
/// The errors of [`convert`] but for the tokenizer, the layers after the pooling and the sink.
pub(super) fn open_folder<'a>(
    folder: CheckpointFolder<'a>,
    weights: &'a WeightFile,
    options: &ConvertOptions,
    open: OpenExport,
) -> Result<(CheckpointFolder<'a>, Checkpoint<'a>, Settings)> {
    match weights {
        WeightFile::Checkpoint(path) => {
            let checkpoint = Checkpoint::open(&folder, path, options.ignore_head)?;
            let settings = FolderSettings::read(&folder, options)?;
            let positions = folder.family.max_tokens(&folder.config)?;
            let settings = match checkpoint.labels {
                Some(labels) => settings.of_pairs(labels, positions)?,
                None => settings.of_encoder(positions)?,
            };
            Ok((folder, checkpoint, settings))
        }
        WeightFile::Onnx(path) => of_export(folder, path, options, open),
    }
}

/// Opens the export at `path` and decides the settings. Returns the folder with the configuration that the graph
/// shows.
fn of_export<'a>(
    mut folder: CheckpointFolder<'a>,
    path: &str,
    options: &ConvertOptions,
    open: OpenExport,
) -> Result<(CheckpointFolder<'a>, Checkpoint<'a>, Settings)> {
    let settings = FolderSettings::read(&folder, options)?;
    let open = |outputs| open(folder.source, path, &folder.config, outputs);
    let export = match open(settings.output_preference()) {
        // A classifier that the folder's files state, and that the graph does not have or corom does not know.
        Err(e) if e.code() == ErrorCode::UnsupportedModel && settings.is_ranking() => {
            open(settings.vector_preference()).map_err(|_| e)?
        }
        // A sentence vector with modules that no pattern knows: the folder's files say the same.
        Err(e) if e.code() == ErrorCode::UnsupportedModel && settings.pools_hidden_states() => {
            open(OutputPreference::Hidden).map_err(|_| e)?
        }
        result => result?,
    };
    let shown = export::config_of(&export, &folder.config)?;
    let (width, positions) = (shown.config.hidden_size, shown.family.max_tokens(&shown.config)?);
    let labels = export.sizes().labels.filter(|_| !options.ignore_head);
    let settings = match (export.pooling(), labels) {
        (Some(graph), _) => settings.of_sentence_vector(path, graph, width, positions)?,
        (None, Some(labels)) => settings.of_pairs(labels, positions)?,
        (None, None) => settings.of_encoder(positions)?,
    };
    folder.config = shown.config.clone();
    let checkpoint = Checkpoint::from_export(folder.source, export, shown, labels);
    Ok((folder, checkpoint, settings))
}

/// Returns the `config.json` of the model folder: Hugging Face's names, and only what running the model
/// needs.
fn config_json(config: &BertConfig, labels: Option<usize>) -> Result<String> {
    let failed = |e| Error::with_source(ErrorCode::Internal, "config.json cannot be serialized", e);
    let mut value = serde_json::to_value(config).map_err(failed)?;
    if let Some(object) = value.as_object_mut() {
        let kind = config.model_type.as_deref().unwrap_or("bert");
        object.insert("model_type".into(), Value::from(kind));
        let part = if labels.is_some() { "ForSequenceClassification" } else { "Model" };
        let architecture = match kind {
            "ernie" => "Ernie",
            "roberta" => "Roberta",
            "xlm-roberta" => "XLMRoberta",
            "camembert" => "Camembert",
            _ => "Bert",
        };
        object.insert("architectures".into(), Value::from(vec![format!("{architecture}{part}")]));
        object.insert("position_embedding_type".into(), Value::from("absolute"));
    }
    serde_json::to_string_pretty(&value).map(|text| text + "\n").map_err(failed)
}
