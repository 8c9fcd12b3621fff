//! Reads a checkpoint, or a converted folder, as the start of a training.

use std::collections::BTreeMap;

use super::bert::encoder_tensors;
use super::checkpoint_folder::CheckpointFolder;
use super::conversion::open_folder;
use super::export;
use super::family::Family;
use super::files::FileSource;
use super::options::ConvertOptions;
use super::ranking::{CLASSIFIER, POOLER};
use super::tokenizer;
use crate::config::{BertConfig, PoolingChoice};
use crate::error::{Result, fail};
use crate::prompts::Prompts;
use crate::similarity::Metric;
use crate::tokenizer::Tokenizer;

/// The start of a training: the configuration, the tokenizer, the settings and the weights of a model.
pub struct StartingPoint {
    /// The configuration of the encoder.
    pub config: BertConfig,
    /// The tokenizer, which cuts texts to the maximum length.
    pub tokenizer: Tokenizer,
    /// The contents of `tokenizer.json`.
    pub tokenizer_json: String,
    /// Shape and numbers of each tensor, by Hugging Face's name. A tensor that is not here begins with random numbers.
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    /// The pooling that the files say.
    pub pooling: PoolingChoice,
    /// True if the model has layers between the pooling and its vectors.
    pub has_head: bool,
    /// True if vectors are L2-normalized.
    pub normalize: bool,
    /// The metric of the vectors.
    pub metric: Metric,
    /// The prompts of queries and documents.
    pub prompts: Prompts,
}

/// Returns the name and the shape of each tensor of an encoder.
pub fn encoder_shapes(config: &BertConfig) -> Vec<(String, Vec<usize>)> {
    let tensors = encoder_tensors(config, None).into_iter();
    tensors.map(|tensor| (tensor.name, tensor.shape.iter().map(|&n| n as usize).collect())).collect()
}

/// Reads a model. The options choose pooling and maximum length as in a conversion.
///
/// # Errors
/// The errors of [`convert`](super::convert), and `UNSUPPORTED_MODEL` for RoBERTa and for ERNIE with task types.
pub fn starting_point(source: &dyn FileSource, options: &ConvertOptions) -> Result<StartingPoint> {
    let folder = CheckpointFolder::open(source, options)?;
    let weights = folder.weights.clone();
    let (folder, checkpoint, settings) = open_folder(folder, &weights, options, export::open)?;
    if checkpoint.family != Family::Bert {
        fail!(
            UnsupportedModel,
            "training supports BERT only; the checkpoint is RoBERTa, or ERNIE with task types, whose positions or tables \
             differ"
        );
    }
    let (tokenizer_json, tokenizer) = tokenizer::build(&folder, settings.max_length)?;
    let mut shapes = encoder_shapes(&checkpoint.config);
    if let Some(labels) = checkpoint.labels {
        let hidden = checkpoint.config.hidden_size;
        for (module, outputs) in [(POOLER, hidden), (CLASSIFIER, labels)] {
            shapes.push((format!("{module}.weight"), vec![outputs, hidden]));
            shapes.push((format!("{module}.bias"), vec![outputs]));
        }
    }
    let mut tensors = BTreeMap::new();
    for (name, shape) in shapes {
        let numbers = checkpoint.read(&name)?;
        tensors.insert(name, (shape, numbers));
    }
    Ok(StartingPoint {
        config: checkpoint.config,
        tokenizer,
        tokenizer_json,
        tensors,
        pooling: settings.pooling,
        has_head: !settings.head.is_empty(),
        normalize: settings.normalize,
        metric: settings.metric,
        prompts: settings.prompts,
    })
}
