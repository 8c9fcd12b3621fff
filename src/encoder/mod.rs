//! The encoder: a [`Batch`] of token ids in, hidden rows out.
//!
//! tract appears only below this module.

pub mod cpu;
mod graph;
pub mod onnx;
pub mod ops;
pub mod plain;
mod ports;

use crate::batch::Batch;
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
    /// One `[batch, sequence, hidden_size]` matrix, row-major, for each layer
    /// that was asked for at load, in that order. Rows of padding are present
    /// and hold nothing of use.
    Hidden(Vec<Vec<f32>>),
    /// The graph pools by itself (an output such as `sentence_embedding`):
    /// `[batch, hidden_size]`, row-major.
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
    /// What runs the graph: `cpu (tract)`.
    pub backend: &'static str,
    /// Bytes of weights in the graph as loaded.
    pub weight_bytes: usize,
    /// The batch and sequence length that the graph was exported with, where
    /// they are fixed.
    pub static_batch: Option<usize>,
    /// See `static_batch`.
    pub static_sequence: Option<usize>,
}
