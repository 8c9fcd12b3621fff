//! What the fused ops are, apart from their weights: shapes, activation functions, the order of weights in a
//! file, and the range of quantized activations. The plan, the references and the kernels share these types.

/// What a `Linear` does to each of its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `x·Φ(x)`, with `erf`.
    Gelu,
    /// Its approximation with `tanh` (`gelu_new`, `gelu_pytorch_tanh`, FastGelu).
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `tanh(x)`: the pooler.
    Tanh,
}

/// The order in which a weight's values lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightOrder {
    /// `[N, K]`, an output's weights together: PyTorch, `Gemm` with `transB`, MatMulNBits.
    OutIn,
    /// `[K, N]`, an input's weights together: the second operand of `MatMul`.
    InOut,
}

/// What is known of a `Linear` before its weights are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearSpec {
    /// `K`.
    pub inputs: usize,
    /// `N`.
    pub outputs: usize,
    /// The epilogue.
    pub activation: Activation,
}

/// The shape of an `Attention`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionSpec {
    /// Heads.
    pub heads: usize,
    /// Width of a head.
    pub head_size: usize,
    /// What scores are multiplied by.
    pub scale: f32,
    /// Whether only the first row of each sequence asks.
    pub first_row_only: bool,
}

impl AttentionSpec {
    /// BERT's: `hidden` split into `heads`, scores over the root of a head's width.
    pub fn new(hidden: usize, heads: usize) -> Self {
        let head_size = hidden / heads.max(1);
        Self { heads, head_size, scale: (1.0 / (head_size as f64).sqrt()) as f32, first_row_only: false }
    }

    /// `heads · head_size`.
    pub fn hidden(&self) -> usize {
        self.heads * self.head_size
    }
}

/// The largest integer that an activation may become, so that no sum of `inputs` products with
/// weights of magnitude up to `weight_max` leaves an `i32`: 12 bits for K = 4096 and int8 weights. At most
/// 13 bits, so that the sum of four (see the kernel's `strassen`) is an `i16`.
pub const fn activation_max(inputs: usize, weight_max: usize) -> i32 {
    const MOST: usize = i16::MAX as usize / 4;
    let most = i32::MAX as usize / (if inputs == 0 { 1 } else { inputs }).saturating_mul(weight_max);
    if most > MOST { MOST as i32 } else { most as i32 }
}

/// Below this a row is taken for zero: the reciprocal of its scale could overflow.
pub const MIN_ROW_MAGNITUDE: f32 = 1e-30;
