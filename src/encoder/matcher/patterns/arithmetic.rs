//! Dispatches sums, products and functions of values to the patterns that they may be part of.

use crate::encoder::graph::ops::binary::Binary;
use crate::encoder::graph::ops::unary::Unary;
use crate::encoder::graph::prelude::*;
use crate::encoder::matcher::abstract_value::{AbstractValue, RowPolynomial, RowPooling, scaled_range};
use crate::encoder::matcher::expr::Expr;
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::weight::{uniform, vector};
use crate::encoder::spec::Activation;

impl GraphMatcher<'_> {
    /// Matches `a op b`.
    pub(in crate::encoder::matcher) fn binary(
        &mut self,
        op: &Binary,
        a: OutletId,
        b: OutletId,
    ) -> Option<AbstractValue> {
        let (one, two) = (self.value(a).clone(), self.value(b).clone());
        if *op == Binary::Add {
            return self
                .add_constant(&one, b)
                .or_else(|| self.add_constant(&two, a))
                .or_else(|| self.add_values(&one, &two));
        }
        if *op == Binary::Mul {
            return self
                .mul_constant(&one, b)
                .or_else(|| self.mul_constant(&two, a))
                .or_else(|| self.mul_values(&one, &two))
                .or_else(|| self.mul_values(&two, &one));
        }
        let c = uniform(self.model, b);
        if *op == Binary::Sub {
            return match c {
                Some(c) => self.add_scalar(&one, -c),
                None => self.folded_offset(a, &two).or_else(|| self.sub_values(&one, &two)),
            };
        }
        if *op == Binary::Div {
            return match (c, &one) {
                (Some(c), _) => self.mul_scalar(&one, 1.0 / c),
                (None, AbstractValue::Pooled(text)) => self.pooled_quotient(text, &two, b),
                (None, _) => self.divided_by_deviation(&one, &two),
            };
        }
        let c = c?;
        if *op == Binary::Pow {
            return match (&one, c) {
                (AbstractValue::Rows(rows), 2.0) => mul_polynomials(rows, rows).map(AbstractValue::Rows),
                (AbstractValue::Rows(rows), 3.0) => {
                    mul_polynomials(&mul_polynomials(rows, rows)?, rows).map(AbstractValue::Rows)
                }
                (AbstractValue::MeanSquare { of, factor, eps }, 0.5) => {
                    Self::deviation(*of, *factor, *eps, false)
                }
                _ => None,
            };
        }
        match one {
            AbstractValue::Rows(rows) if *op == Binary::Max && c == 0.0 && rows.is_identity() => {
                let expr = Expr::Activated { x: rows.of, activation: Activation::Relu };
                Some(self.rows(expr, rows.layout))
            }
            // A lower bound that keeps a division by a zero norm finite.
            AbstractValue::PooledNorm { .. } if *op == Binary::Max && (0.0..1e-6).contains(&c) => Some(one),
            _ => None,
        }
    }

    /// Matches `x + by`, where `by` is a constant.
    fn add_constant(&mut self, x: &AbstractValue, by: OutletId) -> Option<AbstractValue> {
        if let AbstractValue::Scores(scores) = x {
            return self.masked_scores(scores, by);
        }
        if !matches!(self.value(by), AbstractValue::Fixed) {
            return None;
        }
        if let AbstractValue::Rows(rows) = x
            && let rows = self.fold_factor(rows.clone())
            && let Some(value) = self.add_row_constant(&rows, by)
        {
            return Some(value);
        }
        self.add_scalar(x, uniform(self.model, by)?)
    }

    /// Matches `x + c`, where `c` is a scalar and not a bias.
    fn add_scalar(&mut self, x: &AbstractValue, c: f32) -> Option<AbstractValue> {
        Some(match x.clone() {
            AbstractValue::Rows(mut rows) => {
                if let Some(value) = self.table_centered(&rows, c) {
                    return Some(value);
                }
                rows.c[0] += c;
                AbstractValue::Rows(rows)
            }
            AbstractValue::Curve { of, layout, curve, offset, factor } => {
                AbstractValue::Curve { of, layout, curve, offset: offset + c, factor }
            }
            AbstractValue::MeanSquare { of, factor, eps } => {
                AbstractValue::MeanSquare { of, factor, eps: eps + c }
            }
            AbstractValue::FixedScale { of, scale, zero } => {
                AbstractValue::FixedScale { of, scale, zero: zero + c }
            }
            _ => return None,
        })
    }

    /// Matches `x · by`, where `by` is a constant.
    fn mul_constant(&mut self, x: &AbstractValue, by: OutletId) -> Option<AbstractValue> {
        if let (AbstractValue::Rows(rows), AbstractValue::Mask) = (x, self.value(by)) {
            return self.masked_rows(rows, by);
        }
        if !matches!(self.value(by), AbstractValue::Fixed) {
            return None;
        }
        if let AbstractValue::Rows(rows) = x
            && let Some(value) = self.scaled_norm(rows, by)
        {
            return Some(value);
        }
        if let Some(value) = self.folded_factor(x, by) {
            return Some(value);
        }
        match x {
            AbstractValue::QuantizationScale { by: nodes, scale } => {
                let mut scale = scale.clone();
                let vector = vector(self.model, by)?;
                // A vector must lie along the columns.
                let last = self
                    .model
                    .outlet_fact(by)
                    .ok()?
                    .shape
                    .last()
                    .map_or(1, |last| last.to_usize().unwrap_or(1));
                if vector.len() != 1 && vector.len() != last {
                    return None;
                }
                scale.push(vector);
                Some(AbstractValue::QuantizationScale { by: nodes.clone(), scale })
            }
            AbstractValue::Unscaled { of, by: nodes } => {
                let scale = match &**of {
                    AbstractValue::Rows(rows) => self.along_row(rows, by)?,
                    _ => return None,
                };
                let of = Box::new(self.scaled_product(of, &[scale])?);
                Some(AbstractValue::Unscaled { of, by: nodes.clone() })
            }
            _ => uniform(self.model, by).and_then(|c| self.mul_scalar(x, c)),
        }
        .or_else(|| self.scaled_rows(x, by))
        .or_else(|| self.factored_rows(x, by))
    }

    /// Matches `x · c`, where `c` is a scalar.
    fn mul_scalar(&mut self, x: &AbstractValue, c: f32) -> Option<AbstractValue> {
        Some(match x.clone() {
            AbstractValue::Rows(mut rows) => {
                if let Some(value) = self.table_scaled(&rows, c) {
                    return Some(value);
                }
                rows.c = rows.c.map(|k| k * c);
                AbstractValue::Rows(rows)
            }
            AbstractValue::Curve { of, layout, curve, offset, factor } => {
                AbstractValue::Curve { of, layout, curve, offset: offset * c, factor: factor * c }
            }
            AbstractValue::Mean { of, factor } => AbstractValue::Mean { of, factor: factor * c },
            AbstractValue::MeanSquare { of, factor, eps } => {
                AbstractValue::MeanSquare { of, factor: factor * c, eps: eps * c }
            }
            AbstractValue::Scores(mut scores) if !scores.masked => {
                scores.scale *= c;
                scores.step *= c.abs();
                scores.range = scaled_range(scores.range, c)?;
                AbstractValue::Scores(scores)
            }
            AbstractValue::FixedScale { of, scale, zero } => Self::dequantized(*of, scale, zero, c)?,
            _ => return None,
        })
    }

    /// Matches `x + y`, where neither value is a constant.
    fn add_values(&mut self, x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        if let Some(norm) = self.folded_norm(x, y).or_else(|| self.folded_norm(y, x)) {
            return Some(norm);
        }
        let (AbstractValue::Rows(x), AbstractValue::Rows(y)) = (x, y) else { return None };
        let (x, y) = (&self.fold_factor(x.clone()), &self.fold_factor(y.clone()));
        if x.layout != y.layout {
            return self.add_position_rows(x, y).or_else(|| self.add_position_rows(y, x));
        }
        if x.of == y.of && !(x.is_identity() && y.is_identity()) {
            let c = std::array::from_fn(|i| x.c[i] + y.c[i]);
            return Some(AbstractValue::Rows(RowPolynomial { c, ..x.clone() }));
        }
        if !x.is_identity() || !y.is_identity() {
            return None;
        }
        Some(self.rows(Expr::Sum(x.of, y.of), x.layout.clone()))
    }

    /// Matches `x · y`, where neither value is a constant.
    fn mul_values(&mut self, x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        match (x, y) {
            (_, AbstractValue::FoldedNorm(_)) => Self::times_factor(x, y),
            (AbstractValue::Rows(x), AbstractValue::Rows(y)) => match self.table_scaled_by_row(x, y) {
                Some(value) => Some(value),
                None => mul_polynomials(x, y).map(AbstractValue::Rows),
            },
            (AbstractValue::Rows(x), AbstractValue::Curve { .. }) => self.activation(x, y),
            (AbstractValue::Rows(x), AbstractValue::Deviation { of, eps, inverse: true }) => {
                self.standardized(x, *of, *eps)
            }
            (AbstractValue::Unscaled { of, by }, AbstractValue::QuantizationScale { by: steps, scale })
                if by == steps =>
            {
                self.scaled_product(of, scale)
            }
            _ => Self::scale_of_both(x, y),
        }
    }

    /// Matches `x − y`, where neither value is a constant.
    fn sub_values(&mut self, x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        match (x, y) {
            (AbstractValue::Rows(x), AbstractValue::Mean { of, factor }) => self.centered(x, *of, *factor),
            (AbstractValue::Quantized { of, by, centered: false }, AbstractValue::ZeroPoint { by: zero })
                if by == zero =>
            {
                Some(AbstractValue::Quantized { of: of.clone(), by: *by, centered: true })
            }
            _ => None,
        }
    }

    /// Matches a function of `x`.
    pub(in crate::encoder::matcher) fn unary(
        &mut self,
        op: &Unary,
        x: AbstractValue,
    ) -> Option<AbstractValue> {
        match x {
            AbstractValue::Rows(rows) if *op == Unary::Gelu && rows.is_identity() => {
                let expr = Expr::Activated { x: rows.of, activation: Activation::Gelu };
                Some(self.rows(expr, rows.layout))
            }
            AbstractValue::Rows(rows) if *op == Unary::Erf || *op == Unary::Tanh => {
                Self::curve(&rows, *op == Unary::Erf)
            }
            AbstractValue::Pooled(text) if *op == Unary::Square => {
                let whole = text.flat
                    && !text.normalized
                    && matches!(text.pooling, RowPooling::First | RowPooling::Mean);
                whole.then_some(AbstractValue::PooledSquares(text))
            }
            AbstractValue::PooledNorm { of, squared: true } if *op == Unary::Sqrt => {
                Some(AbstractValue::PooledNorm { of, squared: false })
            }
            AbstractValue::Rows(rows) if *op == Unary::Square => {
                mul_polynomials(&rows, &rows).map(AbstractValue::Rows)
            }
            AbstractValue::MeanSquare { of, factor, eps } if *op == Unary::Sqrt || *op == Unary::Rsqrt => {
                Self::deviation(of, factor, eps, *op == Unary::Rsqrt)
            }
            AbstractValue::Deviation { of, eps, inverse } if *op == Unary::Recip => {
                Some(AbstractValue::Deviation { of, eps, inverse: !inverse })
            }
            AbstractValue::Probabilities(scores) if *op == Unary::IsNan => {
                Some(AbstractValue::ProbabilitiesAreNan(scores))
            }
            _ => None,
        }
    }
}

/// Returns the product of two polynomials of the same expression, if its degree is at most 3.
fn mul_polynomials(x: &RowPolynomial, y: &RowPolynomial) -> Option<RowPolynomial> {
    if x.of != y.of || x.layout != y.layout {
        return None;
    }
    let mut c = [0.0; 4];
    for (i, a) in x.c.iter().enumerate().filter(|(_, a)| **a != 0.0) {
        for (j, b) in y.c.iter().enumerate().filter(|(_, b)| **b != 0.0) {
            *c.get_mut(i + j)? += a * b;
        }
    }
    Some(RowPolynomial { c, ..x.clone() })
}
