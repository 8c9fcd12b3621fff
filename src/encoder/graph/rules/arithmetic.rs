//! Sums and products of two values, and functions of one: which pattern they may be part of.

use tract_core::internal::DimLike;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::math;
use tract_core::ops::nn::gelu_exact::GeluExact;
use tract_core::prelude::*;

use crate::encoder::graph::read::Reader;
use crate::encoder::graph::symbol::{Meaning, Rows, Symbol, Texts};
use crate::encoder::graph::weight::{uniform, vector};
use crate::encoder::spec::Activation;

impl Reader<'_> {
    /// `a op b`.
    pub(in crate::encoder::graph) fn binary(
        &mut self,
        op: &TypedBinOp,
        a: OutletId,
        b: OutletId,
    ) -> Option<Meaning> {
        let (one, two) = (self.meaning(a).clone(), self.meaning(b).clone());
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
                (None, Meaning::Text(text)) => self.text_over(text, &two, b),
                (None, _) => self.over_deviation(&one, &two),
            };
        }
        let c = c?;
        if op.is::<math::Pow>() {
            return match (&one, c) {
                (Meaning::Rows(rows), 2.0) => power(rows, rows).map(Meaning::Rows),
                (Meaning::Rows(rows), 3.0) => power(&power(rows, rows)?, rows).map(Meaning::Rows),
                (Meaning::Square { of, factor, eps }, 0.5) => Self::root(*of, *factor, *eps, false),
                _ => None,
            };
        }
        match one {
            Meaning::Rows(rows) if op.is::<math::Max>() && c == 0.0 && rows.is_plain() => {
                let symbol = Symbol::Activated { x: rows.of, activation: Activation::Relu };
                Some(self.plain(symbol, rows.layout))
            }
            // A length that nothing is divided by when it is 0.
            Meaning::TextLength { .. } if op.is::<math::Max>() && (0.0..1e-6).contains(&c) => Some(one),
            Meaning::FixedStep { of, scale, zero } if op.is::<math::Max>() => self.cut(*of, scale, zero, c),
            // The upper end of a range that has more than 0 below it.
            Meaning::FixedStep { zero, .. } if op.is::<math::Min>() && c > zero => Some(one),
            _ => None,
        }
    }

    /// `x + constant`, the constant being `by`.
    fn sum(&mut self, x: &Meaning, by: OutletId) -> Option<Meaning> {
        if let Meaning::Scores(scores) = x {
            return self.masked(scores, by);
        }
        if !matches!(self.meaning(by), Meaning::Fixed) {
            return None;
        }
        if let Meaning::Rows(rows) = x
            && let rows = self.shed(rows.clone())
            && let Some(meaning) = self.shifted(&rows, by)
        {
            return Some(meaning);
        }
        self.offset(x, uniform(self.model, by)?)
    }

    /// `x + c` where that is no bias.
    fn offset(&mut self, x: &Meaning, c: f32) -> Option<Meaning> {
        Some(match x.clone() {
            Meaning::Rows(mut rows) => {
                if let Some(meaning) = self.centred_table(&rows, c) {
                    return Some(meaning);
                }
                rows.c[0] += c;
                Meaning::Rows(rows)
            }
            Meaning::Curve { of, layout, curve, offset, factor } => {
                Meaning::Curve { of, layout, curve, offset: offset + c, factor }
            }
            Meaning::Square { of, factor, eps } => Meaning::Square { of, factor, eps: eps + c },
            Meaning::FixedStep { of, scale, zero } => Meaning::FixedStep { of, scale, zero: zero + c },
            _ => return None,
        })
    }

    /// `x · constant`, the constant being `by`.
    fn product(&mut self, x: &Meaning, by: OutletId) -> Option<Meaning> {
        if let (Meaning::Rows(rows), Meaning::Mask) = (x, self.meaning(by)) {
            return self.kept(rows, by);
        }
        if !matches!(self.meaning(by), Meaning::Fixed) {
            return None;
        }
        if let Meaning::Rows(rows) = x
            && let Some(meaning) = self.gained(rows, by)
        {
            return Some(meaning);
        }
        match x {
            Meaning::Step { of, scale } => {
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
                Some(Meaning::Step { of: *of, scale })
            }
            Meaning::Unscaled { of, product, layout } => {
                let rows = Rows::plain(*product, layout.clone());
                let product = self.scaled_weight(*product, &[self.along_row(&rows, by)?])?;
                Some(Meaning::Unscaled { of: *of, product, layout: layout.clone() })
            }
            _ => {
                let c = uniform(self.model, by)?;
                self.factor(x, c)
            }
        }
        .or_else(|| self.scaled_rows(x, by))
    }

    /// `x · c`.
    fn factor(&mut self, x: &Meaning, c: f32) -> Option<Meaning> {
        Some(match x.clone() {
            Meaning::Rows(mut rows) => {
                if let Some(meaning) = self.scaled_table(&rows, c) {
                    return Some(meaning);
                }
                rows.c = rows.c.map(|k| k * c);
                Meaning::Rows(rows)
            }
            Meaning::Curve { of, layout, curve, offset, factor } => {
                Meaning::Curve { of, layout, curve, offset: offset * c, factor: factor * c }
            }
            Meaning::Mean { of, factor } => Meaning::Mean { of, factor: factor * c },
            Meaning::Square { of, factor, eps } => Meaning::Square { of, factor: factor * c, eps: eps * c },
            Meaning::Scores(mut scores) if !scores.masked => {
                scores.scale *= c;
                Meaning::Scores(scores)
            }
            Meaning::FixedStep { of, scale, zero } => Self::restored(*of, scale, zero, c)?,
            _ => return None,
        })
    }

    /// `x + y` of two values that are no constants.
    fn both(&mut self, x: &Meaning, y: &Meaning) -> Option<Meaning> {
        let (Meaning::Rows(x), Meaning::Rows(y)) = (x, y) else { return None };
        let (x, y) = (&self.shed(x.clone()), &self.shed(y.clone()));
        if x.layout != y.layout {
            return self.same_for_all(x, y).or_else(|| self.same_for_all(y, x));
        }
        if x.of == y.of && !(x.is_plain() && y.is_plain()) {
            let c = std::array::from_fn(|i| x.c[i] + y.c[i]);
            return Some(Meaning::Rows(Rows { c, ..x.clone() }));
        }
        if !x.is_plain() || !y.is_plain() {
            return None;
        }
        Some(self.plain(Symbol::Sum(x.of, y.of), x.layout.clone()))
    }

    /// `x · y` of two values that are no constants.
    fn times(&mut self, x: &Meaning, y: &Meaning) -> Option<Meaning> {
        match (x, y) {
            (Meaning::Rows(x), Meaning::Rows(y)) => match self.row_scaled(x, y) {
                Some(meaning) => Some(meaning),
                None => power(x, y).map(Meaning::Rows),
            },
            (Meaning::Rows(x), Meaning::Curve { .. }) => self.activation(x, y),
            (Meaning::Rows(x), Meaning::Deviation { of, eps, inverse: true }) => self.unit(x, *of, *eps),
            (Meaning::Unscaled { of, product, layout }, Meaning::Step { of: step, scale }) if of == step => {
                let product = self.scaled_weight(*product, scale)?;
                Some(Meaning::Rows(Rows::plain(product, layout.clone())))
            }
            _ => None,
        }
    }

    /// `x − y` of two values that are no constants.
    fn without(&mut self, x: &Meaning, y: &Meaning) -> Option<Meaning> {
        match (x, y) {
            (Meaning::Rows(x), Meaning::Mean { of, factor }) => self.centred(x, *of, *factor),
            (Meaning::Quantised { of, centred: false }, Meaning::ZeroPoint { of: zero })
                if of.of == *zero =>
            {
                Some(Meaning::Quantised { of: of.clone(), centred: true })
            }
            _ => None,
        }
    }

    /// `f(x)`.
    pub(in crate::encoder::graph) fn unary(&mut self, op: &ElementWiseOp, x: Meaning) -> Option<Meaning> {
        let op = &*op.0;
        match x {
            Meaning::Rows(rows) if op.is::<GeluExact>() && rows.is_plain() => {
                let symbol = Symbol::Activated { x: rows.of, activation: Activation::Gelu };
                Some(self.plain(symbol, rows.layout))
            }
            Meaning::Rows(rows) if op.is::<math::Erf>() || op.is::<math::Tanh>() => {
                Self::curve(&rows, op.is::<math::Erf>())
            }
            Meaning::Text(text) if op.is::<math::Square>() => {
                let whole = text.flat && !text.normalized && matches!(text.texts, Texts::First | Texts::Mean);
                whole.then_some(Meaning::TextSquares(text))
            }
            Meaning::TextLength { of, squared: true } if op.is::<math::Sqrt>() => {
                Some(Meaning::TextLength { of, squared: false })
            }
            Meaning::Rows(rows) if op.is::<math::Square>() => power(&rows, &rows).map(Meaning::Rows),
            Meaning::Square { of, factor, eps } if op.is::<math::Sqrt>() || op.is::<math::Rsqrt>() => {
                Self::root(of, factor, eps, op.is::<math::Rsqrt>())
            }
            Meaning::Deviation { of, eps, inverse } if op.is::<math::Recip>() => {
                Some(Meaning::Deviation { of, eps, inverse: !inverse })
            }
            Meaning::Probabilities(scores) if op.is::<math::IsNan>() => Some(Meaning::NotANumber(scores)),
            _ => None,
        }
    }
}

/// The product of two polynomials of the same symbol, up to its cube.
fn power(x: &Rows, y: &Rows) -> Option<Rows> {
    if x.of != y.of || x.layout != y.layout {
        return None;
    }
    let mut c = [0.0; 4];
    for (i, a) in x.c.iter().enumerate().filter(|(_, a)| **a != 0.0) {
        for (j, b) in y.c.iter().enumerate().filter(|(_, b)| **b != 0.0) {
            *c.get_mut(i + j)? += a * b;
        }
    }
    Some(Rows { c, ..x.clone() })
}
