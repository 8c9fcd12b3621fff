//! Attention: `softmax(q · kᵀ · scale + mask) · v`, head by head.

use super::product::Places;
use crate::encoder::graph::ops::reduce::Softmax;
use crate::encoder::graph::prelude::*;
use crate::encoder::matcher::abstract_value::{AbstractValue, RowPolynomial, Scores};
use crate::encoder::matcher::expr::Expr;
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::layout::Atom;
use crate::encoder::matcher::weight::uniform;
use crate::encoder::spec::UNBOUNDED;

/// The largest step of quantized attention scores that counts as a rounding. With larger steps, as those of
/// scores that were quantized together with a mask of -10000, the softmax is another function: such a graph
/// runs as it is.
const MAX_SCORE_STEP: f32 = 1.0;

impl GraphMatcher<'_> {
    /// Matches `q · kᵀ`, which contracts the columns of a head.
    pub(super) fn scores(
        &mut self,
        q: &RowPolynomial,
        k: &RowPolynomial,
        places: &[Places],
    ) -> Option<AbstractValue> {
        let mut axes = vec![Vec::new(); places.iter().filter(|p| p[2].is_some()).count()];
        let mut contracted = false;
        for place in places {
            match *place {
                [Some(a), Some(b), None] => {
                    let (a, b) = (q.layout.0.get(a)?, k.layout.0.get(b)?);
                    if contracted || a != b || !matches!(a[..], [Atom::Dim(_) | Atom::Width(_)]) {
                        return None;
                    }
                    contracted = true;
                }
                [Some(a), Some(b), Some(out)] => {
                    let (a, b) = (q.layout.0.get(a)?, k.layout.0.get(b)?);
                    if a != b || a.iter().any(|atom| !matches!(atom, Atom::Batch | Atom::Heads(_))) {
                        return None;
                    }
                    axes.get_mut(out)?.clone_from(a);
                }
                [Some(a), None, Some(out)] => {
                    axes.get_mut(out)?.clone_from(q.layout.0.get(a)?);
                }
                [None, Some(b), Some(out)] => {
                    if *k.layout.0.get(b)? != [Atom::Tokens] {
                        return None;
                    }
                    *axes.get_mut(out)? = vec![Atom::Keys];
                }
                _ => return None,
            }
        }
        let scale = q.factor()? * k.factor()?;
        let layout = self.lengths.layout(axes);
        let atoms: Vec<Atom> = layout.0.iter().flatten().copied().collect();
        let heads = atoms.iter().find_map(|a| if let Atom::Heads(n) = a { Some(*n) } else { None });
        let complete = contracted && atoms.contains(&Atom::Tokens) && atoms.contains(&Atom::Keys);
        let width = atoms.iter().any(|a| matches!(a, Atom::Dim(_) | Atom::Width(_)));
        let scores = Scores {
            q: q.of,
            k: k.of,
            heads: heads.unwrap_or(1),
            scale,
            layout,
            range: UNBOUNDED,
            step: 0.0,
            masked: false,
        };
        (complete && !width).then_some(AbstractValue::Scores(scores))
    }

    /// Matches scores plus a mask.
    pub(super) fn masked_scores(&mut self, scores: &Scores, by: OutletId) -> Option<AbstractValue> {
        // A mask that masks nothing may be left: a text alone.
        let nothing = uniform(self.model, by) == Some(0.0);
        let known = matches!(self.value(by), AbstractValue::Mask | AbstractValue::Fixed);
        (nothing || known && self.probe.masks(by, &scores.layout, false))
            .then(|| AbstractValue::Scores(Scores { masked: scores.masked || !nothing, ..scores.clone() }))
    }

    /// Matches a selection between scores and a low number, or between probabilities and 0 for a row
    /// whose keys are all masked.
    pub(in crate::encoder::matcher) fn select(&mut self, node: &TypedNode) -> Option<AbstractValue> {
        let [condition, yes, no] = node.inputs[..] else { return None };
        let (decides, one, two) =
            (self.value(condition).clone(), self.value(yes).clone(), self.value(no).clone());
        match (decides, one, two) {
            (AbstractValue::Mask, AbstractValue::Scores(scores), _) => {
                let low = uniform(self.model, no)? <= -1000.0;
                (low && self.probe.masks(condition, &scores.layout, true))
                    .then_some(AbstractValue::Scores(Scores { masked: true, ..scores }))
            }
            (AbstractValue::ProbabilitiesAreNan(of), _, AbstractValue::Probabilities(kept)) => (of == kept
                && uniform(self.model, yes) == Some(0.0))
            .then_some(AbstractValue::Probabilities(kept)),
            _ => None,
        }
    }

    /// Matches the softmax over the keys.
    pub(in crate::encoder::matcher) fn softmax(op: &Softmax, x: AbstractValue) -> Option<AbstractValue> {
        let AbstractValue::Scores(scores) = x else { return None };
        let last = scores.layout.0.len().checked_sub(1)?;
        let over_keys = scores.layout.0[last] == [Atom::Keys] && op.axes.as_slice() == [last];
        (over_keys && scores.step <= MAX_SCORE_STEP).then_some(AbstractValue::Probabilities(scores))
    }

    /// Matches probabilities times values.
    pub(super) fn context(
        &mut self,
        scores: &Scores,
        v: &RowPolynomial,
        places: &[Places],
    ) -> Option<AbstractValue> {
        let mut axes = vec![Vec::new(); places.iter().filter(|p| p[2].is_some()).count()];
        let mut contracted = false;
        for place in places {
            match *place {
                [Some(a), Some(b), None] => {
                    let over =
                        *scores.layout.0.get(a)? == [Atom::Keys] && *v.layout.0.get(b)? == [Atom::Tokens];
                    if contracted || !over {
                        return None;
                    }
                    contracted = true;
                }
                [Some(a), Some(b), Some(out)] => {
                    let (a, b) = (scores.layout.0.get(a)?, v.layout.0.get(b)?);
                    if a != b || a.contains(&Atom::Tokens) {
                        return None;
                    }
                    axes.get_mut(out)?.clone_from(a);
                }
                [Some(a), None, Some(out)] => {
                    axes.get_mut(out)?.clone_from(scores.layout.0.get(a)?);
                }
                [None, Some(b), Some(out)] => {
                    let columns = v.layout.0.get(b)?;
                    if !matches!(columns[..], [Atom::Dim(_) | Atom::Width(_)]) {
                        return None;
                    }
                    axes.get_mut(out)?.clone_from(columns);
                }
                _ => return None,
            }
        }
        if !contracted || !v.is_identity() {
            return None;
        }
        let layout = self.lengths.layout(axes);
        let Scores { q, k, heads, scale, range, .. } = *scores;
        Some(self.rows(Expr::Context { q, k, v: v.of, heads, scale, score_range: range }, layout))
    }
}
