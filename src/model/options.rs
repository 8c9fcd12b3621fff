//! How a model is to be loaded.

use crate::config::Pooling;
use crate::encoder::{KernelChoice, Precision};

/// What a caller may choose. `None` leaves it to the model's own files.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Where texts are cut, in tokens with `[CLS]` and `[SEP]`. CoROM: 128.
    pub max_length: Option<usize>,
    /// How hidden rows become a vector.
    pub pooling: Option<Pooling>,
    /// Whether vectors are L2-normalised.
    pub normalize: Option<bool>,
    /// Leaves out the manifest's self-test.
    pub skip_self_test: bool,
    /// The ONNX file to load, a path in the folder. Any but `model.onnx` turns the
    /// manifest off, which is about that one.
    pub model: Option<String>,
    /// How exact products are.
    pub precision: Precision,
    /// The kernels that products run.
    pub kernel: KernelChoice,
    /// Runs the graph in plain tract as it is: slower, and what the fused graph is tested against.
    pub unfused: bool,
}
