//! Translates `com.microsoft.QAttention`: `Attention` with quantized input and weights.

use super::attention::{attend, widths};
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::ops::heads::Heads;

/// Inputs: x, weights, bias, x's scale, weights' scale, mask?, x's zero point?,
/// weights' zero point?, past?.
pub(crate) fn q_attention(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, weights, bias) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let (x_scale, w_scale) = (ctx.input(3)?, ctx.input(4)?);
    let (mask, x_zero, w_zero) = (ctx.optional(5), ctx.optional(6), ctx.optional(7));
    if ctx.optional(8).is_some() || ctx.node.outputs.len() > 1 {
        return Err(ctx.builder.unsupported("a cache of past keys and values is not supported"));
    }
    let heads = Heads::of(ctx)?;
    let widths = widths(ctx, &weights)?;
    let builder = &mut *ctx.builder;
    let product = builder.quantized_product(&x, &weights, x_zero.as_ref(), w_zero.as_ref())?;
    let projection = builder.rescale(&product, &x_scale, &w_scale)?;
    let projection = builder.add_bias(&projection, &bias)?;
    attend(builder, &heads, &projection, widths, mask, None)
}
