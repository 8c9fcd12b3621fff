//! Translates `LayerNormalization`.

use super::arithmetic::Arithmetic;
use crate::encoder::graph::ops::reduce::RmsNorm;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl TypedGraphBuilder {
    /// Computes LayerNorm over the last axis: `(x - mean) / √(variance + ε) · gamma + beta`.
    pub(crate) fn layer_norm(
        &mut self,
        x: &Value,
        gamma: &Value,
        beta: Option<&Value>,
        epsilon: f32,
    ) -> Result<Value> {
        let dims = x.dims();
        if x.datum_type() != DatumType::F32 || dims.is_empty() {
            return Err(self.invalid(format_args!(
                "LayerNorm of {:?} {dims:?}; expected float with at least one axis",
                x.onnx_type()
            )));
        }
        if !(epsilon.is_finite() && epsilon >= 0.0) {
            return Err(
                self.invalid(format_args!("epsilon is {epsilon}; expected a finite number of at least 0"))
            );
        }
        let width = &dims[dims.len() - 1..];
        for parameter in std::iter::once(gamma).chain(beta) {
            if parameter.dims().as_slice() != width || parameter.datum_type() != DatumType::F32 {
                let message = format!(
                    "the LayerNorm parameter of shape {:?} does not match {dims:?}",
                    parameter.dims()
                );
                return Err(self.invalid(message));
            }
        }
        let mean = self.mean(x, &[dims.len() - 1])?;
        let centered = self.arithmetic(Arithmetic::Sub, x, &mean)?;
        // The root mean square of the centered values is the standard deviation.
        let norm = RmsNorm { axis: dims.len() - 1, eps: epsilon };
        let unit = self.wire(norm, &[&centered])?;
        let scaled = self.mul(&unit, gamma)?;
        match beta {
            Some(beta) => self.add(&scaled, beta),
            None => Ok(scaled),
        }
    }
}

pub(crate) fn layer_normalization(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, gamma, beta) = (ctx.input(0)?, ctx.input(1)?, ctx.optional(2));
    let axis = ctx.axis(ctx.node.int_or("axis", -1)?, x.rank())?;
    if axis + 1 != x.rank() {
        return Err(ctx
            .builder
            .unsupported(format_args!("axis {axis} of {} axes; only the last axis is supported", x.rank())));
    }
    if ctx.node.outputs.len() > 1 {
        return Err(ctx.builder.unsupported("the outputs for mean and deviation are used"));
    }
    let epsilon = ctx.node.float_or("epsilon", 1e-5)?;
    Ok(tvec!(ctx.builder.layer_norm(&x, &gamma, beta.as_ref(), epsilon)?))
}
