//! Activation functions written as arithmetic: `x/2 · (1 + erf(x/√2))` and its tanh approximation,
//! with the factors in any order.

use crate::encoder::matcher::abstract_value::{AbstractValue, Curve, RowPolynomial};
use crate::encoder::matcher::expr::Expr;
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::spec::Activation;

/// Returns true if two constants are equal up to the rounding of half precision.
fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-3 * b.abs()
}

impl GraphMatcher<'_> {
    /// Matches `erf` or `tanh` of the polynomial that an activation function needs.
    pub(super) fn curve(x: &RowPolynomial, erf: bool) -> Option<AbstractValue> {
        let root = (2.0 / std::f32::consts::PI).sqrt();
        let curve = match x.c {
            [0.0, c, 0.0, 0.0] if erf && close(c, std::f32::consts::FRAC_1_SQRT_2) => Curve::Erf,
            [0.0, c, 0.0, 0.0] if !erf && close(c, 1.0) => Curve::Tanh,
            [0.0, c, 0.0, cube] if !erf && close(c, root) && close(cube, root * 0.044_715) => Curve::GeluTanh,
            _ => return None,
        };
        Some(AbstractValue::Curve { of: x.of, layout: x.layout.clone(), curve, offset: 0.0, factor: 1.0 })
    }

    /// Matches `x · (offset + factor · curve(x))`: gelu times a scalar.
    pub(super) fn activation(&mut self, x: &RowPolynomial, y: &AbstractValue) -> Option<AbstractValue> {
        let AbstractValue::Curve { of, layout, curve, offset, factor } = y else { return None };
        let activation = match curve {
            Curve::Erf => Activation::Gelu,
            Curve::GeluTanh => Activation::GeluTanh,
            Curve::Tanh => return None,
        };
        if x.of != *of || x.layout != *layout || !close(*offset, *factor) {
            return None;
        }
        // gelu itself has factor 1/2.
        let twice = 2.0 * x.factor()? * offset;
        let twice = if close(twice, 1.0) { 1.0 } else { twice };
        let id = self.exprs.id(Expr::Activated { x: *of, activation });
        Some(AbstractValue::Rows(RowPolynomial { of: id, layout: layout.clone(), c: [0.0, twice, 0.0, 0.0] }))
    }
}
