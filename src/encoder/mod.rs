//! The encoder: a [`Batch`] of token ids in, hidden rows out.
//!
//! tract appears only below this module.

mod check;
pub mod cpu;
pub mod fused;
mod matcher;
pub mod onnx;
pub mod ops;
mod signature;
pub mod unfused;

use crate::batch::{Batch, BatchLayout};
use crate::error::Result;

/// The contract every back end keeps.
pub trait Encoder {
    /// What was loaded.
    fn info(&self) -> &EncoderInfo;

    /// Runs the transformer over one batch.
    ///
    /// # Errors
    /// `TOKEN_ID_OUT_OF_RANGE` and other refusals leave the encoder usable.
    fn forward(&mut self, batch: &Batch) -> Result<EncoderOutput>;
}

/// What an encoder makes of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum EncoderOutput {
    /// One `[tokens, hidden_size]` matrix, row-major, for each layer that was asked
    /// for at load, in that order: the rows of each text's tokens, text after text,
    /// without padding.
    Hidden(Vec<Vec<f32>>),
    /// One row a text, `[batch, hidden_size]`, row-major: only the first rows were
    /// asked for, or the graph pools by itself (an output such as `sentence_embedding`).
    Pooled(Vec<f32>),
}

/// What the encoder knows of itself, for `corom.info`.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderInfo {
    /// Width of an output row. (It is the graph's; `config.json` must agree.)
    pub hidden_size: usize,
    /// Whether the graph's output is already one row a text.
    pub pooled: bool,
    /// The number type of the weights: `f32`, `f16`, `int8`, `int4`.
    pub dtype: &'static str,
    /// What runs the graph: `cpu`, or `cpu (tract)` for one that is not fused.
    pub backend: &'static str,
    /// Whether the graph runs as fused ops.
    pub fused: bool,
    /// The number type of the products: `int8`, `int4` or `f32`.
    pub precision: &'static str,
    /// The kernels: `exact`, `relaxed-i16`, `relaxed-i32`; `tract` where it is not fused.
    pub kernel: &'static str,
    /// Bytes of weights in the graph as loaded.
    pub weight_bytes: usize,
    /// The batch and sequence length that the graph was exported with, where
    /// they are fixed.
    pub static_batch: Option<usize>,
    /// See `static_batch`.
    pub static_sequence: Option<usize>,
}

impl EncoderInfo {
    /// How texts are best put together. On one thread a fused graph gains nothing from more than a
    /// few dozen rows at a time, and a page that waits does.
    pub fn fill(&self) -> BatchLayout {
        if self.fused { BatchLayout::Ragged(64) } else { BatchLayout::Padded(512) }
    }
}
