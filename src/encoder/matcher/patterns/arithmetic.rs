//! Sums and products of two values, and functions of one: which pattern they may be part of.

use tract_core::internal::DimLike;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::math;
use tract_core::ops::nn::gelu_exact::GeluExact;
use tract_core::prelude::*;

use crate::encoder::matcher::abstract_value::{AbstractValue, RowPolynomial, RowPooling};
use crate::encoder::matcher::expr::Expr;
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::weight::{uniform, vector};
use crate::encoder::spec::Activation;

impl GraphMatcher<'_> {
    /// `a op b`.
    pub(in crate::encoder::matcher) fn binary(
        &mut self,
        op: &TypedBinOp,
        a: OutletId,
        b: OutletId,
    ) -> Option<AbstractValue> {
        let (one, two) = (self.value(a).clone(), self.value(b).clone());
        let op = &*op.0;
        if op.is::<math::Add>() {
            return self.sum(&one, b).or_else(|| self.sum(&two, a)).or_else(|| self.both(&one, &two));
        }
        if op.is::<math::Mul>() {
            return self
                .product(&one, b)
                .or_else(|| self.product(&two, a))
                .or_else(|| self.times(&one, &two))
                .or_else(|| self.times(&two, &one));
        }
        let c = uniform(self.model, b);
        if op.is::<math::Sub>() {
            return match c {
                Some(c) => self.offset(&one, -c),
                None => self.without(&one, &two),
            };
        }
        if op.is::<math::Div>() {
            return match (c, &one) {
                (Some(c), _) => self.factor(&one, 1.0 / c),
                (None, AbstractValue::Pooled(text)) => self.text_over(text, &two, b),
                (None, _) => self.over_deviation(&one, &two),
            };
        }
        let c = c?;
        if op.is::<math::Pow>() {
            return match (&one, c) {
                (AbstractValue::Rows(rows), 2.0) => power(rows, rows).map(AbstractValue::Rows),
                (AbstractValue::Rows(rows), 3.0) => power(&power(rows, rows)?, rows).map(AbstractValue::Rows),
                (AbstractValue::MeanSquare { of, factor, eps }, 0.5) => Self::root(*of, *factor, *eps, false),
                _ => None,
            };
        }
        match one {
            AbstractValue::Rows(rows) if op.is::<math::Max>() && c == 0.0 && rows.is_identity() => {
                let expr = Expr::Activated { x: rows.of, activation: Activation::Relu };
                Some(self.plain(expr, rows.layout))
            }
            // A length that nothing is divided by when it is 0.
            AbstractValue::PooledNorm { .. } if op.is::<math::Max>() && (0.0..1e-6).contains(&c) => Some(one),
            AbstractValue::FixedScale { of, scale, zero } if op.is::<math::Max>() => {
                self.cut(*of, scale, zero, c)
            }
            // The upper end of a range that has more than 0 below it.
            AbstractValue::FixedScale { zero, .. } if op.is::<math::Min>() && c > zero => Some(one),
            _ => None,
        }
    }

    /// `x + constant`, the constant being `by`.
    fn sum(&mut self, x: &AbstractValue, by: OutletId) -> Option<AbstractValue> {
        if let AbstractValue::Scores(scores) = x {
            return self.masked(scores, by);
        }
        if !matches!(self.value(by), AbstractValue::Fixed) {
            return None;
        }
        if let AbstractValue::Rows(rows) = x
            && let rows = self.shed(rows.clone())
            && let Some(value) = self.shifted(&rows, by)
        {
            return Some(value);
        }
        self.offset(x, uniform(self.model, by)?)
    }

    /// `x + c` where that is no bias.
    fn offset(&mut self, x: &AbstractValue, c: f32) -> Option<AbstractValue> {
        Some(match x.clone() {
            AbstractValue::Rows(mut rows) => {
                if let Some(value) = self.centred_table(&rows, c) {
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

    /// `x · constant`, the constant being `by`.
    fn product(&mut self, x: &AbstractValue, by: OutletId) -> Option<AbstractValue> {
        if let (AbstractValue::Rows(rows), AbstractValue::Mask) = (x, self.value(by)) {
            return self.kept(rows, by);
        }
        if !matches!(self.value(by), AbstractValue::Fixed) {
            return None;
        }
        if let AbstractValue::Rows(rows) = x
            && let Some(value) = self.gained(rows, by)
        {
            return Some(value);
        }
        match x {
            AbstractValue::QuantizationScale { of, scale } => {
                let mut scale = scale.clone();
                let vector = vector(self.model, by)?;
                // Along the columns, where it is more than a number.
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
                Some(AbstractValue::QuantizationScale { of: *of, scale })
            }
            AbstractValue::UnscaledProduct { of, product, layout } => {
                let rows = RowPolynomial::identity(*product, layout.clone());
                let product = self.scaled_weight(*product, &[self.along_row(&rows, by)?])?;
                Some(AbstractValue::UnscaledProduct { of: *of, product, layout: layout.clone() })
            }
            _ => {
                let c = uniform(self.model, by)?;
                self.factor(x, c)
            }
        }
        .or_else(|| self.scaled_rows(x, by))
    }

    /// `x · c`.
    fn factor(&mut self, x: &AbstractValue, c: f32) -> Option<AbstractValue> {
        Some(match x.clone() {
            AbstractValue::Rows(mut rows) => {
                if let Some(value) = self.scaled_table(&rows, c) {
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
                AbstractValue::Scores(scores)
            }
            AbstractValue::FixedScale { of, scale, zero } => Self::restored(*of, scale, zero, c)?,
            _ => return None,
        })
    }

    /// `x + y` of two values that are no constants.
    fn both(&mut self, x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        let (AbstractValue::Rows(x), AbstractValue::Rows(y)) = (x, y) else { return None };
        let (x, y) = (&self.shed(x.clone()), &self.shed(y.clone()));
        if x.layout != y.layout {
            return self.same_for_all(x, y).or_else(|| self.same_for_all(y, x));
        }
        if x.of == y.of && !(x.is_identity() && y.is_identity()) {
            let c = std::array::from_fn(|i| x.c[i] + y.c[i]);
            return Some(AbstractValue::Rows(RowPolynomial { c, ..x.clone() }));
        }
        if !x.is_identity() || !y.is_identity() {
            return None;
        }
        Some(self.plain(Expr::Sum(x.of, y.of), x.layout.clone()))
    }

    /// `x · y` of two values that are no constants.
    fn times(&mut self, x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        match (x, y) {
            (AbstractValue::Rows(x), AbstractValue::Rows(y)) => match self.row_scaled(x, y) {
                Some(value) => Some(value),
                None => power(x, y).map(AbstractValue::Rows),
            },
            (AbstractValue::Rows(x), AbstractValue::Curve { .. }) => self.activation(x, y),
            (AbstractValue::Rows(x), AbstractValue::Deviation { of, eps, inverse: true }) => {
                self.unit(x, *of, *eps)
            }
            (
                AbstractValue::UnscaledProduct { of, product, layout },
                AbstractValue::QuantizationScale { of: step, scale },
            ) if of == step => {
                let product = self.scaled_weight(*product, scale)?;
                Some(AbstractValue::Rows(RowPolynomial::identity(product, layout.clone())))
            }
            _ => None,
        }
    }

    /// `x − y` of two values that are no constants.
    fn without(&mut self, x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        match (x, y) {
            (AbstractValue::Rows(x), AbstractValue::Mean { of, factor }) => self.centred(x, *of, *factor),
            (AbstractValue::Quantized { of, centered: false }, AbstractValue::ZeroPoint { of: zero })
                if of.of == *zero =>
            {
                Some(AbstractValue::Quantized { of: of.clone(), centered: true })
            }
            _ => None,
        }
    }

    /// `f(x)`.
    pub(in crate::encoder::matcher) fn unary(
        &mut self,
        op: &ElementWiseOp,
        x: AbstractValue,
    ) -> Option<AbstractValue> {
        let op = &*op.0;
        match x {
            AbstractValue::Rows(rows) if op.is::<GeluExact>() && rows.is_identity() => {
                let expr = Expr::Activated { x: rows.of, activation: Activation::Gelu };
                Some(self.plain(expr, rows.layout))
            }
            AbstractValue::Rows(rows) if op.is::<math::Erf>() || op.is::<math::Tanh>() => {
                Self::curve(&rows, op.is::<math::Erf>())
            }
            AbstractValue::Pooled(text) if op.is::<math::Square>() => {
                let whole = text.flat
                    && !text.normalized
                    && matches!(text.pooling, RowPooling::First | RowPooling::Mean);
                whole.then_some(AbstractValue::PooledSquares(text))
            }
            AbstractValue::PooledNorm { of, squared: true } if op.is::<math::Sqrt>() => {
                Some(AbstractValue::PooledNorm { of, squared: false })
            }
            AbstractValue::Rows(rows) if op.is::<math::Square>() => {
                power(&rows, &rows).map(AbstractValue::Rows)
            }
            AbstractValue::MeanSquare { of, factor, eps }
                if op.is::<math::Sqrt>() || op.is::<math::Rsqrt>() =>
            {
                Self::root(of, factor, eps, op.is::<math::Rsqrt>())
            }
            AbstractValue::Deviation { of, eps, inverse } if op.is::<math::Recip>() => {
                Some(AbstractValue::Deviation { of, eps, inverse: !inverse })
            }
            AbstractValue::Probabilities(scores) if op.is::<math::IsNan>() => {
                Some(AbstractValue::ProbabilitiesAreNan(scores))
            }
            _ => None,
        }
    }
}

/// The product of two polynomials of the same expr, up to its cube.
fn power(x: &RowPolynomial, y: &RowPolynomial) -> Option<RowPolynomial> {
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
