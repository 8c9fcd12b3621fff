//! Translates `Shape` and `Size`. Both are constants here, which may depend on batch and sequence.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::value::integer_constant;

pub(crate) fn shape(ctx: &mut NodeContext) -> NodeOutputs {
    let dims = ctx.input(0)?.dims();
    let rank = dims.len() as i64;
    let index = |axis: i64| if axis < 0 { axis.saturating_add(rank) } else { axis }.clamp(0, rank) as usize;
    let start = index(ctx.node.int_or("start", 0)?);
    let end = index(ctx.node.int_or("end", rank)?);
    let dims = dims.get(start..end).unwrap_or_default().to_vec();
    let length = dims.len();
    Ok(tvec!(integer_constant(&dims, &[length]).map_err(|e| ctx.builder.invalid(e))?))
}

pub(crate) fn size(ctx: &mut NodeContext) -> NodeOutputs {
    let count = ctx.input(0)?.dims().iter().product();
    Ok(tvec!(integer_constant(&[count], &[]).map_err(|e| ctx.builder.invalid(e))?))
}
