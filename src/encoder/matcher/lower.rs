//! Lowers expressions to the ops of a plan.
//!
//! If only the first row of each text is wanted (CLS pooling), the last layer computes queries,
//! output projection, feed-forward and norms for that row alone. Keys and values need all rows.

use std::collections::{HashMap, HashSet};

use super::abstract_value::{PooledRows, RowPooling};
use super::expr::{Expr, ExprId, ExprTable, IdKind};
use crate::encoder::plan::{
    ClipOp, EmbedOp, LinearOp, Matrix, NormWeights, Outputs, Plan, PlanOp, PositionTable, TokenTypeTable,
    ValueId, Vector,
};
use crate::encoder::spec::AttentionSpec;
use crate::encoder::spec::{Activation, LinearSpec};

/// The rows of an expression that are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum RowSet {
    /// The rows of all tokens.
    All,
    /// The first row of each text.
    First,
}

/// Returns the plan that computes `outputs`, or `None` if an output consists of more than fused ops.
/// With `first_rows` the plan has one pooled output, otherwise the hidden states of all `outputs`.
pub(super) fn hidden(exprs: &ExprTable, outputs: &[ExprId], first_rows: bool) -> Option<Plan> {
    let rows = if first_rows { RowSet::First } else { RowSet::All };
    let (ops, values) = lower(exprs, outputs, rows)?;
    let outputs = match (first_rows, &values[..]) {
        (false, _) => Outputs::Hidden(values),
        (true, [one]) => Outputs::Pooled(*one),
        (true, _) => return None,
    };
    Some(Plan { ops, outputs })
}

/// Returns the plan of a graph that pools by itself.
pub(super) fn pooled(exprs: &ExprTable, text: PooledRows) -> Option<Plan> {
    let rows = if text.pooling == RowPooling::First { RowSet::First } else { RowSet::All };
    let (mut ops, values) = lower(exprs, &[text.of], rows)?;
    let (mut x, width) = (*values.first()?, exprs.width(text.of)?);
    if text.pooling == RowPooling::Mean {
        ops.push(PlanOp::MeanRows { x, width });
        x = ops.len() - 1;
    }
    if text.normalized {
        ops.push(PlanOp::Normalize { x, width });
        x = ops.len() - 1;
    }
    Some(Plan { ops, outputs: Outputs::Pooled(x) })
}

/// Returns the plan of a classifier: `logits` is an expression of the first row of each text.
pub(super) fn scores(exprs: &ExprTable, logits: ExprId) -> Option<Plan> {
    let (ops, values) = lower(exprs, &[logits], RowSet::First)?;
    Some(Plan { ops, outputs: Outputs::Scores { value: *values.first()?, labels: exprs.width(logits)? } })
}

fn lower(exprs: &ExprTable, outputs: &[ExprId], rows: RowSet) -> Option<(Vec<PlanOp>, Vec<ValueId>)> {
    let mut lowering = Lowering {
        exprs,
        ops: Vec::new(),
        lowered: HashMap::new(),
        all_rows: HashSet::new(),
        visited: HashSet::new(),
    };
    outputs.iter().for_each(|id| lowering.demand(*id, rows));
    let values = outputs.iter().map(|id| lowering.value(*id, rows)).collect::<Option<_>>()?;
    Some((lowering.ops, values))
}

struct Lowering<'a> {
    exprs: &'a ExprTable,
    ops: Vec<PlanOp>,
    lowered: HashMap<(ExprId, RowSet), ValueId>,
    /// Expressions of which all rows are needed.
    all_rows: HashSet<ExprId>,
    visited: HashSet<(ExprId, RowSet)>,
}

impl Lowering<'_> {
    /// Records which expressions need all their rows.
    fn demand(&mut self, id: ExprId, rows: RowSet) {
        if !self.visited.insert((id, rows)) {
            return;
        }
        if rows == RowSet::All {
            self.all_rows.insert(id);
        }
        match *self.exprs.get(id) {
            Expr::Product { x, .. }
            | Expr::Biased { x, .. }
            | Expr::Activated { x, .. }
            | Expr::Factored { x, .. } => self.demand(x, rows),
            Expr::Norm { x, .. } | Expr::Clipped { x, .. } => self.demand(x, rows),
            Expr::Sum(a, b) => {
                self.demand(a, rows);
                self.demand(b, rows);
            }
            Expr::Context { q, k, v, .. } => {
                self.demand(q, rows);
                self.demand(k, RowSet::All);
                self.demand(v, RowSet::All);
            }
            _ => {}
        }
    }

    fn push(&mut self, key: (ExprId, RowSet), op: PlanOp) -> ValueId {
        self.ops.push(op);
        self.lowered.insert(key, self.ops.len() - 1);
        self.ops.len() - 1
    }

    /// Returns the value of an expression, and appends the ops that compute it.
    fn value(&mut self, id: ExprId, rows: RowSet) -> Option<ValueId> {
        if let Some(value) = self.lowered.get(&(id, rows)) {
            return Some(*value);
        }
        let is_embed = matches!(self.exprs.get(id), Expr::Norm { x, .. } if self.lookups(*x).is_some());
        if rows == RowSet::First && (is_embed || self.all_rows.contains(&id)) {
            let (x, width) = (self.value(id, RowSet::All)?, self.exprs.width(id)?);
            return Some(self.push((id, rows), PlanOp::SelectRows { x, width }));
        }
        let op = match self.exprs.get(id) {
            Expr::Norm { x, eps, gamma, beta } => {
                let norm = self.norm(*x, *eps, gamma, beta)?;
                match (self.lookups(*x), self.exprs.get(*x)) {
                    (Some(lookups), _) => PlanOp::Embed(Box::new(embed(lookups, norm)?)),
                    // LayerNorm(x) is that of x + x with four times eps.
                    (None, Expr::Clipped { .. }) => {
                        let x = self.value(*x, rows)?;
                        let norm = NormWeights { eps: 4.0 * norm.eps, ..norm };
                        PlanOp::AddNorm { a: x, b: x, norm }
                    }
                    (None, Expr::Sum(a, b)) => {
                        let (a, b) = (self.value(*a, rows)?, self.value(*b, rows)?);
                        PlanOp::AddNorm { a, b, norm }
                    }
                    _ => return None,
                }
            }
            Expr::Clipped { .. } => self.clip(id, Activation::None, rows)?,
            Expr::Activated { x, activation } if matches!(self.exprs.get(*x), Expr::Clipped { .. }) => {
                self.clip(*x, *activation, rows)?
            }
            Expr::Context { q, k, v, heads, scale, score_range } => {
                let width = self.exprs.width(*q)?;
                if *heads == 0
                    || width % heads != 0
                    || [*k, *v].iter().any(|id| self.exprs.width(*id) != Some(width))
                {
                    return None;
                }
                let first_row_only = rows == RowSet::First;
                let (scale, score_range) = (*scale, *score_range);
                let spec = AttentionSpec {
                    heads: *heads,
                    head_size: width / heads,
                    scale,
                    first_row_only,
                    score_range,
                };
                let q = self.value(*q, rows)?;
                let (k, v) = (self.value(*k, RowSet::All)?, self.value(*v, RowSet::All)?);
                PlanOp::Attention { q, k, v, spec }
            }
            _ => PlanOp::Linear(Box::new(self.linear(id, rows)?)),
        };
        Some(self.push((id, rows), op))
    }

    /// Lowers a clipped expression and the activation function of its values.
    fn clip(&mut self, id: ExprId, activation: Activation, rows: RowSet) -> Option<PlanOp> {
        let exprs = self.exprs;
        let Expr::Clipped { x, range, shift } = exprs.get(id) else { return None };
        let width = exprs.width(*x)?;
        let shift_fits = shift.as_ref().is_none_or(|s| matches!(s, Vector::Uniform(_)) || s.len() == width);
        if !shift_fits || range[0].is_nan() || range[1].is_nan() || range[0] > range[1] {
            return None;
        }
        let (x, plus) = match exprs.get(*x) {
            Expr::Sum(a, b) => (self.value(*a, rows)?, Some(self.value(*b, rows)?)),
            _ => (self.value(*x, rows)?, None),
        };
        let (range, shift) = (*range, shift.clone());
        Some(PlanOp::Clip(Box::new(ClipOp { x, plus, width, range, shift, activation })))
    }

    fn linear(&mut self, id: ExprId, rows: RowSet) -> Option<LinearOp> {
        let mut activation = Activation::None;
        let mut inner = self.exprs.get(id);
        if let Expr::Activated { x, activation: a } = inner {
            (activation, inner) = (*a, self.exprs.get(*x));
        }
        let mut bias = None;
        if let Expr::Biased { x, bias: b } = inner {
            (bias, inner) = (Some(b.clone()), self.exprs.get(*x));
        }
        let Expr::Product { x, weight } = inner else { return None };
        let [inputs, outputs] = weight.used();
        if inputs == 0 || outputs == 0 || inputs > 1 << 20 {
            return None;
        }
        let bias_fits = bias.as_ref().is_none_or(|b| matches!(b, Vector::Uniform(_)) || b.len() == outputs);
        if self.exprs.width(*x)? != inputs || !bias_fits {
            return None;
        }
        let spec = LinearSpec { inputs, outputs, activation };
        let (input, input_factors) = match self.exprs.get(*x) {
            Expr::Factored { x, by } => (*x, Some(by.clone())),
            _ => (*x, None),
        };
        let (weight, input_norm) = (weight.clone(), self.input_norm(input, weight.float)?);
        Some(LinearOp { x: self.value(input, rows)?, spec, weight, bias, input_factors, input_norm })
    }

    /// Returns the LayerNorm that the inputs of a weight come from, if the weight has to be quantized.
    fn input_norm(&self, x: ExprId, is_float: bool) -> Option<Option<NormWeights>> {
        match self.exprs.get(x) {
            Expr::Norm { x, eps, gamma, beta } if is_float => Some(Some(self.norm(*x, *eps, gamma, beta)?)),
            _ => Some(None),
        }
    }

    /// Returns the weights of a LayerNorm of `x`, if they have the width of `x`.
    fn norm(&self, x: ExprId, eps: f32, gamma: &Vector, beta: &Vector) -> Option<NormWeights> {
        let width = self.exprs.width(x)?;
        let fits = |v: &Vector| matches!(v, Vector::Uniform(_)) || v.len() == width;
        (fits(gamma) && fits(beta)).then(|| NormWeights {
            width,
            eps,
            gamma: gamma.clone(),
            beta: beta.clone(),
        })
    }

    /// Returns the tables that a sum of lookups reads: at most words, token types, positions, and one table of
    /// which every token gets the first row.
    fn lookups(&self, id: ExprId) -> Option<Vec<(Matrix, IdKind)>> {
        let (mut found, mut due) = (Vec::new(), vec![id]);
        while let Some(id) = due.pop() {
            match self.exprs.get(id) {
                Expr::Lookup { table, by } => found.push((table.clone(), *by)),
                Expr::Sum(a, b) => due.extend([*b, *a]),
                _ => return None,
            }
            if found.len() + due.len() > 4 {
                return None;
            }
        }
        Some(found)
    }
}

fn embed(lookups: Vec<(Matrix, IdKind)>, norm: NormWeights) -> Option<EmbedOp> {
    let (mut word, mut token_type, mut position) = (None, None, None);
    let mut constant = Vec::new();
    for (table, by) in lookups {
        if table.columns.is_some() || table.transposed {
            return None;
        }
        let is_second = match by {
            IdKind::TokenIds => word.replace(table).is_some(),
            IdKind::TokenTypes => token_type.replace(TokenTypeTable { table, always_zero: false }).is_some(),
            IdKind::Zero => {
                constant.push(table);
                constant.len() > 2
            }
            IdKind::Positions(rule) => {
                let enough = table.shape[0] > rule.first;
                position.replace(PositionTable { table, rule }).is_some() || !enough
            }
        };
        if is_second {
            return None;
        }
    }
    if token_type.is_none() {
        token_type = constant.pop().map(|table| TokenTypeTable { table, always_zero: true });
    }
    let first = constant.pop();
    constant.is_empty().then_some(EmbedOp { word: word?, token_type, constant: first, position, norm })
}
