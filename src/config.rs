//! Reads a model's configuration from `config.json` (Hugging Face's field names).
//!
//! ```
//! use corom::config::{BertConfig, Pooling};
//!
//! let config = BertConfig::from_json(
//!     br#"{ "model_type": "bert", "vocab_size": 21128, "hidden_size": 768, "num_hidden_layers": 12,
//!           "num_attention_heads": 12, "intermediate_size": 3072 }"#,
//! )?;
//! assert_eq!(config.max_position_embeddings, 512); // BERT's default
//! assert_eq!(Pooling::parse("avg_top2")?.layers(config.num_hidden_layers), [12, 11]);
//! # Ok::<(), corom::error::Error>(())
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorCode, Result, fail};
use crate::json;
pub use crate::pooling::{Pooling, PoolingChoice};

/// Tokens at which CoROM's reference pipeline cuts a text, `[CLS]` and `[SEP]` included (docs/corom.md).
pub const DEFAULT_MAX_LENGTH: usize = 128;

/// The part of `config.json` that corom needs to run a BERT.
///
/// Field names are those of Hugging Face's `BertConfig`; DistilBERT's names for the same sizes are read too. No
/// size is hard-coded: layers, hidden size, heads and vocabulary come from the file. Whether a model is a BERT is
/// decided by its graph, not by `model_type`. The [module](self) has an example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BertConfig {
    /// Rows of the word embedding.
    pub vocab_size: usize,
    /// Numbers per hidden state.
    pub hidden_size: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Numbers per row of the feed-forward layer.
    pub intermediate_size: usize,
    /// Activation of the feed-forward layer: `gelu` (erf), `gelu_new`, `relu` …
    #[serde(default = "default_hidden_act")]
    pub hidden_act: String,
    /// Rows of the position embedding, which is the maximum number of tokens of a text.
    #[serde(default = "default_max_position_embeddings")]
    pub max_position_embeddings: usize,
    /// Rows of the token type embedding.
    #[serde(default = "default_type_vocab_size")]
    pub type_vocab_size: usize,
    /// Epsilon of every LayerNorm.
    #[serde(default = "default_layer_norm_eps")]
    pub layer_norm_eps: f64,
    /// Token id of padding.
    #[serde(default)]
    pub pad_token_id: i64,
    /// Hugging Face's name of the kind of model, for messages and for the converter: `bert`, `roberta` …
    #[serde(default, skip_serializing)]
    pub model_type: Option<String>,
}

/// Names that DistilBERT's `config.json` uses: its name, Hugging Face's usual name.
const OTHER_NAMES: [(&str, &str); 5] = [
    ("dim", "hidden_size"),
    ("n_layers", "num_hidden_layers"),
    ("n_heads", "num_attention_heads"),
    ("hidden_dim", "intermediate_size"),
    ("activation", "hidden_act"),
];

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

/// The largest size that a `config.json` may state. It bounds the arithmetic on sizes; real models are far smaller.
const MAX_SIZE: usize = 1 << 24;

impl BertConfig {
    /// Parses and checks a `config.json`.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if the file is not a JSON object, lacks a field or contradicts itself;
    /// `UNSUPPORTED_MODEL` if it describes a decoder, or a kind of model that has not the sizes of a BERT.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let mut value = json::object(bytes, "config.json", ErrorCode::InvalidConfig)?;
        if value.get("is_decoder").and_then(Value::as_bool) == Some(true) {
            fail!(UnsupportedModel, "config.json: is_decoder is true; corom runs BERT encoders only");
        }
        if let Some(object) = value.as_object_mut() {
            for (other, usual) in OTHER_NAMES {
                if let Some(size) = object.get(other).cloned() {
                    object.entry(usual).or_insert(size);
                }
            }
            // A model without token types: every token has type 0.
            if object.get("type_vocab_size").and_then(Value::as_u64) == Some(0) {
                object.insert("type_vocab_size".into(), 1.into());
            }
            let kind = object.get("model_type").and_then(Value::as_str);
            if let (Some(kind), None) = (kind.filter(|kind| *kind != "bert"), object.get("hidden_size")) {
                fail!(
                    UnsupportedModel,
                    "config.json: model_type is `{kind}`, and there is no hidden_size; corom runs BERT encoders"
                );
            }
        }
        let config: Self = serde_json::from_value(value).map_err(|e| {
            Error::with_source(
                ErrorCode::InvalidConfig,
                format!("config.json: not a BERT configuration: {e}"),
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
            if value == 0 || value > MAX_SIZE {
                fail!(InvalidConfig, "config.json: {name} is {value}; expected 1 to {MAX_SIZE}");
            }
        }
        if self.max_position_embeddings < 2 || self.max_position_embeddings > MAX_SIZE {
            fail!(
                InvalidConfig,
                "config.json: max_position_embeddings is {}; expected 2 to {MAX_SIZE}",
                self.max_position_embeddings
            );
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            fail!(
                InvalidConfig,
                "config.json: hidden_size is {}; expected a multiple of num_attention_heads, {}",
                self.hidden_size,
                self.num_attention_heads
            );
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            fail!(
                InvalidConfig,
                "config.json: layer_norm_eps is {}; expected a number between 0 and 1",
                self.layer_norm_eps
            );
        }
        if self.pad_token_id < 0 || self.pad_token_id >= self.vocab_size as i64 {
            fail!(
                InvalidConfig,
                "config.json: pad_token_id is {}; expected 0 to {} (vocab_size - 1)",
                self.pad_token_id,
                self.vocab_size - 1
            );
        }
        Ok(())
    }
}
