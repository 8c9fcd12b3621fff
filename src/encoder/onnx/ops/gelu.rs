//! Translates `Gelu`, exact and with the tanh approximation.

use crate::encoder::graph::ops::unary::Unary;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl TypedGraphBuilder {
    /// Checks that a value is float.
    fn require_float(&self, x: &Value) -> Result<()> {
        if x.datum_type() != DatumType::F32 {
            return Err(
                self.invalid(format_args!("the input has the type {:?}; expected float", x.onnx_type()))
            );
        }
        Ok(())
    }

    /// Computes `x/2 · (1 + erf(x/√2))`.
    pub(crate) fn gelu(&mut self, x: &Value) -> Result<Value> {
        self.require_float(x)?;
        self.wire(Unary::Gelu, &[x])
    }

    /// Computes `x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³)))`.
    pub(crate) fn gelu_tanh(&mut self, x: &Value) -> Result<Value> {
        self.require_float(x)?;
        let square = self.mul(x, x)?;
        let factor = self.scale(&square, 0.044_715)?;
        let factor = self.add(&factor, &Value::float(1.0))?;
        let inner = self.mul(x, &factor)?;
        let inner = self.scale(&inner, (2.0 / std::f32::consts::PI).sqrt())?;
        let tanh = self.wire(Unary::Tanh, &[&inner])?;
        let one_more = self.add(&tanh, &Value::float(1.0))?;
        let half = self.scale(x, 0.5)?;
        self.mul(&half, &one_more)
    }
}

pub(crate) fn gelu(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    match ctx.node.string_or("approximate", "none")? {
        "none" => Ok(tvec!(ctx.builder.gelu(&x)?)),
        "tanh" => Ok(tvec!(ctx.builder.gelu_tanh(&x)?)),
        other => {
            Err(ctx.builder.invalid(format_args!("approximate is `{other}`; expected `none` or `tanh`")))
        }
    }
}
