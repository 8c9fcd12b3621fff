//! LayerNorm as TensorFlow computes it, with gamma and beta folded into a factor and an offset of each row:
//! `x · inv + (beta − mean · inv)`, where `inv = gamma / √(mean square + eps)`.

use crate::encoder::graph::prelude::*;
use crate::encoder::matcher::abstract_value::{AbstractValue, FoldedNorm, FoldedPart, close};
use crate::encoder::matcher::expr::{Expr, ExprId};
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::weight::vector;
use crate::encoder::plan::Vector;

impl GraphMatcher<'_> {
    /// Reads a constant with one number per column of an expression.
    fn per_column(&self, of: ExprId, by: OutletId) -> Option<Vector> {
        let vector = vector(self.model, by)?;
        let last = self.model.outlet_fact(by).ok()?.shape.last()?.as_i64()?;
        let width = self.exprs.width(of)?;
        (vector.len() == width && last == width as i64).then_some(vector)
    }

    /// Matches `gamma / deviation`.
    pub(super) fn folded_factor(&self, x: &AbstractValue, by: OutletId) -> Option<AbstractValue> {
        let AbstractValue::Deviation { of, eps, inverse: true } = *x else { return None };
        let Expr::Centered(of) = *self.exprs.get(of) else { return None };
        let gamma = self.per_column(of, by).filter(|_| eps >= 0.0)?;
        Some(AbstractValue::FoldedNorm(FoldedNorm { of, eps, gamma, part: FoldedPart::Factor }))
    }

    /// Matches a row, or its mean, times the factor.
    pub(super) fn times_factor(x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        let AbstractValue::FoldedNorm(norm) = y else { return None };
        let part = match (x, &norm.part) {
            (AbstractValue::Rows(x), FoldedPart::Factor) if x.is_identity() && x.of == norm.of => {
                FoldedPart::Scaled(x.layout.clone())
            }
            (AbstractValue::Mean { of, factor }, FoldedPart::Factor)
                if *of == norm.of && close(*factor, 1.0) =>
            {
                FoldedPart::Mean
            }
            _ => return None,
        };
        Some(AbstractValue::FoldedNorm(FoldedNorm { part, ..norm.clone() }))
    }

    /// Matches beta minus the mean times the factor.
    pub(super) fn folded_offset(&self, beta: OutletId, y: &AbstractValue) -> Option<AbstractValue> {
        let AbstractValue::FoldedNorm(norm) = y else { return None };
        if norm.part != FoldedPart::Mean || !matches!(self.value(beta), AbstractValue::Fixed) {
            return None;
        }
        let part = FoldedPart::Offset(self.per_column(norm.of, beta)?);
        Some(AbstractValue::FoldedNorm(FoldedNorm { part, ..norm.clone() }))
    }

    /// Matches the sum of both parts: the LayerNorm.
    pub(super) fn folded_norm(&mut self, x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        let (AbstractValue::FoldedNorm(x), AbstractValue::FoldedNorm(y)) = (x, y) else { return None };
        let (FoldedPart::Scaled(layout), FoldedPart::Offset(beta)) = (&x.part, &y.part) else { return None };
        let same = x.of == y.of && x.eps == y.eps && x.gamma == y.gamma;
        let norm = Expr::Norm { x: x.of, eps: x.eps, gamma: x.gamma.clone(), beta: beta.clone() };
        same.then(|| self.rows(norm, layout.clone()))
    }
}
