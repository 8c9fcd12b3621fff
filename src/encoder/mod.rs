//! The encoder: token ids → hidden states.
//!
//! A back end implements [`Encoder`]. [`EncoderLoader`] chooses it: the plan on the CPU if
//! the graph is recognized, otherwise the graph as it is in tract. tract appears only below this
//! module.
//!
//! ```text
//! model.onnx ─ onnx ─▶ tract's typed graph ─ matcher ─▶ plan ─ cpu ─▶ CpuEncoder
//!                                   │                    └─ gpu ─▶ GpuEncoder (feature `gpu`)
//!                                   └─ not recognized ─ unfused ─▶ UnfusedEncoder
//! ```

mod check;
pub mod cpu;
mod declared_value;
mod embedding_rows;
#[cfg(feature = "convert")]
pub(crate) mod export;
#[cfg(not(target_arch = "wasm32"))]
mod fallback;
#[cfg(feature = "gpu")]
pub mod gpu;
pub(crate) mod graph;
mod load;
mod logits;
mod matcher;
pub mod onnx;
#[cfg(test)]
mod op_tests;
mod options;
mod plan;
pub mod quantize;
pub mod reference;
#[cfg(not(target_arch = "wasm32"))]
mod reference_backend;
pub(crate) mod reserve;
mod signature;
pub mod spec;
#[cfg(feature = "cli")]
mod tract_onnx_reader;
#[cfg(feature = "convert")]
pub(crate) mod transpose;
#[cfg(feature = "unfused")]
pub mod unfused;
mod weight_stream;

use std::task::Poll;

#[cfg(not(target_arch = "wasm32"))]
pub use fallback::{FallbackEncoder, Reload};
pub use load::{EncoderLoader, OutputShape};
pub(crate) use logits::reranker_error;
pub use options::{BackendChoice, EncoderOptions, KernelChoice, OutputPreference, Precision};
#[cfg(feature = "cli")]
pub use tract_onnx_reader::{GUARDED_THREAD, guarded};

use crate::batch::{Batch, BatchLayout};
use crate::config::BertConfig;
use crate::error::Result;

/// The contract that every back end keeps.
///
/// A run is split in two so that a back end can compute elsewhere, on a GPU for instance, while the
/// caller yields to its event loop. A back end that computes on this thread does so in `begin`, and
/// its first `poll` is ready.
pub trait Encoder: Send {
    /// Returns what was loaded.
    fn info(&self) -> &EncoderInfo;

    /// Starts a run over one batch. The runs of earlier batches that are not finished are dropped.
    ///
    /// # Errors
    /// `TOKEN_ID_OUT_OF_RANGE` for a token id outside the vocabulary or a token type outside the
    /// types; `INVALID_ARGUMENT` for a batch that contradicts itself or has a text with more tokens
    /// than the model has positions. The encoder stays usable.
    fn begin(&mut self, batch: &Batch) -> Result<()>;

    /// Returns the number of runs that may be under way at the same time: more than 1 for a back end that computes
    /// elsewhere.
    fn max_runs(&self) -> usize {
        1
    }

    /// Starts a run over one more batch, behind those that are under way. There are fewer than
    /// [`max_runs`](Self::max_runs).
    ///
    /// # Errors
    /// The errors of [`begin`](Self::begin). Then no run is under way.
    fn begin_next(&mut self, batch: &Batch) -> Result<()> {
        self.begin(batch)
    }

    /// Returns the output of the first run that is under way, once it is ready. The next call is about the next run.
    ///
    /// # Errors
    /// `INTERNAL` if no run was started or the run failed. Then no run is under way.
    fn poll(&mut self) -> Result<Poll<EncoderOutput>>;

    /// Returns another encoder of the same model, for another thread. Both share the weights.
    #[cfg(not(target_arch = "wasm32"))]
    fn fork(&self) -> Box<dyn Encoder>;

    /// Returns the name and the value of each op of a plan, for tests that compare back ends op by op.
    #[cfg(test)]
    fn stages(&mut self, _: &Batch) -> Result<Vec<(&'static str, Vec<f32>)>> {
        Ok(Vec::new())
    }

    /// Runs one batch and blocks until the output is ready.
    ///
    /// # Errors
    /// The errors of [`begin`](Self::begin) and [`poll`](Self::poll).
    fn forward(&mut self, batch: &Batch) -> Result<EncoderOutput> {
        self.begin(batch)?;
        loop {
            if let Poll::Ready(output) = self.poll()? {
                return Ok(output);
            }
            std::thread::yield_now();
        }
    }
}

/// The output of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum EncoderOutput {
    /// Hidden states: one row-major `[tokens, hidden_size]` matrix per requested layer, in the order
    /// of the request, the rows in the order of the batch's tokens.
    Hidden(Vec<Vec<f32>>),
    /// One row per text, row-major `[texts, hidden_size]`: only first rows were requested, or the
    /// graph pools by itself (an output such as `sentence_embedding`).
    Pooled(Vec<f32>),
    /// The logits of a cross-encoder, row-major `[texts, labels]`.
    Scores(Vec<f32>),
}

/// The properties of a back end and of the loaded model.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderInfo {
    /// Columns of an output row, as the graph has it. Those of hidden states must agree with
    /// `config.json`; a sentence vector has its own number, and scores have one per label.
    pub hidden_size: usize,
    /// True if the output of the graph is one row per text.
    pub pooled: bool,
    /// True if only the first row of each text is returned, for CLS pooling alone
    /// ([`EncoderOptions::first_rows`]).
    pub first_rows: bool,
    /// The number type of the stored weights: `f32`, `f16`, `int8` or `int4`.
    pub dtype: &'static str,
    /// The name of the back end: `cpu`, `gpu`, or `cpu (tract)` for a graph that runs as it is.
    pub backend: &'static str,
    /// True if the back end runs a plan of fused ops.
    pub fused: bool,
    /// The number type of most products: `int8`, `int4` or `f32`.
    pub precision: &'static str,
    /// The kernels in use, by name, for display.
    pub kernel: &'static str,
    /// Bytes of weights that the back end holds.
    pub weight_bytes: usize,
    /// The batch size that the graph was exported with, if it is fixed.
    pub static_batch: Option<usize>,
    /// The sequence length that the graph was exported with, if it is fixed.
    pub static_sequence: Option<usize>,
    /// The most tokens of a text: the rows of the position table from the first token's row on, or the fixed
    /// sequence length.
    pub max_tokens: usize,
    /// The grouping of texts that suits the encoder best.
    pub batch_layout: BatchLayout,
    /// The difference that vectors may have from the converter's in the self-test.
    pub tolerance: Tolerance,
    /// The name of the GPU that runs the model.
    pub device: Option<String>,
    /// The reason why the CPU runs the model although a GPU was requested.
    pub fallback: Option<String>,
}

/// The difference that a vector may have from a reference vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// The lowest cosine similarity.
    pub min_cosine: f32,
    /// The largest relative difference between the two norms.
    pub max_norm_error: f32,
    /// The group of kernels that computes the vectors: `exact` or `relaxed`. The converter may have measured a
    /// larger error for the group. `None` for kernels that compute in f32.
    pub kernels: Option<&'static str>,
}

/// The description of a model by its graph and `config.json`, for a back end that builds an encoder.
#[derive(Debug, Clone)]
pub(crate) struct ModelFacts {
    pub(crate) config: BertConfig,
    /// See [`EncoderInfo::pooled`].
    pub(crate) pooled: bool,
    /// See [`EncoderInfo::dtype`].
    pub(crate) dtype: &'static str,
    /// See [`EncoderInfo::static_sequence`].
    pub(crate) static_sequence: Option<usize>,
    /// See [`EncoderInfo::fallback`].
    pub(crate) fallback: Option<String>,
}
