//! The start of a model without weights: a shape and a tokenizer.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::config::{BertConfig, Pooling};
use crate::convert::StartingPoint;
use crate::error::{Error, Result, fail};
use crate::json;
use crate::prompts::Prompts;
use crate::similarity::Metric;
use crate::tokenizer::{Tokenizer, TokenizerFiles};

/// Numbers of a hidden state per attention head, as in BERT.
const HEAD_SIZE: usize = 64;
/// The feed-forward layer is so many times as wide as a hidden state, as in BERT.
const FEED_FORWARD: usize = 4;
const POSITIONS: usize = 512;
/// The largest shape: layers, hidden size.
const MAX_SHAPE: (usize, usize) = (64, 8192);

/// The shape of a BERT: `4x256` is 4 layers with hidden states of 256 numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The number of layers.
    pub layers: usize,
    /// The numbers per hidden state: 64 per attention head.
    pub hidden: usize,
}

impl FromStr for Shape {
    type Err = Error;

    /// Parses `LAYERSxHIDDEN`.
    fn from_str(text: &str) -> Result<Self> {
        let parsed = text.split_once('x').and_then(|(layers, hidden)| {
            Some(Self { layers: layers.parse().ok()?, hidden: hidden.parse().ok()? })
        });
        match parsed {
            Some(shape)
                if (1..=MAX_SHAPE.0).contains(&shape.layers)
                    && (HEAD_SIZE..=MAX_SHAPE.1).contains(&shape.hidden)
                    && shape.hidden.is_multiple_of(HEAD_SIZE) =>
            {
                Ok(shape)
            }
            _ => fail!(
                InvalidArgument,
                "shape `{text}`: expected LAYERSxHIDDEN such as 4x256, with at most {} layers and a hidden size that is a \
                 multiple of {HEAD_SIZE} up to {}",
                MAX_SHAPE.0,
                MAX_SHAPE.1
            ),
        }
    }
}

impl Shape {
    /// Returns the configuration of a BERT of this shape with BERT's proportions.
    pub fn config(self, vocab_size: usize) -> BertConfig {
        BertConfig {
            vocab_size,
            hidden_size: self.hidden,
            num_hidden_layers: self.layers,
            num_attention_heads: self.hidden / HEAD_SIZE,
            intermediate_size: FEED_FORWARD * self.hidden,
            hidden_act: "gelu".into(),
            max_position_embeddings: POSITIONS,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
            pad_token_id: 0,
            model_type: Some("bert".into()),
        }
    }
}

/// Makes a start with random weights. The pooling is that of `[CLS]`, the metric the inner product.
///
/// # Errors
/// `INVALID_TOKENIZER` if the files are not those of a tokenizer, `INVALID_ARGUMENT` for a maximum length over 512.
pub fn random_start(shape: Shape, files: &TokenizerFiles, max_length: usize) -> Result<StartingPoint> {
    if max_length > POSITIONS {
        fail!(InvalidArgument, "--max-length {max_length}: expected at most {POSITIONS}");
    }
    let tokenizer_json = Tokenizer::from_files(files, max_length, usize::MAX >> 1)?.to_json()?;
    let vocab_size = vocabulary_size(&tokenizer_json)?;
    let tokenizer = Tokenizer::from_json(tokenizer_json.as_bytes(), max_length, vocab_size)?;
    Ok(StartingPoint {
        config: shape.config(vocab_size),
        tokenizer,
        tokenizer_json,
        tensors: BTreeMap::new(),
        pooling: Pooling::Cls.into(),
        has_head: false,
        normalize: false,
        metric: Metric::Dot,
        prompts: Prompts::default(),
    })
}

/// Returns one more than the highest id of a `tokenizer.json`.
fn vocabulary_size(json: &str) -> Result<usize> {
    let value = json::object(json.as_bytes(), "tokenizer.json", crate::error::ErrorCode::InvalidTokenizer)?;
    let words = value["model"]["vocab"].as_object().into_iter().flat_map(|words| words.values());
    let added = value["added_tokens"].as_array().into_iter().flatten().map(|token| &token["id"]);
    match words.chain(added).filter_map(serde_json::Value::as_u64).max() {
        Some(most) => Ok(most as usize + 1),
        None => fail!(
            InvalidTokenizer,
            "the tokenizer has no WordPiece vocabulary; training from random weights needs one"
        ),
    }
}
