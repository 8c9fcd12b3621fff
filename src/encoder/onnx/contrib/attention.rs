//! Translates `com.microsoft.Attention`: one product makes queries, keys and values, then attention.
//!
//! (`Attention` of ONNX, which exists from opset 23 on, is another operator: [`ops::attention`].)
//!
//! [`ops::attention`]: crate::encoder::onnx::ops::attention

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::ops::heads::Heads;
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, static_length};
use crate::error::Result;

/// Inputs: x, weights `[width, 3 · hidden]`, bias, mask?, past?, added scores?.
pub(crate) fn attention(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, weights, bias) = (ctx.input(0)?, ctx.input(1)?, ctx.optional(2));
    let (mask, added) = (ctx.optional(3), ctx.optional(5));
    if ctx.optional(4).is_some() || ctx.node.outputs.len() > 1 {
        return Err(ctx.builder.unsupported("a cache of past keys and values is not supported"));
    }
    let heads = Heads::of(ctx)?;
    let widths = widths(ctx, &weights)?;
    let mut projection = ctx.builder.matmul(&x, &weights)?;
    if let Some(bias) = bias {
        projection = ctx.builder.add_bias(&projection, &bias)?;
    }
    attend(ctx.builder, &heads, &projection, widths, mask, added)
}

/// Returns the columns of queries, keys and values in a joint projection.
pub(super) fn widths(ctx: &NodeContext, weights: &Value) -> Result<[usize; 3]> {
    let projection = weights.dims().last().and_then(static_length).unwrap_or(0);
    let widths = match ctx.node.ints("qkv_hidden_sizes")? {
        None => [projection / 3; 3],
        Some(sizes) => match *sizes {
            [q, k, v] if [q, k, v].iter().all(|s| (1..=1 << 24).contains(s)) => {
                [q as usize, k as usize, v as usize]
            }
            _ => {
                return Err(ctx.builder.invalid(format_args!(
                    "qkv_hidden_sizes is {sizes:?}; expected three positive numbers"
                )));
            }
        },
    };
    if projection == 0 || widths.iter().sum::<usize>() != projection {
        let message = format!("weights of shape {:?} do not match the widths {widths:?}", weights.dims());
        return Err(ctx.builder.invalid(message));
    }
    Ok(widths)
}

/// Computes attention from a joint projection, `[batch, sequence, q + k + v]`.
pub(super) fn attend(
    builder: &mut TypedGraphBuilder,
    heads: &Heads,
    projection: &Value,
    [q, k, v]: [usize; 3],
    mask: Option<Value>,
    added: Option<Value>,
) -> NodeOutputs {
    let dims = projection.dims();
    if dims.len() != 3 {
        return Err(builder.invalid(format_args!(
            "the projection has the shape {dims:?}; expected [batch, sequence, width]"
        )));
    }
    let mut columns = |from: usize, to: usize| builder.slice_axis(projection, 2, from.to_dim(), to.to_dim());
    let (q, k, v) = (columns(0, q)?, columns(q, q + k)?, columns(q + k, q + k + v)?);
    let mut adds: Vec<Value> = added.into_iter().collect();
    if let Some(mask) = mask {
        adds.push(heads.mask(builder, &mask, &dims[1])?);
    }
    Ok(tvec!(heads.attend(builder, [&q, &k, &v], &adds)?))
}
