//! Expressions: what a matrix with one row per token is computed from.

use crate::encoder::plan::{Matrix, Vector};
use crate::encoder::spec::{Activation, PositionRule};

/// An expression by its index in the [`ExprTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ExprId(usize);

/// The origin of a matrix with one row per token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// One row of a table per token.
    Lookup { table: Matrix, by: IdKind },
    /// `x` times one number per column: the inputs of an equalized weight.
    Factored { x: ExprId, by: Vector },
    /// `x · W`, without a bias.
    Product { x: ExprId, weight: Matrix },
    /// `x + bias`.
    Biased { x: ExprId, bias: Vector },
    /// An activation function of `x`.
    Activated { x: ExprId, activation: Activation },
    /// `min(max(x, low + shift), high + shift)`, with `[low, high]` the range. No shift is 0.
    Clipped { x: ExprId, range: [f32; 2], shift: Option<Vector> },
    /// `a + b`.
    Sum(ExprId, ExprId),
    /// `x` minus the mean of its row.
    Centered(ExprId),
    /// A centered row divided by its deviation: a LayerNorm without gamma and beta.
    Standardized { x: ExprId, eps: f32 },
    /// A LayerNorm without beta.
    Scaled { x: ExprId, eps: f32, gamma: Vector },
    /// A LayerNorm of `x`.
    Norm { x: ExprId, eps: f32, gamma: Vector, beta: Vector },
    /// The context of attention: `softmax(clip(q · kᵀ · scale)) · v`.
    Context { q: ExprId, k: ExprId, v: ExprId, heads: usize, scale: f32, score_range: [f32; 2] },
}

/// The numbers that index a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKind {
    /// `input_ids`.
    TokenIds,
    /// `token_type_ids`.
    TokenTypes,
    /// The positions of the tokens in each text.
    Positions(PositionRule),
    /// 0 for every token.
    Zero,
}

/// All expressions found so far. Equal expressions have the same id.
#[derive(Debug, Default)]
pub(super) struct ExprTable {
    exprs: Vec<Expr>,
    /// Per expression, the columns of a row.
    widths: Vec<Option<usize>>,
    /// Per expression, the length of its longest chain of operands.
    depths: Vec<usize>,
}

/// A BERT of 24 layers has 600 expressions.
const MAX_EXPRS: usize = 6000;
/// A BERT of 24 layers has chains of 340 expressions. The lowering recurses along a chain, so the
/// stack bounds the depth.
const MAX_EXPR_DEPTH: usize = 700;

impl ExprTable {
    /// Returns the id of an expression, and adds the expression if it is new.
    pub(super) fn id(&mut self, expr: Expr) -> ExprId {
        // The search starts at the newest expression: it is the most likely one.
        let index = self.exprs.iter().rposition(|e| *e == expr).unwrap_or_else(|| {
            self.widths.push(self.width_of(&expr));
            let depth = operands(&expr).iter().flatten().map(|id| self.depths[id.0]).max().unwrap_or(0);
            self.depths.push(1 + depth);
            self.exprs.push(expr);
            self.exprs.len() - 1
        });
        ExprId(index)
    }

    pub(super) fn get(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0]
    }

    /// Returns the number of columns of a row.
    pub(super) fn width(&self, id: ExprId) -> Option<usize> {
        self.widths[id.0]
    }

    /// Returns the rows of each position table from the first token's row on.
    #[cfg(feature = "unfused")]
    pub(super) fn position_rows(&self) -> impl Iterator<Item = usize> {
        self.exprs.iter().filter_map(|expr| match expr {
            Expr::Lookup { table, by: IdKind::Positions(rule) } => {
                Some(table.shape[0].saturating_sub(rule.first))
            }
            _ => None,
        })
    }

    /// Returns true if there are more expressions, or deeper ones, than any BERT has.
    pub(super) fn is_too_large(&self) -> bool {
        self.exprs.len() > MAX_EXPRS || self.depths.iter().any(|depth| *depth > MAX_EXPR_DEPTH)
    }

    fn width_of(&self, expr: &Expr) -> Option<usize> {
        match *expr {
            Expr::Lookup { ref table, .. } => Some(table.used()[1]),
            Expr::Product { ref weight, .. } => Some(weight.used()[1]),
            Expr::Sum(a, b) => self.width(a).filter(|w| self.width(b) == Some(*w)),
            Expr::Context { v, .. } => self.width(v),
            Expr::Biased { x, .. }
            | Expr::Activated { x, .. }
            | Expr::Clipped { x, .. }
            | Expr::Factored { x, .. }
            | Expr::Norm { x, .. }
            | Expr::Standardized { x, .. }
            | Expr::Scaled { x, .. }
            | Expr::Centered(x) => self.width(x),
        }
    }
}

/// Returns the expressions that an expression is computed from.
fn operands(expr: &Expr) -> [Option<ExprId>; 3] {
    match *expr {
        Expr::Lookup { .. } => [None; 3],
        Expr::Sum(a, b) => [Some(a), Some(b), None],
        Expr::Context { q, k, v, .. } => [Some(q), Some(k), Some(v)],
        Expr::Product { x, .. }
        | Expr::Biased { x, .. }
        | Expr::Activated { x, .. }
        | Expr::Clipped { x, .. }
        | Expr::Factored { x, .. }
        | Expr::Norm { x, .. }
        | Expr::Standardized { x, .. }
        | Expr::Scaled { x, .. }
        | Expr::Centered(x) => [Some(x), None, None],
    }
}
