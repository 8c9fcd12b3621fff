//! Activations that the file quantises, as it runs or with fixed scales. That is how onnxruntime
//! computes, not what the model means: the fused graph takes the rows as they were, and quantises
//! them its own way.

use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::math;
use tract_core::prelude::*;

use crate::encoder::graph::read::Reader;
use crate::encoder::graph::symbol::{Meaning, Symbol, close};
use crate::encoder::graph::weight::uniform;
use crate::encoder::spec::Activation;

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
        if matches!(*of, Meaning::FixedStep { .. } | Meaning::Unknown) {
            return None;
        }
        Some(Meaning::FixedStep { of, scale, zero: 0.0 })
    }

    /// `max(x, c)`, the lower end of the integers' range. Where that is what 0 became, nothing below 0
    /// is left: a file may have no other `Relu`.
    pub(super) fn cut(&mut self, of: Meaning, scale: f32, zero: f32, c: f32) -> Option<Meaning> {
        let of = match of {
            of if c < zero => of,
            of @ Meaning::Probabilities(_) if c == zero => of,
            Meaning::Rows(rows) if c == zero && rows.is_plain() => {
                let relu = Activation::Relu;
                if matches!(self.symbols.get(rows.of), Symbol::Activated { activation, .. } if *activation == relu)
                {
                    Meaning::Rows(rows)
                } else {
                    self.plain(Symbol::Activated { x: rows.of, activation: relu }, rows.layout)
                }
            }
            _ => return None,
        };
        Some(Meaning::FixedStep { of: Box::new(of), scale, zero })
    }

    /// Numbers without their zero point, times a number: the value again where that is their scale.
    pub(super) fn restored(of: Meaning, scale: f32, zero: f32, by: f32) -> Option<Meaning> {
        (zero == 0.0 && close(by, scale)).then_some(of)
    }
}
