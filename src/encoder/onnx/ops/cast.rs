//! Translates `Cast` and `CastLike`. A cast between float types does nothing, because all are f32 here.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::tensor_info::graph_type;

pub(crate) fn cast(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    let Some(to) = ctx.node.int("to")? else {
        return Err(ctx.builder.invalid("the attribute `to` is missing"));
    };
    match i32::try_from(to).ok().and_then(graph_type) {
        Some(to) => Ok(tvec!(ctx.builder.cast(&x, to)?)),
        None => Err(ctx.builder.unsupported(format_args!("a cast to the ONNX type {to}"))),
    }
}

pub(crate) fn cast_like(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, like) = (ctx.input(0)?, ctx.input(1)?);
    let to = like.onnx_type();
    Ok(tvec!(ctx.builder.cast(&x, to)?))
}
