//! Activations that the file quantises, as it runs or with fixed scales. That is how onnxruntime
//! computes, not what the model means: the fused graph takes the rows as they were, and quantises
//! them its own way.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_hir::tract_core::ops::math;

use crate::encoder::graph::read::Reader;
use crate::encoder::graph::symbol::{Meaning, close};
use crate::encoder::graph::weight::uniform;

impl Reader<'_> {
    /// `DynamicQuantizeLinear`: numbers, scale, zero point.
    pub(in crate::encoder::graph) fn dynamic_quantize(&mut self, node: &TypedNode) -> Vec<Meaning> {
        let input = node.inputs.first().map(|input| self.meaning(*input).clone());
        match input {
            Some(Meaning::Rows(rows)) if rows.is_plain() => vec![
                Meaning::Quantised { of: rows.clone(), centred: false },
                Meaning::Step { of: rows.of, scale: Vec::new() },
                Meaning::ZeroPoint { of: rows.of },
            ],
            _ => vec![Meaning::Unknown; node.outputs.len()],
        }
    }

    /// `round(x / scale)`, of whatever `x` is.
    pub(in crate::encoder::graph) fn fixed_step(&self, node: &TypedNode) -> Option<Meaning> {
        let divided = self.model.node(node.inputs.first()?.node);
        if !divided.op_as::<TypedBinOp>()?.0.is::<math::Div>() {
            return None;
        }
        let scale = uniform(self.model, *divided.inputs.get(1)?)?;
        let of = Box::new(self.meaning(*divided.inputs.first()?).clone());
        Some(Meaning::FixedStep { of, scale, zero: 0.0 })
    }

    /// Numbers without their zero point, times a number: the value again where that is their scale.
    pub(super) fn restored(of: Meaning, scale: f32, zero: f32, by: f32) -> Option<Meaning> {
        (zero == 0.0 && close(by, scale)).then_some(of)
    }
}
