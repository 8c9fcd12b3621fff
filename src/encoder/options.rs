//! The choices of a caller when an encoder is loaded.

use crate::encoder::cpu::kernels::linear::Kernel;
use crate::error::{Result, fail};

/// Options of [`EncoderLoader`](super::EncoderLoader).
#[derive(Debug, Clone, Default)]
pub struct EncoderOptions {
    /// The hidden layers to return, see [`Pooling::layers`](crate::config::Pooling::layers).
    pub layers: Vec<usize>,
    /// True if only the first row of each text is needed, of the last layer (CLS pooling).
    pub first_rows: bool,
    /// The outputs of the graph that are wanted.
    pub outputs: OutputPreference,
    /// The number type of the fused encoder.
    pub precision: Precision,
    /// The kernels of the CPU back end.
    pub kernel: KernelChoice,
    /// The back end that runs the graph.
    pub backend: BackendChoice,
    /// The GPU that runs a plan with [`BackendChoice::Auto`]. `None`: the CPU.
    #[cfg(feature = "gpu")]
    pub gpu: Option<crate::encoder::gpu::GpuDevice>,
}

/// The outputs of a graph that an encoder returns: the hidden states of [`EncoderOptions::layers`], or the
/// graph's own sentence vector, one row per text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputPreference {
    /// The hidden states. If only the last layer is requested and no output has hidden states, the sentence
    /// vector.
    #[default]
    HiddenFirst,
    /// The hidden states, also if the graph has them inside only. If it does not show them, the sentence
    /// vector.
    HiddenInside,
    /// The hidden states, also if the graph has them inside only.
    Hidden,
    /// The sentence vector.
    Sentence,
    /// The sentence vector. If there is none, the hidden states.
    SentenceFirst,
    /// The logits of a cross-encoder, one or two per text.
    Scores,
}

/// The back ends that run a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// The fastest back end: the plan on the CPU, or tract for a graph that is not recognized.
    #[default]
    Auto,
    /// tract runs the graph as it is, even if a plan exists: slower, and the reference that the tests
    /// compare with.
    Unfused,
    /// tract runs the graph as tract-onnx reads it: a second opinion, independent of corom's own reading.
    #[cfg(feature = "cli")]
    TractOnnx,
    /// The scalar references run the plan, for tests. A graph that is not recognized runs in tract.
    #[cfg(not(target_arch = "wasm32"))]
    Reference,
}

impl BackendChoice {
    /// Returns true if the graph runs as it is, without a plan.
    pub(crate) fn runs_the_graph(self) -> bool {
        match self {
            Self::Unfused => true,
            #[cfg(feature = "cli")]
            Self::TractOnnx => true,
            _ => false,
        }
    }
}

/// The number type that a fused encoder computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// int8 weights with one scale per output channel, or the 4-bit weights of the file. Activations
    /// are quantized per row.
    #[default]
    Auto,
    /// f32 throughout.
    F32,
}

impl Precision {
    /// Parses `auto` or `f32`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for anything else.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            _ => fail!(InvalidArgument, "precision \"{name}\" is unknown: use \"auto\" or \"f32\""),
        }
    }
}

/// The kernels that the CPU back end runs.
#[derive(Debug, Clone, Copy, Default)]
pub enum KernelChoice {
    /// The kernels that give the same bits on every machine.
    #[default]
    Exact,
    /// The fastest kernels of this build, found by timing real calls. The function is a clock that
    /// returns milliseconds.
    Fastest(fn() -> f64),
    /// One kernel, for tests and benchmarks.
    Fixed(Kernel),
}

impl KernelChoice {
    /// Parses `auto` or `exact`. `now` is a clock that returns milliseconds.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for anything else.
    pub fn parse(name: &str, now: fn() -> f64) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Fastest(now)),
            "exact" => Ok(Self::Exact),
            _ => fail!(InvalidArgument, "kernel \"{name}\" is unknown: use \"auto\" or \"exact\""),
        }
    }
}
