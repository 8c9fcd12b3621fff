//! Translates `com.microsoft.MatMulIntegerToFloat`: a product of quantized matrices, scaled, plus a bias.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl TypedGraphBuilder {
    /// Multiplies a quantized product with the scales of its two sides. The right side may have one scale per
    /// column.
    pub(super) fn rescale(&mut self, product: &Value, left: &Value, right: &Value) -> Result<Value> {
        let last = product.rank().saturating_sub(1);
        let left = self.along_axis(left, product, last.saturating_sub(1))?;
        let right = self.along_axis(right, product, last)?;
        let scale = self.mul(&left, &right)?;
        self.mul(product, &scale)
    }
}

/// Inputs: a, b, a's scale, b's scale, a's zero point?, b's zero point?, bias?.
pub(crate) fn matmul_integer_to_float(ctx: &mut NodeContext) -> NodeOutputs {
    let (a, b, a_scale, b_scale) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?, ctx.input(3)?);
    let (a_zero, b_zero, bias) = (ctx.optional(4), ctx.optional(5), ctx.optional(6));
    let builder = &mut *ctx.builder;
    let product = builder.quantized_product(&a, &b, a_zero.as_ref(), b_zero.as_ref())?;
    let mut result = builder.rescale(&product, &a_scale, &b_scale)?;
    if let Some(bias) = bias {
        result = builder.add_bias(&result, &bias)?;
    }
    Ok(tvec!(result))
}
