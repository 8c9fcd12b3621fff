//! Translates `com.microsoft.DynamicQuantizeMatMul`: quantizes the left side, then multiplies.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};

/// Inputs: a (float), b, b's scale, b's zero point?, bias?.
pub(crate) fn dynamic_quantize_matmul(ctx: &mut NodeContext) -> NodeOutputs {
    let (a, b, b_scale) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let (b_zero, bias) = (ctx.optional(3), ctx.optional(4));
    let builder = &mut *ctx.builder;
    let quantized = builder.dynamic_quantize(&a)?;
    let [a, a_scale, a_zero] = &*quantized else {
        return Err(builder.invalid("the left side cannot be quantized"));
    };
    let product = builder.quantized_product(a, &b, Some(a_zero), b_zero.as_ref())?;
    let mut result = builder.rescale(&product, a_scale, &b_scale)?;
    if let Some(bias) = bias {
        result = builder.add_bias(&result, &bias)?;
    }
    Ok(tvec!(result))
}
