//! LayerNorm, as one operator or as arithmetic: `(x − mean) / √(mean square + eps) · gamma + beta`.

use crate::encoder::graph::ops::reduce::{Reduce, Reducer, RmsNorm};
use crate::encoder::graph::prelude::*;
use crate::encoder::matcher::abstract_value::{AbstractValue, RowPolynomial, close};
use crate::encoder::matcher::expr::{Expr, ExprId};
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::layout::Atom;
use crate::encoder::matcher::weight::{per_head, vector};
use crate::encoder::plan::Vector;

impl GraphMatcher<'_> {
    /// Matches a sum over each row (its mean times its width), or the mean of its squares.
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
            #[cfg(feature = "cli")]
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

    /// Matches `x − mean`.
    pub(super) fn centered(
        &mut self,
        x: &RowPolynomial,
        mean_of: ExprId,
        factor: f32,
    ) -> Option<AbstractValue> {
        (x.is_identity() && x.of == mean_of && close(factor, 1.0) && x.layout.width().is_some())
            .then(|| self.rows(Expr::Centered(x.of), x.layout.clone()))
    }

    /// Matches the square root of the mean square.
    pub(super) fn deviation(of: ExprId, factor: f32, eps: f32, inverse: bool) -> Option<AbstractValue> {
        close(factor, 1.0).then_some(AbstractValue::Deviation { of, eps, inverse })
    }

    /// Matches a centered row times the reciprocal of its deviation.
    pub(super) fn standardized(
        &mut self,
        x: &RowPolynomial,
        deviation_of: ExprId,
        eps: f32,
    ) -> Option<AbstractValue> {
        let Expr::Centered(of) = *self.exprs.get(x.of) else { return None };
        (x.is_identity() && x.of == deviation_of && eps >= 0.0)
            .then(|| self.rows(Expr::Standardized { x: of, eps }, x.layout.clone()))
    }

    /// Matches a centered row divided by its deviation.
    pub(super) fn divided_by_deviation(
        &mut self,
        x: &AbstractValue,
        y: &AbstractValue,
    ) -> Option<AbstractValue> {
        match (x, y) {
            (AbstractValue::Rows(x), AbstractValue::Deviation { of, eps, inverse: false }) => {
                self.standardized(x, *of, *eps)
            }
            _ => None,
        }
    }

    /// Matches tract's `RmsNorm`, which divides a row by the root of its mean square.
    pub(in crate::encoder::matcher) fn rms_norm(
        &mut self,
        op: &RmsNorm,
        x: &AbstractValue,
    ) -> Option<AbstractValue> {
        let AbstractValue::Rows(rows) = x else { return None };
        if op.axis + 1 != rows.layout.0.len() {
            return None;
        }
        self.standardized(rows, rows.of, op.eps)
    }

    /// Matches `x · gamma`.
    pub(super) fn scaled_norm(&mut self, x: &RowPolynomial, by: OutletId) -> Option<AbstractValue> {
        let Expr::Standardized { x: of, eps } = *self.exprs.get(x.of) else { return None };
        let gamma = self.along_row(x, by)?;
        x.is_identity().then(|| self.rows(Expr::Scaled { x: of, eps, gamma }, x.layout.clone()))
    }

    /// Matches `x + beta`, a bias, or constant rows that are added to every text.
    pub(super) fn add_row_constant(&mut self, x: &RowPolynomial, by: OutletId) -> Option<AbstractValue> {
        if !x.is_identity() {
            return None;
        }
        let Some(vector) = self.along_row(x, by) else {
            let rows = self.fixed_lookup(by, x)?;
            let sum = Expr::Sum(x.of, self.exprs.id(rows));
            return Some(self.rows(sum, x.layout.clone()));
        };
        let expr = match self.exprs.get(x.of).clone() {
            Expr::Standardized { x, eps } => Expr::Norm { x, eps, gamma: Vector::Uniform(1.0), beta: vector },
            Expr::Scaled { x, eps, gamma } => Expr::Norm { x, eps, gamma, beta: vector },
            _ => return self.biased(x, vector),
        };
        Some(self.rows(expr, x.layout.clone()))
    }

    /// Reads a constant with one number per column of a row.
    pub(super) fn along_row(&self, x: &RowPolynomial, by: OutletId) -> Option<Vector> {
        if let [.., heads, columns] = &x.layout.0[..]
            && let ([Atom::Heads(heads)], [Atom::Dim(columns)]) = (&heads[..], &columns[..])
        {
            return per_head(self.model, by, *heads, *columns);
        }
        let width = x.layout.width()?;
        let vector = vector(self.model, by)?;
        let shape = self.model.outlet_fact(by).ok()?.shape.clone();
        let last = shape.last()?.to_usize().ok()?;
        let fits = matches!(vector, Vector::Uniform(_)) || (vector.len() == width && last == width);
        fits.then_some(vector)
    }
}
