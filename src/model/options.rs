//! Options of a load.

use crate::config::PoolingChoice;
use crate::encoder::{KernelChoice, Precision};

use super::dtype::Dtype;

/// How a model is loaded. `None` means: as the model's own files say.
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
    /// The maximum length of a text in tokens, `[CLS]` and `[SEP]` included. CoROM: 128.
    pub max_length: Option<usize>,
    /// How a text's vector is made: by poolings of the hidden states, or by the graph.
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
    /// Which of the folder's exports is loaded, by the number type of its weights. `model` names a file
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
}
