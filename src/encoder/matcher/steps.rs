//! From what the outputs are to the steps that make them: the fused graph.
//!
//! Where only the first row of each text is wanted (CLS), the last layer computes queries, output
//! projection, feed-forward and norms for that row alone; keys and values need all rows.

use std::collections::{HashMap, HashSet};

use super::expr::{Expr, ExprId, ExprTable, Index, Text, Texts};
use super::weight::{Matrix, Vector};
use crate::encoder::spec::AttentionSpec;
use crate::encoder::spec::{Activation, LinearSpec};

/// One fused op. Each makes one value, which the others name by the step's place in the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Token ids → rows.
    Embed(Box<EmbedStep>),
    /// `act(x · W + bias)`.
    Linear(Box<LinearStep>),
    /// Attention of all heads.
    Attention { q: usize, k: usize, v: usize, spec: AttentionSpec },
    /// `LayerNorm(a + b)`.
    AddNorm { a: usize, b: usize, norm: NormStep },
    /// The first row of each text.
    SelectRows { x: usize, width: usize },
    /// The mean of each text's rows.
    MeanRows { x: usize, width: usize },
    /// Each row over its length.
    Normalize { x: usize, width: usize },
}

/// See [`Step::Embed`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EmbedStep {
    pub(crate) word: Matrix,
    /// The table of token types; whether all tokens are of type 0.
    pub(crate) token_type: Option<(Matrix, bool)>,
    pub(crate) position: Option<Matrix>,
    pub(crate) norm: NormStep,
}

/// See [`Step::Linear`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LinearStep {
    pub(crate) x: usize,
    pub(crate) spec: LinearSpec,
    pub(crate) weight: Matrix,
    pub(crate) bias: Option<Vector>,
}

/// Gain, shift and epsilon of a LayerNorm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NormStep {
    pub(crate) width: usize,
    pub(crate) eps: f32,
    pub(crate) gamma: Vector,
    pub(crate) beta: Vector,
}

/// Which rows of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Want {
    All,
    First,
}

/// The steps for these outputs and the place of each output, or `None` where one is not made of
/// fused ops alone.
pub(super) fn steps(
    exprs: &ExprTable,
    outputs: &[ExprId],
    first_rows: bool,
) -> Option<(Vec<Step>, Vec<usize>)> {
    let want = if first_rows { Want::First } else { Want::All };
    let mut lower = Lower::new(exprs);
    outputs.iter().for_each(|id| lower.demand(*id, want));
    let places = outputs.iter().map(|id| lower.step(*id, want)).collect::<Option<_>>()?;
    Some((lower.steps, places))
}

/// The steps for a graph that pools by itself.
pub(super) fn pooled(exprs: &ExprTable, text: Text) -> Option<(Vec<Step>, Vec<usize>)> {
    let (mut steps, places) = steps(exprs, &[text.of], text.texts == Texts::First)?;
    let (mut x, width) = (*places.first()?, Lower::new(exprs).width(text.of)?);
    if text.texts == Texts::Mean {
        steps.push(Step::MeanRows { x, width });
        x = steps.len() - 1;
    }
    if text.normalized {
        steps.push(Step::Normalize { x, width });
        x = steps.len() - 1;
    }
    Some((steps, vec![x]))
}

struct Lower<'a> {
    exprs: &'a ExprTable,
    steps: Vec<Step>,
    made: HashMap<(ExprId, Want), usize>,
    /// Values of which all rows are needed.
    all: HashSet<ExprId>,
    seen: HashSet<(ExprId, Want)>,
}

impl<'a> Lower<'a> {
    fn new(exprs: &'a ExprTable) -> Self {
        Self { exprs, steps: Vec::new(), made: HashMap::new(), all: HashSet::new(), seen: HashSet::new() }
    }

    /// Notes which values need all their rows.
    fn demand(&mut self, id: ExprId, want: Want) {
        if !self.seen.insert((id, want)) {
            return;
        }
        if want == Want::All {
            self.all.insert(id);
        }
        match *self.exprs.get(id) {
            Expr::Product { x, .. } | Expr::Biased { x, .. } | Expr::Activated { x, .. } => {
                self.demand(x, want);
            }
            Expr::Norm { x, .. } => self.demand(x, want),
            Expr::Sum(a, b) => {
                self.demand(a, want);
                self.demand(b, want);
            }
            Expr::Context { q, k, v, .. } => {
                self.demand(q, want);
                self.demand(k, Want::All);
                self.demand(v, Want::All);
            }
            _ => {}
        }
    }

    fn push(&mut self, key: (ExprId, Want), step: Step) -> usize {
        self.steps.push(step);
        self.made.insert(key, self.steps.len() - 1);
        self.steps.len() - 1
    }

    /// The step that makes a value.
    fn step(&mut self, id: ExprId, want: Want) -> Option<usize> {
        if let Some(made) = self.made.get(&(id, want)) {
            return Some(*made);
        }
        let is_embed = matches!(self.exprs.get(id), Expr::Norm { x, .. } if self.lookups(*x).is_some());
        if want == Want::First && (is_embed || self.all.contains(&id)) {
            let (x, width) = (self.step(id, Want::All)?, self.width(id)?);
            return Some(self.push((id, want), Step::SelectRows { x, width }));
        }
        let step = match self.exprs.get(id) {
            Expr::Norm { x, eps, gamma, beta } => {
                let width = self.width(*x)?;
                let fits = |v: &Vector| matches!(v, Vector::Uniform(_)) || v.len() == width;
                if !fits(gamma) || !fits(beta) {
                    return None;
                }
                let norm = NormStep { width, eps: *eps, gamma: gamma.clone(), beta: beta.clone() };
                match (self.lookups(*x), self.exprs.get(*x)) {
                    (Some(lookups), _) => Step::Embed(Box::new(embed(lookups, norm)?)),
                    (None, Expr::Sum(a, b)) => {
                        let (a, b) = (self.step(*a, want)?, self.step(*b, want)?);
                        Step::AddNorm { a, b, norm }
                    }
                    _ => return None,
                }
            }
            Expr::Context { q, k, v, heads, scale } => {
                let width = self.width(*q)?;
                if *heads == 0
                    || width % heads != 0
                    || [*k, *v].iter().any(|id| self.width(*id) != Some(width))
                {
                    return None;
                }
                let first_row_only = want == Want::First;
                let spec =
                    AttentionSpec { heads: *heads, head_size: width / heads, scale: *scale, first_row_only };
                let q = self.step(*q, want)?;
                let (k, v) = (self.step(*k, Want::All)?, self.step(*v, Want::All)?);
                Step::Attention { q, k, v, spec }
            }
            _ => Step::Linear(Box::new(self.linear(id, want)?)),
        };
        Some(self.push((id, want), step))
    }

    fn linear(&mut self, id: ExprId, want: Want) -> Option<LinearStep> {
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
        if self.width(*x)? != inputs || !bias_fits {
            return None;
        }
        let spec = LinearSpec { inputs, outputs, activation };
        Some(LinearStep { x: self.step(*x, want)?, spec, weight: weight.clone(), bias })
    }

    /// The tables that a sum of lookups reads: words, types, positions at most.
    fn lookups(&self, id: ExprId) -> Option<Vec<(Matrix, Index)>> {
        let (mut found, mut due) = (Vec::new(), vec![id]);
        while let Some(id) = due.pop() {
            match self.exprs.get(id) {
                Expr::Lookup { table, by } => found.push((table.clone(), *by)),
                Expr::Sum(a, b) => due.extend([*b, *a]),
                _ => return None,
            }
            if found.len() + due.len() > 3 {
                return None;
            }
        }
        Some(found)
    }

    /// Columns of a value.
    fn width(&self, id: ExprId) -> Option<usize> {
        self.exprs.width(id)
    }
}

fn embed(lookups: Vec<(Matrix, Index)>, norm: NormStep) -> Option<EmbedStep> {
    let (mut word, mut token_type, mut position) = (None, None, None);
    for (table, by) in lookups {
        if table.columns.is_some() || table.transposed {
            return None;
        }
        let before = match by {
            Index::TokenIds => word.replace(table).is_some(),
            Index::TokenTypes => token_type.replace((table, false)).is_some(),
            Index::Zero => token_type.replace((table, true)).is_some(),
            Index::Positions => position.replace(table).is_some(),
        };
        if before {
            return None;
        }
    }
    Some(EmbedStep { word: word?, token_type, position, norm })
}
