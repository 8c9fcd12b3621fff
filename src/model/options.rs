//! Options of a load.

use crate::config::PoolingChoice;
use crate::encoder::{KernelChoice, Precision, reranker_error};
use crate::error::{Result, fail};

use super::dtype::Dtype;
use super::manifest::Manifest;
use super::task::Task;

/// The options with which a model is loaded. `None` means: as the model's own files say.
///
/// ```
/// use corom::config::Pooling;
/// use corom::model::LoadOptions;
///
/// let options = LoadOptions { pooling: Some(Pooling::Mean.into()), normalize: Some(true), ..LoadOptions::default() };
/// assert_eq!(options.max_length, None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The task that the model is loaded for.
    pub task: Task,
    /// The maximum length of a text in tokens, `[CLS]` and `[SEP]` included. CoROM: 128.
    pub max_length: Option<usize>,
    /// The source of a text's vector: poolings of the hidden states, or the graph.
    pub pooling: Option<PoolingChoice>,
    /// True if the modules after the pooling (Dense, LayerNorm and others) are left out.
    pub ignore_head: bool,
    /// True if vectors are L2-normalized.
    pub normalize: Option<bool>,
    /// True if text is lower-cased before its tokens are looked up, for vocabularies without capitals. See
    /// [`TokenizerOptions::lowercase`](crate::tokenizer::TokenizerOptions::lowercase).
    pub lowercase: Option<bool>,
    /// True if special tokens in a text are text: the characters `[SEP]` are then not the token `[SEP]`.
    pub split_special_tokens: Option<bool>,
    /// True if the manifest's self-test is skipped.
    pub skip_self_test: bool,
    /// The ONNX file to load, a path in the folder. A path other than `model.onnx` also means that
    /// `corom.json` is not read, because it describes `model.onnx`.
    pub model: Option<String>,
    /// The export of the folder that is loaded, by the number type of its weights. `model` names a file
    /// instead.
    pub dtype: Dtype,
    /// The number type of products.
    pub precision: Precision,
    /// The kernels that compute products.
    pub kernel: KernelChoice,
    /// True if tract runs the graph as it is. This is slower, and what the plan is tested against.
    pub unfused: bool,
    /// True if tract runs the graph as tract-onnx reads it. This is a second opinion on corom's own reading.
    #[cfg(feature = "cli")]
    pub second_opinion: bool,
    /// The GPU that runs the model, if it can. `None`: the CPU. The command's and Rust's only.
    #[cfg(feature = "gpu")]
    pub gpu: Option<crate::encoder::gpu::GpuDevice>,
}

impl LoadOptions {
    /// Checks that the options fit the task.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an option about vectors and the task `rerank`.
    pub(super) fn check_task(&self) -> Result<()> {
        let name = match self.task {
            Task::Rerank if self.pooling.is_some() => "pooling",
            Task::Rerank if self.normalize.is_some() => "normalize",
            Task::Rerank if self.ignore_head => "ignoreHead",
            Task::Rerank | Task::Embed => return Ok(()),
        };
        fail!(InvalidArgument, "{name}: a reranker makes no vectors, so this option does not apply to it");
    }

    /// Checks that a folder has what the options ask for.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` for a folder with another task, `MISSING_FILE` for one with another number type.
    pub(super) fn check_manifest(&self, manifest: &Manifest) -> Result<()> {
        match (self.task, manifest.task) {
            (Task::Embed, Task::Rerank) => Err(reranker_error("corom.json: task is `rerank`")),
            (Task::Rerank, Task::Embed) => fail!(
                UnsupportedModel,
                "corom.json: the folder has no task `rerank`: this model embeds texts; load it with Corom"
            ),
            _ => self.dtype.check_manifest(&manifest.dtype),
        }
    }
}
