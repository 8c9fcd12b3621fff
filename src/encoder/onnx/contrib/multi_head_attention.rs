//! Translates `com.microsoft.MultiHeadAttention`: attention of queries over keys and values.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::ops::heads::Heads;
use crate::encoder::onnx::value::{Value, static_length};

/// Inputs: q, k, v, bias (of q, k and v, concatenated)?, mask?, added scores?, past….
pub(crate) fn multi_head_attention(ctx: &mut NodeContext) -> NodeOutputs {
    if ctx.optional(1).is_none() || ctx.optional(2).is_none() {
        return Err(ctx.builder.unsupported("queries, keys and values packed into one input"));
    }
    let mut qkv = [ctx.input(0)?, ctx.input(1)?, ctx.input(2)?];
    let (bias, mask, added) = (ctx.optional(3), ctx.optional(4), ctx.optional(5));
    if (6..ctx.inputs.len()).any(|i| ctx.optional(i).is_some()) || ctx.node.outputs.len() > 1 {
        return Err(ctx.builder.unsupported("a cache of past keys and values is not supported"));
    }
    if qkv.iter().any(|p| p.rank() != 3) {
        return Err(ctx.builder.unsupported("inputs that are not [batch, sequence, width]"));
    }
    let heads = Heads::of(ctx)?;
    let builder = &mut *ctx.builder;
    if let Some(bias) = bias {
        let widths: Vec<usize> = qkv.iter().map(|p| static_length(&p.dims()[2]).unwrap_or(0)).collect();
        if bias.rank() != 1 || static_length(&bias.dims()[0]) != Some(widths.iter().sum()) {
            return Err(builder.invalid(format_args!(
                "a bias of shape {:?} does not match the widths {widths:?}",
                bias.dims()
            )));
        }
        let mut start = 0;
        for (value, width) in qkv.iter_mut().zip(widths) {
            let own = builder.slice_axis(&bias, 0, start.to_dim(), (start + width).to_dim())?;
            *value = builder.add_bias(value, &own)?;
            start += width;
        }
    }
    let [q, k, v] = &qkv;
    let mut adds: Vec<Value> = added.into_iter().collect();
    if let Some(mask) = mask {
        let keys = k.dims()[1].clone();
        adds.push(heads.mask(builder, &mask, &keys)?);
    }
    Ok(tvec!(heads.attend(builder, [q, k, v], &adds)?))
}
