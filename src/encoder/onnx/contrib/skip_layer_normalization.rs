//! `com.microsoft.SkipLayerNormalization`: LayerNorm of `x + skip + bias`.

use tract_core::prelude::*;

use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};

/// Inputs: x, skip, gamma, beta?, bias?. NodeOutputs: the norm, and as the fourth the sum.
pub(crate) fn skip_layer_normalization(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, skip, gamma) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let (beta, bias) = (ctx.optional(3), ctx.optional(4));
    let epsilon = ctx.node.float_or("epsilon", 1e-12)?;
    if ctx.node.outputs.iter().skip(1).take(2).any(|o| !o.is_empty()) {
        return Err(ctx.builder.unsupported("its mean or deviation is wanted"));
    }
    let mut sum = ctx.builder.add(&x, &skip)?;
    if sum.dims() != x.dims() {
        return Err(ctx.builder.invalid("its second input is larger than the first"));
    }
    if let Some(bias) = bias {
        sum = ctx.builder.add_bias(&sum, &bias)?;
    }
    let norm = ctx.builder.layer_norm(&sum, &gamma, beta.as_ref(), epsilon)?;
    // The two in the middle are not wanted, so any value does.
    Ok(tvec!(norm.clone(), norm.clone(), norm, sum))
}
