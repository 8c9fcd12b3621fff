//! The lineage: the id of a model and of its vectors, the same for every number type that the model is written in.
//!
//! ```text
//! lineage := model "-" vectors
//! model   := 32 hex digits of a SHA-256 over configuration, tokenizer and tensors
//! vectors := 16 hex digits of a SHA-256 over pooling, modules after it, normalization, and the treatment of text
//! ```
//!
//! Tensors are hashed before quantization, rounded to f16, so that a float16 copy of a checkpoint is the same model. The
//! maximum length, the metric and the prompts do not count: they choose among the vectors of one space.

use std::fmt;

use half::f16;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::PoolingChoice;
use crate::head::{Head, HeadLayer};

const MODEL_DIGITS: usize = 32;
const VECTORS_DIGITS: usize = 16;
const NEGATIVE_ZERO: u16 = 0x8000;

/// The id of a model and of its vectors. Vectors can be compared if their lineages are equal.
///
/// ```
/// use corom::lineage::Lineage;
///
/// let text = format!("{}-{}", "0".repeat(32), "1".repeat(16));
/// let lineage = Lineage::try_from(text.clone())?;
/// assert_eq!(lineage.to_string(), text);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lineage {
    model: String,
    vectors: String,
}

/// The settings that decide what a model's hidden states become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VectorSettings<'a> {
    pub(crate) pooling: &'a PoolingChoice,
    pub(crate) head: &'a Head,
    pub(crate) normalize: bool,
    pub(crate) lowercase: bool,
    pub(crate) split_special_tokens: bool,
}

impl Lineage {
    /// Makes the lineage of a model. `model` is a SHA-256 over configuration, tokenizer and tensors.
    #[cfg(feature = "convert")]
    pub(crate) fn new(model: [u8; 32], settings: VectorSettings) -> Self {
        Self { model: hex(&model, MODEL_DIGITS), vectors: settings.id() }
    }

    /// Returns the lineage of the model with other settings.
    pub(crate) fn with_settings(&self, settings: VectorSettings) -> Self {
        Self { model: self.model.clone(), vectors: settings.id() }
    }

    /// Returns true if both are of one model, whose settings may differ.
    pub fn is_same_model(&self, other: &Self) -> bool {
        self.model == other.model
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.model, self.vectors)
    }
}

impl From<Lineage> for String {
    fn from(lineage: Lineage) -> Self {
        lineage.to_string()
    }
}

impl TryFrom<String> for Lineage {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_hex = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        match text.split_once('-') {
            Some((model, vectors)) if is_hex(model, MODEL_DIGITS) && is_hex(vectors, VECTORS_DIGITS) => {
                Ok(Self { model: model.to_owned(), vectors: vectors.to_owned() })
            }
            _ => Err(format!(
                "lineage is {text:?}; expected {MODEL_DIGITS} hex digits, `-` and {VECTORS_DIGITS} hex digits"
            )),
        }
    }
}

impl VectorSettings<'_> {
    fn id(self) -> String {
        let mut hash = Sha256::new();
        add_text(&mut hash, &self.pooling.to_string());
        for flag in [self.normalize, self.lowercase, self.split_special_tokens] {
            hash.update([u8::from(flag)]);
        }
        for layer in self.head.layers() {
            match layer {
                HeadLayer::Normalize => add_text(&mut hash, "normalize"),
                HeadLayer::LayerNorm(norm) => {
                    add_text(&mut hash, "layer_norm");
                    norm.tensors().into_iter().for_each(|values| add_values(&mut hash, values));
                }
                HeadLayer::Dense(dense) => {
                    add_text(&mut hash, &format!("dense {}", dense.description()));
                    dense.tensors().into_iter().for_each(|values| add_values(&mut hash, values));
                }
            }
        }
        hex(&hash.finalize(), VECTORS_DIGITS)
    }
}

/// Adds a text with its length.
pub(crate) fn add_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

/// Adds numbers, rounded to f16, with their count.
pub(crate) fn add_values(hash: &mut Sha256, values: &[f32]) {
    hash.update((values.len() as u64).to_le_bytes());
    let mut bytes = [0; 1024];
    for values in values.chunks(bytes.len() / 2) {
        for (bytes, &value) in bytes.chunks_exact_mut(2).zip(values) {
            let bits = f16::from_f32(value).to_bits();
            // Exporters do not keep the sign of zero.
            let bits = if bits == NEGATIVE_ZERO { 0 } else { bits };
            bytes.copy_from_slice(&bits.to_le_bytes());
        }
        hash.update(&bytes[..2 * values.len()]);
    }
}

fn hex(bytes: &[u8], digits: usize) -> String {
    bytes[..digits / 2].iter().map(|byte| format!("{byte:02x}")).collect()
}
