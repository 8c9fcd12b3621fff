//! The specification of the fused ops, without their weights: shapes, activation functions, the order of weights in a
//! file, and the range of quantized activations. The plan, the references and the kernels share these types.

/// The activation function of a `Linear`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// No activation function.
    #[default]
    None,
    /// `x·Φ(x)`, with Φ the normal distribution function. Usually written with `erf`.
    Gelu,
    /// The approximation of gelu with `tanh`: `gelu_new`, `gelu_pytorch_tanh`, FastGelu.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `tanh(x)`, as in the pooler.
    Tanh,
}

/// The order of the values of a weight in a file. N is the number of outputs, K of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightOrder {
    /// `[N, K]`: PyTorch, `Gemm` with `transB`, MatMulNBits.
    OutIn,
    /// `[K, N]`: the second operand of `MatMul`.
    InOut,
}

/// A `Linear` without its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearSpec {
    /// The number of inputs, K.
    pub inputs: usize,
    /// The number of outputs, N.
    pub outputs: usize,
    /// Applied to each output.
    pub activation: Activation,
}

/// An `Attention`.
///
/// ```
/// let spec = corom::encoder::spec::AttentionSpec::new(384, 12);
/// assert_eq!((spec.head_size, spec.hidden()), (32, 384));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionSpec {
    /// The number of heads.
    pub heads: usize,
    /// The width of a head.
    pub head_size: usize,
    /// The factor of the scores.
    pub scale: f32,
    /// True if there is one query per sequence, that of its first row.
    pub first_row_only: bool,
    /// The least and the largest score: scores, which are scaled already, are clipped to this range.
    pub score_range: [f32; 2],
}

/// The range of values that are not clipped.
pub const UNBOUNDED: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

impl AttentionSpec {
    /// Returns the attention of BERT: `hidden` is split into `heads` heads, and scores are divided by
    /// `√head_size`.
    pub fn new(hidden: usize, heads: usize) -> Self {
        let head_size = hidden / heads.max(1);
        let scale = (1.0 / (head_size as f64).sqrt()) as f32;
        Self { heads, head_size, scale, first_row_only: false, score_range: UNBOUNDED }
    }

    /// Returns the width of a row, `heads · head_size`.
    pub fn hidden(&self) -> usize {
        self.heads * self.head_size
    }
}

/// The row of the position table that a token reads.
///
/// BERT counts 0, 1, 2 …. RoBERTa counts from `padding_idx + 1`, and its pad token reads row `padding_idx` and does
/// not count.
///
/// ```
/// use corom::encoder::spec::PositionRule;
///
/// let roberta = PositionRule { first: 2, skipped_id: Some(1) };
/// assert_eq!(roberta.rows(&[0, 7, 1, 9, 2]).collect::<Vec<_>>(), [2, 3, 1, 4, 5]);
/// assert_eq!(PositionRule::default().rows(&[101, 7, 102]).collect::<Vec<_>>(), [0, 1, 2]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PositionRule {
    /// The row of the first token of a text.
    pub first: usize,
    /// A token id that does not count and reads the row before `first`, which is then at least 1.
    pub skipped_id: Option<u32>,
}

impl PositionRule {
    /// Returns the row of each token of a text.
    pub fn rows(self, ids: &[u32]) -> impl Iterator<Item = usize> {
        let mut next = self.first;
        ids.iter().map(move |id| {
            if self.skipped_id == Some(*id) {
                return self.first.saturating_sub(1);
            }
            next += 1;
            next - 1
        })
    }
}

/// Returns the largest magnitude of a quantized activation for which every sum of `inputs` products with
/// weights of magnitudes up to `weight_max` fits an `i32`. At most 13 bits, so that a sum of four activations
/// fits an `i16` (see `strassen` in the CPU kernels).
///
/// ```
/// use corom::encoder::spec::activation_max;
/// assert_eq!([768, 4096].map(|inputs| activation_max(inputs, 128)), [8191, 4095]);
/// ```
pub const fn activation_max(inputs: usize, weight_max: usize) -> i32 {
    const LIMIT: usize = i16::MAX as usize / 4;
    let max = i32::MAX as usize / (if inputs == 0 { 1 } else { inputs }).saturating_mul(weight_max);
    if max > LIMIT { LIMIT as i32 } else { max as i32 }
}

/// The smallest magnitude that counts. If all values of a row or block are below it, they become 0, because
/// the reciprocal of their scale could overflow.
pub const MIN_ROW_MAGNITUDE: f32 = 1e-30;
