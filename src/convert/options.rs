//! The choices that a caller of the converter has.

use crate::config::PoolingChoice;
use crate::error::{Result, fail};

/// The number type of the weights in a model folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dtype {
    /// 32-bit floating point: exact.
    #[default]
    F32,
    /// 8-bit integers. A Linear has one scale per output channel, an embedding table one per row.
    Int8,
    /// 4-bit integers in blocks of 32, each with a scale and a zero point; embedding tables as in
    /// [`Dtype::Int8`].
    Int4,
}

impl Dtype {
    /// Every number type.
    pub const ALL: [Self; 3] = [Self::F32, Self::Int8, Self::Int4];

    /// Returns the name that the manifest and the command line use: `f32`, `int8` or `int4`.
    ///
    /// ```
    /// assert_eq!(corom::convert::Dtype::Int4.as_str(), "int4");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }

    /// Parses the name of a number type.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for any other name.
    ///
    /// ```
    /// use corom::convert::Dtype;
    ///
    /// assert_eq!(Dtype::parse("int8")?, Dtype::Int8);
    /// assert!(Dtype::parse("int3").is_err());
    /// # Ok::<(), corom::error::Error>(())
    /// ```
    pub fn parse(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|dtype| dtype.as_str() == name) {
            Some(dtype) => Ok(dtype),
            None => fail!(InvalidArgument, "the number type `{name}` is unknown; use f32, int8 or int4"),
        }
    }
}

/// The options of [`convert`](super::convert). The default is f32 with the settings that the
/// checkpoint's own files give.
///
/// ```
/// use corom::convert::{ConvertOptions, Dtype};
///
/// let options = ConvertOptions { dtype: Dtype::Int8, max_length: Some(64), ..ConvertOptions::default() };
/// assert_eq!(options.pooling, None); // the checkpoint decides
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConvertOptions {
    /// The number type of the weights.
    pub dtype: Dtype,
    /// The pooling of hidden states into one vector per text. `None`: what the checkpoint says, or CLS for ModelScope's
    /// sentence embeddings.
    pub pooling: Option<PoolingChoice>,
    /// True if vectors are L2-normalized. `None`: what the checkpoint says, or not.
    pub normalize: Option<bool>,
    /// The number of tokens that texts are cut to. `None`: what the checkpoint says, or 128 for ModelScope's
    /// sentence embeddings.
    pub max_length: Option<usize>,
    /// Converts the encoder alone if the checkpoint has layers after the encoder that corom does not run.
    pub ignore_head: bool,
    /// The weights that are converted if the folder has a checkpoint and ONNX exports. `None`: the checkpoint if there
    /// is one, otherwise an export.
    pub from: Option<WeightSource>,
    /// The ONNX file to convert, a path in the folder such as `onnx/model.onnx`. `None`: the converter chooses,
    /// and prefers a float export to a quantized one.
    pub onnx: Option<String>,
    /// Texts whose tokens are kept: all other tokens, but special ones and those of one ASCII character, lose their
    /// embeddings. `None`: the whole vocabulary is kept.
    ///
    /// A text that uses only kept tokens keeps its vector. Other words become shorter tokens or unknown ones.
    pub keep_vocab: Option<Vec<String>>,
    /// The most bytes of a file `model.onnx_data_…`, from 65,536, and in int4 at least those of the largest 4-bit weight.
    /// `None`: 24 MiB, which every static host accepts. `model.onnx` and the layers after the pooling are files of their own.
    pub max_shard_size: Option<usize>,
}

/// The source of a conversion's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightSource {
    /// A checkpoint: `model.safetensors` or `pytorch_model.bin`.
    Checkpoint,
    /// An ONNX export.
    Onnx,
}

impl WeightSource {
    /// Parses `checkpoint` or `onnx`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for any other name.
    ///
    /// ```
    /// use corom::convert::WeightSource;
    ///
    /// assert_eq!(WeightSource::parse("onnx")?, WeightSource::Onnx);
    /// # Ok::<(), corom::error::Error>(())
    /// ```
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "checkpoint" => Ok(Self::Checkpoint),
            "onnx" => Ok(Self::Onnx),
            _ => fail!(InvalidArgument, "the weight source `{name}` is unknown; use checkpoint or onnx"),
        }
    }
}
