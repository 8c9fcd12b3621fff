//! LayerNorm, in one operator or spelled out: `(x − mean) / √(mean square + ε) · gamma + beta`.

use tract_core::internal::DimLike;
use tract_core::ops::nn::{Reduce, Reducer, RmsNorm};
use tract_core::prelude::*;

use crate::encoder::matcher::abstract_value::{AbstractValue, RowPolynomial, close};
use crate::encoder::matcher::expr::{Expr, ExprId};
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::weight::vector;
use crate::encoder::plan::Vector;

impl GraphMatcher<'_> {
    /// The sum of each row, as its mean times its width.
    pub(in crate::encoder::matcher) fn reduced<'s>(
        op: &Reduce,
        x: &AbstractValue,
        expr: impl Fn(ExprId) -> &'s Expr,
    ) -> Option<AbstractValue> {
        let AbstractValue::Rows(rows) = x else { return None };
        let width = rows.layout.width()? as f32;
        if op.axes.as_slice() != [rows.layout.0.len() - 1] {
            return None;
        }
        let (sum, square) = match op.reducer {
            Reducer::Sum => (width, false),
            Reducer::MeanOfSquares => (1.0, true),
            _ => return None,
        };
        match rows.c {
            [0.0, c, 0.0, 0.0] if !square => Some(AbstractValue::Mean { of: rows.of, factor: sum * c }),
            [0.0, c, 0.0, 0.0] if matches!(expr(rows.of), Expr::Centered(_)) => {
                Some(AbstractValue::MeanSquare { of: rows.of, factor: sum * c * c, eps: 0.0 })
            }
            [0.0, 0.0, c, 0.0] if !square && matches!(expr(rows.of), Expr::Centered(_)) => {
                Some(AbstractValue::MeanSquare { of: rows.of, factor: sum * c, eps: 0.0 })
            }
            _ => None,
        }
    }

    /// `x − mean`.
    pub(super) fn centred(
        &mut self,
        x: &RowPolynomial,
        mean_of: ExprId,
        factor: f32,
    ) -> Option<AbstractValue> {
        (x.is_identity() && x.of == mean_of && close(factor, 1.0) && x.layout.width().is_some())
            .then(|| self.plain(Expr::Centered(x.of), x.layout.clone()))
    }

    /// The root of the mean square.
    pub(super) fn root(of: ExprId, factor: f32, eps: f32, inverse: bool) -> Option<AbstractValue> {
        close(factor, 1.0).then_some(AbstractValue::Deviation { of, eps, inverse })
    }

    /// A centred row over its own deviation.
    pub(super) fn unit(
        &mut self,
        x: &RowPolynomial,
        deviation_of: ExprId,
        eps: f32,
    ) -> Option<AbstractValue> {
        let Expr::Centered(of) = *self.exprs.get(x.of) else { return None };
        (x.is_identity() && x.of == deviation_of && eps >= 0.0)
            .then(|| self.plain(Expr::Standardized { x: of, eps }, x.layout.clone()))
    }

    /// The same, as a quotient.
    pub(super) fn over_deviation(&mut self, x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        match (x, y) {
            (AbstractValue::Rows(x), AbstractValue::Deviation { of, eps, inverse: false }) => {
                self.unit(x, *of, *eps)
            }
            _ => None,
        }
    }

    /// tract's operator for a row over the root of its mean square.
    pub(in crate::encoder::matcher) fn rms_norm(
        &mut self,
        op: &RmsNorm,
        x: &AbstractValue,
    ) -> Option<AbstractValue> {
        let AbstractValue::Rows(rows) = x else { return None };
        let eps = op.eps.cast_to_scalar::<f32>().ok()?;
        if op.axis + 1 != rows.layout.0.len() {
            return None;
        }
        self.unit(rows, rows.of, eps)
    }

    /// `x · gamma`.
    pub(super) fn gained(&mut self, x: &RowPolynomial, by: OutletId) -> Option<AbstractValue> {
        let Expr::Standardized { x: of, eps } = *self.exprs.get(x.of) else { return None };
        let gamma = self.along_row(x, by)?;
        x.is_identity().then(|| self.plain(Expr::Scaled { x: of, eps, gamma }, x.layout.clone()))
    }

    /// `x + beta`; or a bias, or rows that are the same for every text.
    pub(super) fn shifted(&mut self, x: &RowPolynomial, by: OutletId) -> Option<AbstractValue> {
        if !x.is_identity() {
            return None;
        }
        let Some(vector) = self.along_row(x, by) else {
            let rows = self.positions(by, x)?;
            let sum = Expr::Sum(x.of, self.exprs.id(rows));
            return Some(self.plain(sum, x.layout.clone()));
        };
        let expr = match self.exprs.get(x.of).clone() {
            Expr::Standardized { x, eps } => Expr::Norm { x, eps, gamma: Vector::Uniform(1.0), beta: vector },
            Expr::Scaled { x, eps, gamma } => Expr::Norm { x, eps, gamma, beta: vector },
            _ => return self.biased(x, vector),
        };
        Some(self.plain(expr, x.layout.clone()))
    }

    /// A constant of one number for each column of a row.
    pub(super) fn along_row(&self, x: &RowPolynomial, by: OutletId) -> Option<Vector> {
        let width = x.layout.width()?;
        let vector = vector(self.model, by)?;
        let shape = self.model.outlet_fact(by).ok()?.shape.clone();
        let last = shape.last()?.to_usize().ok()?;
        let fits = matches!(vector, Vector::Uniform(_)) || (vector.len() == width && last == width);
        fits.then_some(vector)
    }
}
