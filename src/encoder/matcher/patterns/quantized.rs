//! Matches dynamic and static (QDQ) activation quantization and skips it. These nodes describe how
//! onnxruntime runs the model, not the model itself. A plan reads the unquantized activations, and
//! the back end applies its own quantization.

use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::math;
use tract_core::prelude::*;

use crate::encoder::matcher::abstract_value::{AbstractValue, close};
use crate::encoder::matcher::expr::Expr;
use crate::encoder::matcher::graph_matcher::GraphMatcher;
use crate::encoder::matcher::weight::uniform;
use crate::encoder::spec::Activation;

impl GraphMatcher<'_> {
    /// Matches `DynamicQuantizeLinear`: quantized rows, scale, zero point.
    pub(in crate::encoder::matcher) fn dynamic_quantize(&mut self, node: &TypedNode) -> Vec<AbstractValue> {
        let input = node.inputs.first().map(|input| self.value(*input).clone());
        match input {
            Some(AbstractValue::Rows(rows)) if rows.is_identity() => vec![
                AbstractValue::Quantized { of: rows.clone(), centered: false },
                AbstractValue::QuantizationScale { of: rows.of, scale: Vec::new() },
                AbstractValue::ZeroPoint { of: rows.of },
            ],
            _ => vec![AbstractValue::Unknown; node.outputs.len()],
        }
    }

    /// Matches `round(x / scale)` of any value.
    pub(in crate::encoder::matcher) fn static_quantize(&self, node: &TypedNode) -> Option<AbstractValue> {
        let divided = self.model.node(node.inputs.first()?.node);
        if !divided.op_as::<TypedBinOp>()?.0.is::<math::Div>() {
            return None;
        }
        let scale = uniform(self.model, *divided.inputs.get(1)?)?;
        let of = Box::new(self.value(*divided.inputs.first()?).clone());
        if matches!(*of, AbstractValue::FixedScale { .. } | AbstractValue::Unknown) {
            return None;
        }
        Some(AbstractValue::FixedScale { of, scale, zero: 0.0 })
    }

    /// Matches `max(x, c)`, the lower bound of the integers' range. If `c` is the zero point, values
    /// below 0 are cut off: static quantization may express a `Relu` that way and have no other.
    pub(super) fn clamped_below(
        &mut self,
        of: AbstractValue,
        scale: f32,
        zero: f32,
        c: f32,
    ) -> Option<AbstractValue> {
        let of = match of {
            of if c < zero => of,
            of @ AbstractValue::Probabilities(_) if c == zero => of,
            AbstractValue::Rows(rows) if c == zero && rows.is_identity() => {
                let relu = Activation::Relu;
                if matches!(self.exprs.get(rows.of), Expr::Activated { activation, .. } if *activation == relu)
                {
                    AbstractValue::Rows(rows)
                } else {
                    self.rows(Expr::Activated { x: rows.of, activation: relu }, rows.layout)
                }
            }
            _ => return None,
        };
        Some(AbstractValue::FixedScale { of: Box::new(of), scale, zero })
    }

    /// Matches quantized values minus their zero point, times a scalar: the original value if the scalar
    /// is the scale.
    pub(super) fn dequantized(of: AbstractValue, scale: f32, zero: f32, by: f32) -> Option<AbstractValue> {
        (zero == 0.0 && close(by, scale)).then_some(of)
    }
}
