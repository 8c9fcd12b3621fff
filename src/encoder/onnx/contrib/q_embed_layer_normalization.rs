//! Translates `com.microsoft.QEmbedLayerNormalization`: `EmbedLayerNormalization` with quantized tables.

use super::embed_layer_normalization::EmbedInputs;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::value::Value;
use crate::error::Result;

/// Inputs 0 to 7 are those of `EmbedLayerNormalization`. Then follow the scales and the zero points of the
/// three tables, gamma and beta.
pub(crate) fn q_embed_layer_normalization(ctx: &mut NodeContext) -> NodeOutputs {
    let table = |ctx: &mut NodeContext, i: usize| -> Result<Value> {
        let (numbers, scale, zero) = (ctx.input(i)?, ctx.input(i + 6)?, ctx.input(i + 11)?);
        ctx.builder.dequantize(&numbers, &scale, Some(&zero), 0)
    };
    let types = match ctx.optional(4) {
        Some(_) => Some(table(ctx, 4)?),
        None => None,
    };
    let embed = EmbedInputs {
        token_ids: ctx.input(0)?,
        token_types: ctx.optional(1),
        words: table(ctx, 2)?,
        positions: table(ctx, 3)?,
        types,
        gamma: table(ctx, 5)?,
        beta: table(ctx, 6)?,
        mask: ctx.optional(7),
        position_ids: None,
        epsilon: ctx.node.float_or("epsilon", 1e-12)?,
    };
    embed.build(ctx.builder)
}
