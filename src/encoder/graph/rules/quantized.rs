//! Activations that the file quantises, as it runs or with fixed scales. That is how onnxruntime
//! computes, not what the model means: the fused graph takes the rows as they were, and quantises
//! them its own way.

use tract_onnx::prelude::*;

use crate::encoder::graph::read::Reader;
use crate::encoder::graph::symbol::{Meaning, Rows, close};

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

    /// `round(x / scale)`.
    pub(super) fn fixed_step(rows: Rows) -> Option<Meaning> {
        let factor = rows.factor().filter(|f| *f > 0.0)?;
        let of = Rows::plain(rows.of, rows.layout);
        Some(Meaning::FixedStep { of, scale: 1.0 / factor, zero: 0.0 })
    }

    /// Numbers without their zero point, times a number: the rows again where that is their scale.
    pub(super) fn restored(of: Rows, scale: f32, zero: f32, by: f32) -> Option<Meaning> {
        (zero == 0.0 && close(by, scale)).then_some(Meaning::Rows(of))
    }
}
