//! `Shape` and `Size`: always constants here, in terms of batch and sequence.

use tract_core::prelude::*;

use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::value::integer_constant;

pub(crate) fn shape(ctx: &mut NodeContext) -> NodeOutputs {
    let dims = ctx.input(0)?.dims();
    let rank = dims.len() as i64;
    let place = |at: i64| if at < 0 { at.saturating_add(rank) } else { at }.clamp(0, rank) as usize;
    let start = place(ctx.node.int_or("start", 0)?);
    let end = place(ctx.node.int_or("end", rank)?);
    let dims = dims.get(start..end).unwrap_or_default().to_vec();
    let length = dims.len();
    Ok(tvec!(integer_constant(&dims, &[length]).map_err(|e| ctx.builder.invalid(e))?))
}

pub(crate) fn size(ctx: &mut NodeContext) -> NodeOutputs {
    let count = ctx.input(0)?.dims().iter().product();
    Ok(tvec!(integer_constant(&[count], &[]).map_err(|e| ctx.builder.invalid(e))?))
}
