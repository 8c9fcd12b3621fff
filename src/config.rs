//! The model's configuration, read from `config.json` (Hugging Face's field
//! names) and from ModelScope's `configuration.json`.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::error::{Error, ErrorCode, Result, fail};

/// Where CoROM's reference pipeline cuts a text, in tokens, `[CLS]` and `[SEP]` counted.
pub const DEFAULT_MAX_LENGTH: usize = 128;

/// The part of a BERT's `config.json` that running it needs.
///
/// Field names are those of Hugging Face's `BertConfig`. Nothing is assumed
/// about the size: layers, hidden size, heads and vocabulary come from the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BertConfig {
    /// Rows of the word embedding.
    pub vocab_size: usize,
    /// Width of a hidden row.
    pub hidden_size: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Activation of the feed-forward layer: `gelu` (erf), `gelu_new`, `relu` …
    #[serde(default = "default_hidden_act")]
    pub hidden_act: String,
    /// Rows of the position embedding: no text can have more tokens.
    #[serde(default = "default_max_position_embeddings")]
    pub max_position_embeddings: usize,
    /// Rows of the token type embedding.
    #[serde(default = "default_type_vocab_size")]
    pub type_vocab_size: usize,
    /// The ε of every LayerNorm.
    #[serde(default = "default_layer_norm_eps")]
    pub layer_norm_eps: f64,
    /// The id that padding uses.
    #[serde(default)]
    pub pad_token_id: i64,
}

fn default_hidden_act() -> String {
    "gelu".into()
}
fn default_max_position_embeddings() -> usize {
    512
}
fn default_type_vocab_size() -> usize {
    2
}
fn default_layer_norm_eps() -> f64 {
    1e-12
}

impl BertConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// `INVALID_CONFIG` when it is no JSON object, lacks a field or contradicts
    /// itself; `UNSUPPORTED_MODEL` when `model_type` is something other than BERT.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let value = parse_object(bytes, "config.json")?;
        if let Some(kind) = value.get("model_type").and_then(Value::as_str)
            && kind != "bert"
        {
            fail!(
                UnsupportedModel,
                "config.json describes a `{kind}` model; corom runs BERT encoders (model_type `bert`)"
            );
        }
        if value.get("is_decoder").and_then(Value::as_bool) == Some(true) {
            fail!(UnsupportedModel, "config.json says `is_decoder`; corom runs BERT encoders only");
        }
        if let Some(kind) = value.get("position_embedding_type").and_then(Value::as_str)
            && kind != "absolute"
        {
            fail!(
                UnsupportedModel,
                "config.json asks for `{kind}` position embeddings; only `absolute` ones are supported"
            );
        }
        let config: Self = serde_json::from_value(value).map_err(|e| {
            Error::with_source(
                ErrorCode::InvalidConfig,
                format!("config.json is not a BERT configuration: {e}"),
                e,
            )
        })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("type_vocab_size", self.type_vocab_size),
        ] {
            if value == 0 || value > 1 << 24 {
                fail!(InvalidConfig, "config.json has {name} = {value}, which no BERT has");
            }
        }
        if self.max_position_embeddings < 2 || self.max_position_embeddings > 1 << 24 {
            fail!(
                InvalidConfig,
                "config.json has max_position_embeddings = {}; a text has at least two tokens",
                self.max_position_embeddings
            );
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            fail!(
                InvalidConfig,
                "config.json: hidden_size {} is not a multiple of num_attention_heads {}",
                self.hidden_size,
                self.num_attention_heads
            );
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            fail!(InvalidConfig, "config.json has layer_norm_eps = {}", self.layer_norm_eps);
        }
        if self.pad_token_id < 0 || self.pad_token_id >= self.vocab_size as i64 {
            fail!(
                InvalidConfig,
                "config.json has pad_token_id = {} with {} rows of vocabulary",
                self.pad_token_id,
                self.vocab_size
            );
        }
        Ok(())
    }
}

/// How the hidden rows of a text become one vector.
///
/// The four are ModelScope's `emb_pooler_type`s (corom-facts: `avg` is `Mean`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Row 0 of the last layer: CoROM's own.
    Cls,
    /// Mean of the last layer's rows over the real tokens.
    #[serde(alias = "avg")]
    Mean,
    /// Mean over the real tokens of the average of the last two layers.
    AvgTop2,
    /// Mean over the real tokens of the average of the last layer and the output of the first layer.
    AvgFirstLast,
}

impl Pooling {
    /// The spelling used in `corom.json` and in JavaScript.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Mean => "mean",
            Self::AvgTop2 => "avg_top2",
            Self::AvgFirstLast => "avg_first_last",
        }
    }

    /// Reads `cls`, `mean` (or ModelScope's `avg`), `avg_top2` or `avg_first_last`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for anything else.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "cls" => Self::Cls,
            "mean" | "avg" => Self::Mean,
            "avg_top2" => Self::AvgTop2,
            "avg_first_last" => Self::AvgFirstLast,
            _ => fail!(
                InvalidArgument,
                "pooling `{name}` is unknown: use cls, mean, avg_top2 or avg_first_last"
            ),
        })
    }

    /// The layers whose output this pooling averages, for a model of
    /// `num_hidden_layers`; layer 1 is the first transformer layer's output.
    pub fn layers(self, num_hidden_layers: usize) -> Vec<usize> {
        let last = num_hidden_layers;
        match self {
            Self::Cls | Self::Mean => vec![last],
            // With one layer, the layer before the last is the embeddings' output.
            Self::AvgTop2 => vec![last, last - 1],
            Self::AvgFirstLast => vec![last, 1],
        }
    }
}

/// What a checkpoint's side files say about turning text into vectors.
/// `None` means that the file does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolingConfig {
    /// The pooling.
    pub pooling: Option<Pooling>,
    /// Whether vectors are L2-normalised.
    pub normalize: Option<bool>,
    /// Where texts are cut, in tokens.
    pub max_length: Option<usize>,
}

impl PoolingConfig {
    /// Reads ModelScope's `configuration.json`: `model.emb_pooler_type`,
    /// `model.normalize`, `preprocessor.max_length` or `.sequence_length`.
    ///
    /// # Errors
    /// `INVALID_CONFIG` when it is no JSON object or a value is not of its kind.
    pub fn from_modelscope(bytes: &[u8]) -> Result<Self> {
        const FILE: &str = "configuration.json";
        let value = parse_object(bytes, FILE)?;
        let model = value.get("model");
        let pooling = match model.and_then(|m| m.get("emb_pooler_type")) {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(
                Pooling::parse(name)
                    .map_err(|e| Error::new(ErrorCode::InvalidConfig, format!("{FILE}: {e}")))?,
            ),
            Some(other) => fail!(InvalidConfig, "{FILE}: model.emb_pooler_type is {other}, not a string"),
        };
        let normalize = match model.and_then(|m| m.get("normalize")) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(b)) => Some(*b),
            Some(other) => fail!(InvalidConfig, "{FILE}: model.normalize is {other}, not true or false"),
        };
        let preprocessor = value.get("preprocessor");
        let length = preprocessor.and_then(|p| p.get("max_length").or_else(|| p.get("sequence_length")));
        let max_length = match length {
            None | Some(Value::Null) => None,
            Some(n) => match n.as_u64() {
                Some(n @ 2..=0xff_ffff) => Some(n as usize),
                _ => fail!(InvalidConfig, "{FILE}: preprocessor.max_length is {n}, not a number of tokens"),
            },
        };
        Ok(Self { pooling, normalize, max_length })
    }
}

/// Parses bytes as a JSON object; `file` names it in the message.
pub(crate) fn parse_object(bytes: &[u8], file: &str) -> Result<Value> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|e| Error::with_source(ErrorCode::InvalidConfig, format!("{file} is not JSON: {e}"), e))?;
    if !value.is_object() {
        fail!(InvalidConfig, "{file} is not a JSON object");
    }
    Ok(value)
}

/// The same for a large file that is read later: nothing is kept of it.
pub(crate) fn check_object(bytes: &[u8], file: &str) -> Result<()> {
    serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(bytes).map(|_| ()).map_err(|e| {
        let what = if e.is_data() { "is not a JSON object" } else { "is not JSON" };
        Error::with_source(ErrorCode::InvalidConfig, format!("{file} {what}: {e}"), e)
    })
}
