//! Translates `com.microsoft.FastGelu`: GELU with the tanh approximation of `x`, or of `x + bias`.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};

pub(crate) fn fast_gelu(ctx: &mut NodeContext) -> NodeOutputs {
    let mut x = ctx.input(0)?;
    if let Some(bias) = ctx.optional(1) {
        x = ctx.builder.add_bias(&x, &bias)?;
    }
    Ok(tvec!(ctx.builder.gelu_tanh(&x)?))
}
