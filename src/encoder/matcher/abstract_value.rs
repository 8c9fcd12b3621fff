//! The matcher's knowledge of a value of the graph.

use super::expr::{ExprId, IdKind};
use super::layout::Layout;
use crate::encoder::plan::Vector;
use crate::encoder::spec::UNBOUNDED;

/// The content of an outlet of tract's graph.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AbstractValue {
    /// Nothing that a pattern knows.
    Unknown,
    /// A value that depends only on constants, weights and lengths.
    Fixed,
    /// A value that depends only on the attention mask, constants and lengths.
    Mask,
    /// A value that depends only on token ids, the attention mask, constants and lengths.
    FromIds,
    /// Integers that tables are indexed by.
    Ids(IdKind, Layout),
    /// For each of those integers, a row of zeros with a one in the column that it names.
    OneHot { by: IdKind, layout: Layout, columns: usize },
    /// A polynomial of the elements of an expression.
    Rows(RowPolynomial),
    /// `offset + factor · curve(x)`, where `x` are the elements of `of`.
    Curve { of: ExprId, layout: Layout, curve: Curve, offset: f32, factor: f32 },
    /// `factor` times the mean of each row.
    Mean { of: ExprId, factor: f32 },
    /// `factor` times the mean square of each row, plus `eps`.
    MeanSquare { of: ExprId, factor: f32, eps: f32 },
    /// The square root of `mean square + eps` of each row, or its reciprocal (`inverse`).
    Deviation { of: ExprId, eps: f32, inverse: bool },
    /// A part of a LayerNorm with folded parameters.
    FoldedNorm(FoldedNorm),
    /// Attention scores: `q · kᵀ · scale`.
    Scores(Scores),
    /// The softmax of attention scores over the keys.
    Probabilities(Scores),
    /// True where attention probabilities are NaN.
    ProbabilitiesAreNan(Scores),
    /// A value that node `by` quantizes at run time. `centered`: the zero point was subtracted.
    Quantized { of: Box<AbstractValue>, by: usize, centered: bool },
    /// The product of the scales of run-time quantized values, times the scale of a weight. `by` are the nodes
    /// that quantize, sorted.
    QuantizationScale { by: Vec<usize>, scale: Vec<Vector> },
    /// The zero point of a run-time quantized value.
    ZeroPoint { by: usize },
    /// A product of run-time quantized values, still to be multiplied by their scales.
    Unscaled { of: Box<AbstractValue>, by: Vec<usize> },
    /// One row per text, or what becomes one row per text.
    Pooled(PooledRows),
    /// The squares of pooled rows.
    PooledSquares(PooledRows),
    /// The L2 norm of pooled rows, or its square.
    PooledNorm { of: PooledRows, squared: bool },
    /// A value divided by a fixed scale, rounded to integers, with `zero` added: static quantization.
    FixedScale { of: Box<AbstractValue>, scale: f32, zero: f32 },
}

/// A part of `x · gamma / deviation + (beta − mean · gamma / deviation)`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FoldedNorm {
    /// `x`.
    pub(super) of: ExprId,
    pub(super) eps: f32,
    pub(super) gamma: Vector,
    pub(super) part: FoldedPart,
}

/// The part of a LayerNorm with folded parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FoldedPart {
    /// `gamma / deviation`.
    Factor,
    /// `x` times the factor.
    Scaled(Layout),
    /// The mean times the factor.
    Mean,
    /// `beta` minus the mean times the factor.
    Offset(Vector),
}

/// Rows that the graph pools, at some stage of the pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PooledRows {
    pub(super) of: ExprId,
    pub(super) pooling: RowPooling,
    /// True if each row was divided by its L2 norm.
    pub(super) normalized: bool,
    /// True if the token axis, of length 1 after pooling, was removed.
    pub(super) flat: bool,
}

/// The reduction of a text's rows to one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowPooling {
    /// The first row.
    First,
    /// Not yet, but the rows of padding are 0.
    MaskedRows,
    /// The sum.
    Sum,
    /// The mean.
    Mean,
}

/// `c[0] + c[1]·x + c[2]·x² + c[3]·x³` of each element `x` of an expression.
///
/// Exporters write gelu and LayerNorm as sums and powers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RowPolynomial {
    pub(super) of: ExprId,
    pub(super) layout: Layout,
    pub(super) c: [f32; 4],
}

/// A function that activation functions are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    /// `erf(x/√2)`.
    Erf,
    /// `tanh(√(2/π) · (x + 0.044715·x³))`.
    GeluTanh,
    /// `tanh(x)`.
    Tanh,
}

/// See [`AbstractValue::Scores`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scores {
    pub(super) q: ExprId,
    pub(super) k: ExprId,
    pub(super) heads: usize,
    pub(super) scale: f32,
    pub(super) layout: Layout,
    /// The range that the graph clips the scores to.
    pub(super) range: [f32; 2],
    /// The largest step that the graph rounds the scores to, 0 if it does not.
    pub(super) step: f32,
    /// True if padding is masked. Masked scores cannot be scaled further.
    pub(super) masked: bool,
}

impl AbstractValue {
    /// Returns how the elements lie, for the values whose layout is tracked.
    pub(super) fn layout(&self) -> Option<&Layout> {
        match self {
            Self::Rows(rows) => Some(&rows.layout),
            Self::Curve { layout, .. } | Self::Ids(_, layout) => Some(layout),
            Self::Scores(scores) | Self::Probabilities(scores) => Some(&scores.layout),
            Self::Quantized { of, .. } | Self::Unscaled { of, .. } | Self::FixedScale { of, .. } => {
                of.layout()
            }
            _ => None,
        }
    }
}

impl RowPolynomial {
    /// Returns the polynomial `x`: the expression itself.
    pub(super) fn identity(of: ExprId, layout: Layout) -> Self {
        Self { of, layout, c: [0.0, 1.0, 0.0, 0.0] }
    }

    /// Returns true if the polynomial is the expression itself.
    pub(super) fn is_identity(&self) -> bool {
        self.factor().is_some_and(|f| close(f, 1.0))
    }

    /// Returns the factor, if the polynomial is a multiple of the expression.
    pub(super) fn factor(&self) -> Option<f32> {
        (self.c[0] == 0.0 && self.c[2] == 0.0 && self.c[3] == 0.0).then_some(self.c[1])
    }
}

/// Returns true if two numbers are equal up to rounding.
pub(super) fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-5 * b.abs().max(1e-30)
}

/// Returns a range times a factor, or `None` for a negative factor.
pub(super) fn scaled_range(range: [f32; 2], by: f32) -> Option<[f32; 2]> {
    (by > 0.0 || range == UNBOUNDED).then(|| if range == UNBOUNDED { range } else { range.map(|x| x * by) })
}
