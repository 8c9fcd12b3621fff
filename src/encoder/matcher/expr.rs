//! What a value of the graph is.

use super::layout::Layout;
use super::weight::{Matrix, Vector};
use crate::encoder::spec::Activation;

/// A value by its number in [`ExprTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ExprId(pub(super) usize);

/// What rows of numbers, one a token, are made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// A row of a table for each token.
    Lookup { table: Matrix, by: Index },
    /// `x · W`, without its bias.
    Product { x: ExprId, weight: Matrix },
    /// `x + bias`.
    Biased { x: ExprId, bias: Vector },
    /// An activation function of `x`.
    Activated { x: ExprId, activation: Activation },
    /// `a + b`.
    Sum(ExprId, ExprId),
    /// `x` less the mean of its row.
    Centred(ExprId),
    /// A centred row over its deviation: a LayerNorm before its gain.
    Unit { x: ExprId, eps: f32 },
    /// A LayerNorm before its shift.
    Gained { x: ExprId, eps: f32, gamma: Vector },
    /// A LayerNorm of `x`.
    Norm { x: ExprId, eps: f32, gamma: Vector, beta: Vector },
    /// The context of attention: `softmax(q · kᵀ · scale) · v`.
    Context { q: ExprId, k: ExprId, v: ExprId, heads: usize, scale: f32 },
}

/// What a table is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    TokenIds,
    TokenTypes,
    /// 0, 1, 2 … in each text.
    Positions,
    /// Row 0, always.
    Zero,
}

/// All values found so far, each once, with its columns and how many others it is made of, one
/// upon the other.
#[derive(Debug, Default)]
pub(super) struct ExprTable {
    all: Vec<Expr>,
    widths: Vec<Option<usize>>,
    depths: Vec<usize>,
}

impl ExprTable {
    /// The number of a value.
    pub(super) fn id(&mut self, expr: Expr) -> ExprId {
        // The newest are the likeliest.
        let at = self.all.iter().rposition(|s| *s == expr).unwrap_or_else(|| {
            self.widths.push(self.width_of(&expr));
            self.depths
                .push(1 + parts(&expr).iter().flatten().map(|id| self.depths[id.0]).max().unwrap_or(0));
            self.all.push(expr);
            self.all.len() - 1
        });
        ExprId(at)
    }

    pub(super) fn get(&self, id: ExprId) -> &Expr {
        &self.all[id.0]
    }

    /// Columns of a value.
    pub(super) fn width(&self, id: ExprId) -> Option<usize> {
        self.widths[id.0]
    }

    /// Whether there are more values than any BERT has, or a longer chain of them than a stack bears.
    pub(super) fn are_too_many(&self) -> bool {
        self.all.len() > MAX_EXPRS || self.depths.iter().any(|depth| *depth > MAX_EXPR_DEPTH)
    }

    fn width_of(&self, expr: &Expr) -> Option<usize> {
        match *expr {
            Expr::Lookup { ref table, .. } => Some(table.used()[1]),
            Expr::Product { ref weight, .. } => Some(weight.used()[1]),
            Expr::Sum(a, b) => self.width(a).filter(|w| self.width(b) == Some(*w)),
            Expr::Context { v, .. } => self.width(v),
            Expr::Biased { x, .. }
            | Expr::Activated { x, .. }
            | Expr::Norm { x, .. }
            | Expr::Unit { x, .. }
            | Expr::Gained { x, .. }
            | Expr::Centred(x) => self.width(x),
        }
    }
}

/// A BERT of 24 layers has 600 values, 340 of them one upon the other.
const MAX_EXPRS: usize = 6000;
const MAX_EXPR_DEPTH: usize = 700;

/// What a value is made of.
fn parts(expr: &Expr) -> [Option<ExprId>; 3] {
    match *expr {
        Expr::Lookup { .. } => [None; 3],
        Expr::Sum(a, b) => [Some(a), Some(b), None],
        Expr::Context { q, k, v, .. } => [Some(q), Some(k), Some(v)],
        Expr::Product { x, .. }
        | Expr::Biased { x, .. }
        | Expr::Activated { x, .. }
        | Expr::Norm { x, .. }
        | Expr::Unit { x, .. }
        | Expr::Gained { x, .. }
        | Expr::Centred(x) => [Some(x), None, None],
    }
}

/// What an outlet of the graph holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AbstractValue {
    /// Nothing that is known.
    Unknown,
    /// Made of constants, weights and lengths only.
    Fixed,
    /// Made of the attention mask, constants and lengths only.
    Mask,
    /// Integers that tables are read by.
    Ids(Index),
    /// A polynomial of a expr's elements, whose layout is this.
    Rows(RowPolynomial),
    /// `offset + factor · f(argument)`.
    Curve { of: ExprId, layout: Layout, curve: Curve, offset: f32, factor: f32 },
    /// `factor` times the mean of each row's elements.
    Mean { of: ExprId, factor: f32 },
    /// `factor` times the mean of the squares of each row's elements, plus `eps`.
    Square { of: ExprId, factor: f32, eps: f32 },
    /// The root of that, or one over it.
    Deviation { of: ExprId, eps: f32, inverse: bool },
    /// Scores of attention: `q · kᵀ · scale`, masked or not.
    Scores(Scores),
    /// Their softmax over the keys.
    Probabilities(Scores),
    /// Where those are NaN.
    NotANumber(Scores),
    /// Of rows that were quantised as the graph runs: the numbers, less their zero point or not.
    Quantised { of: RowPolynomial, centred: bool },
    /// What one of their steps is worth, times a weight's scale.
    Step { of: ExprId, scale: Vec<Vector> },
    /// Their zero point.
    ZeroPoint { of: ExprId },
    /// A product of such numbers with a weight, to be multiplied by a step.
    Unscaled { of: ExprId, product: ExprId, layout: Layout },
    /// A row a text.
    Text(Text),
    /// Its elements' squares.
    TextSquares(Text),
    /// Its length, or the square of it.
    TextLength { of: Text, squared: bool },
    /// A value quantised with a fixed scale.
    FixedStep { of: Box<AbstractValue>, scale: f32, zero: f32 },
}

/// What a graph pools by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) of: ExprId,
    pub(super) texts: Texts,
    pub(super) normalized: bool,
    /// Whether the axis of tokens, of which one is left, is gone.
    pub(super) flat: bool,
}

/// How rows become one a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// The first.
    First,
    /// They have not yet, but padding is 0.
    Kept,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
}

/// `c0 + c1·x + c2·x² + c3·x³` of each element of a expr.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RowPolynomial {
    pub(super) of: ExprId,
    pub(super) layout: Layout,
    pub(super) c: [f32; 4],
}

/// A function that an activation is made of.
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
    /// Whether padding is masked: from then on they may not be scaled.
    pub(super) masked: bool,
}

impl AbstractValue {
    /// How a value's elements lie, where that is followed.
    pub(super) fn layout(&self) -> Option<&Layout> {
        match self {
            Self::Rows(rows) | Self::Quantised { of: rows, .. } => Some(&rows.layout),
            Self::Curve { layout, .. } | Self::Unscaled { layout, .. } => Some(layout),
            Self::Scores(scores) | Self::Probabilities(scores) => Some(&scores.layout),
            _ => None,
        }
    }
}

impl RowPolynomial {
    /// The expr itself.
    pub(super) fn plain(of: ExprId, layout: Layout) -> Self {
        Self { of, layout, c: [0.0, 1.0, 0.0, 0.0] }
    }

    /// Whether it is the expr itself.
    pub(super) fn is_plain(&self) -> bool {
        self.factor().is_some_and(|f| close(f, 1.0))
    }

    /// The factor, where it is a multiple of the expr.
    pub(super) fn factor(&self) -> Option<f32> {
        (self.c[0] == 0.0 && self.c[2] == 0.0 && self.c[3] == 0.0).then_some(self.c[1])
    }
}

/// Equal but for rounding.
pub(super) fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-5 * b.abs().max(1e-30)
}
