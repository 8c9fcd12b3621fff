//! Translates `com.microsoft.Gelu`: exact GELU.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};

pub(crate) fn gelu(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    Ok(tvec!(ctx.builder.gelu(&x)?))
}
