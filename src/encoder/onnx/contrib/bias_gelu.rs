//! Translates `com.microsoft.BiasGelu`: exact GELU of `x + bias`.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};

pub(crate) fn bias_gelu(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, bias) = (ctx.input(0)?, ctx.input(1)?);
    let sum = ctx.builder.add_bias(&x, &bias)?;
    Ok(tvec!(ctx.builder.gelu(&sum)?))
}
