//! Translates `com.microsoft.SkipLayerNormalization`: LayerNorm of `x + skip + bias`.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};

/// Inputs: x, skip, gamma, beta?, bias?. Outputs: the LayerNorm, two unused ones, and the sum.
pub(crate) fn skip_layer_normalization(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, skip, gamma) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let (beta, bias) = (ctx.optional(3), ctx.optional(4));
    let epsilon = ctx.node.float_or("epsilon", 1e-12)?;
    if ctx.node.outputs.iter().skip(1).take(2).any(|o| !o.is_empty()) {
        return Err(ctx.builder.unsupported("the outputs for mean and deviation are used"));
    }
    let mut sum = ctx.builder.add(&x, &skip)?;
    if sum.dims() != x.dims() {
        return Err(ctx.builder.invalid("the second input does not broadcast to the first"));
    }
    if let Some(bias) = bias {
        sum = ctx.builder.add_bias(&sum, &bias)?;
    }
    let norm = ctx.builder.layer_norm(&sum, &gamma, beta.as_ref(), epsilon)?;
    // The two outputs in the middle are not used, so any value will do.
    Ok(tvec!(norm.clone(), norm.clone(), norm, sum))
}
