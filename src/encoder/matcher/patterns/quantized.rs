//! Matches dynamic and static quantization of activations and skips the rounding. These nodes describe how
//! onnxruntime runs the model, not the model itself. A plan reads the unquantized activations, and the back end
//! applies its own quantization.
//!
//! Static quantization also clips to the range that was calibrated. The plan keeps that: an input outside of
//! the range gives another vector than the float model, and this vector is what the file means.

use super::product::Places;
use crate::encoder::graph::prelude::*;
use crate::encoder::matcher::abstract_value::{AbstractValue, RowPolynomial, close};
use crate::encoder::matcher::expr::{Expr, ExprId};
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::weight::uniform;
use crate::encoder::onnx::StaticQuantize;
use crate::encoder::plan::Vector;
use crate::encoder::spec::Activation;

impl GraphMatcher<'_> {
    /// Matches `DynamicQuantizeLinear`: quantized rows, scale, zero point.
    pub(in crate::encoder::matcher) fn dynamic_quantize(&mut self, node: &TypedNode) -> Vec<AbstractValue> {
        let input = node.inputs.first().map(|input| self.value(*input).clone());
        match input.map(|input| self.classifier_rows(input)) {
            Some(of @ (AbstractValue::Rows(_) | AbstractValue::Probabilities(_))) => vec![
                AbstractValue::Quantized { of: Box::new(of), by: node.id, centered: false },
                AbstractValue::QuantizationScale { by: vec![node.id], scale: Vec::new() },
                AbstractValue::ZeroPoint { by: node.id },
            ],
            _ => vec![AbstractValue::Unknown; node.outputs.len()],
        }
    }

    /// Matches a product of quantized values with their zero points subtracted.
    pub(super) fn quantized_product(
        &mut self,
        a: AbstractValue,
        b: AbstractValue,
        b_outlet: OutletId,
        places: &[Places],
    ) -> Option<AbstractValue> {
        let unpacked = |value: AbstractValue| match value {
            AbstractValue::Quantized { of, by, centered: true } => Some((*of, vec![by])),
            AbstractValue::Fixed => Some((AbstractValue::Fixed, Vec::new())),
            _ => None,
        };
        let ((a, mut by), (b, by_b)) = (unpacked(a)?, unpacked(b)?);
        by.extend(by_b);
        by.sort_unstable();
        let of = Box::new(self.product(a, b, b_outlet, places)?);
        Some(AbstractValue::Unscaled { of, by })
    }

    /// Matches the scale of one quantized value times that of another.
    pub(super) fn scale_of_both(x: &AbstractValue, y: &AbstractValue) -> Option<AbstractValue> {
        let (
            AbstractValue::QuantizationScale { by: a, scale: a_scale },
            AbstractValue::QuantizationScale { by: b, scale: b_scale },
        ) = (x, y)
        else {
            return None;
        };
        let mut by = [&a[..], b].concat();
        by.sort_unstable();
        let scale = [&a_scale[..], b_scale].concat();
        (by.len() <= 2).then_some(AbstractValue::QuantizationScale { by, scale })
    }

    /// Matches a product of quantized values times their scales, and the scales of a weight.
    pub(super) fn scaled_product(&mut self, of: &AbstractValue, scale: &[Vector]) -> Option<AbstractValue> {
        match of {
            AbstractValue::Rows(rows) if !scale.is_empty() => {
                let rows = self.fold_factor(rows.clone());
                let product = self.scaled_weight(rows.of, scale)?;
                rows.is_identity()
                    .then(|| AbstractValue::Rows(RowPolynomial::identity(product, rows.layout.clone())))
            }
            other => scale.is_empty().then(|| other.clone()),
        }
    }

    /// Matches `round(x / scale) + zero` of any value, clamped to the range of the integers.
    pub(in crate::encoder::matcher) fn static_quantize(
        &mut self,
        op: &StaticQuantize,
        node: &TypedNode,
    ) -> Option<AbstractValue> {
        let [x, scale, zero] = node.inputs[..] else { return None };
        let (scale, zero) = (uniform(self.model, scale)?, uniform(self.model, zero)?);
        let of = self.value(x).clone();
        let range = [op.0.min as f32, op.0.max as f32].map(|bound| (bound - zero) * scale);
        // The zero point is one of the integers, so the range contains 0.
        if !(scale.is_finite() && scale > 0.0) || range[0] > 0.0 || range[1] < 0.0 {
            return None;
        }
        let of = match of {
            AbstractValue::Rows(rows) => AbstractValue::Rows(self.clipped(rows, range)),
            AbstractValue::Scores(mut scores) => {
                scores.range = [scores.range[0].max(range[0]), scores.range[1].min(range[1])];
                scores.step = scores.step.max(scale);
                AbstractValue::Scores(scores)
            }
            of @ (AbstractValue::Probabilities(_)
            | AbstractValue::Curve { .. }
            | AbstractValue::Mean { .. }
            | AbstractValue::MeanSquare { .. }
            | AbstractValue::Deviation { .. }
            | AbstractValue::Pooled(_)) => of,
            _ => return None,
        };
        Some(AbstractValue::FixedScale { of: Box::new(of), scale, zero })
    }

    /// Returns rows clipped to a range. Rows of embeddings stay as they are, and so do the rows inside an
    /// activation function (they are no multiple of an expression) or a LayerNorm.
    fn clipped(&mut self, rows: RowPolynomial, range: [f32; 2]) -> RowPolynomial {
        let rows = self.fold_factor(rows);
        let Some(factor) = rows.factor().filter(|factor| *factor > 0.0) else { return rows };
        let mut of = rows.of;
        // If the range begins at 0, negative values are cut off: static quantization may express a `Relu` that
        // way and have no other.
        if range[0] == 0.0 && !self.is_rectified(of) {
            of = self.exprs.id(Expr::Activated { x: of, activation: Activation::Relu });
        }
        let range = range.map(|bound| bound / factor);
        let is_narrower =
            |have: &[f32; 2]| have[0] >= range[0] * (1.0 + 1e-5) && have[1] <= range[1] * (1.0 + 1e-5);
        let clips = match self.exprs.get(of) {
            Expr::Clipped { range: have, shift: None, .. } => !is_narrower(have),
            Expr::Centered(_) | Expr::Standardized { .. } | Expr::Scaled { .. } => false,
            _ => !self.is_of_tables(of),
        };
        if clips {
            of = self.exprs.id(Expr::Clipped { x: of, range, shift: None });
        }
        RowPolynomial { of, ..rows }
    }

    /// Returns true if an expression is never negative.
    fn is_rectified(&self, id: ExprId) -> bool {
        match self.exprs.get(id) {
            Expr::Activated { activation: Activation::Relu, .. } => true,
            Expr::Clipped { x, range, shift: None } => range[0] >= 0.0 || self.is_rectified(*x),
            _ => false,
        }
    }

    /// Returns true if an expression is a lookup, or a sum of lookups in two or three tables.
    fn is_of_tables(&self, id: ExprId) -> bool {
        let is_lookup = |id: ExprId| matches!(self.exprs.get(id), Expr::Lookup { .. });
        let sum = |id: ExprId| if let Expr::Sum(a, b) = *self.exprs.get(id) { Some((a, b)) } else { None };
        let is_of_two = |id: ExprId| sum(id).is_some_and(|(a, b)| is_lookup(a) && is_lookup(b));
        let is_of_three = |id: ExprId| {
            sum(id).is_some_and(|(a, b)| is_of_two(a) && is_lookup(b) || is_lookup(a) && is_of_two(b))
        };
        is_lookup(id) || is_of_two(id) || is_of_three(id)
    }

    /// Matches quantized values minus their zero point, times a scalar: the original value if the scalar
    /// is the scale.
    pub(super) fn dequantized(of: AbstractValue, scale: f32, zero: f32, by: f32) -> Option<AbstractValue> {
        (zero == 0.0 && close(by, scale)).then_some(of)
    }
}
