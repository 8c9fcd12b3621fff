//! Translates `Attention` of ONNX, which exists from version 23 of the operator set on. PyTorch's dynamo exporter
//! writes it for `scaled_dot_product_attention`.
//!
//! (`Attention` of `com.microsoft` is another operator, which also computes queries, keys and values.)

use super::heads::Heads;
use crate::encoder::graph::ops::select::Select;
use crate::encoder::graph::ops::shape::BroadcastTo;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, static_length};
use crate::error::Result;

/// Inputs: q, k, v, mask?, past key?, past value?, tokens per text? (from version 24 on). Queries, keys and values
/// are `[batch, heads, sequence, width]` or `[batch, sequence, heads · width]`. Outputs: the context in the layout
/// of the queries, and three that no encoder uses.
pub(crate) fn attention(ctx: &mut NodeContext) -> NodeOutputs {
    let inputs = [ctx.input(0)?, ctx.input(1)?, ctx.input(2)?];
    reject_decoders(ctx)?;
    let joined = inputs[0].rank() == 3;
    if !inputs.iter().all(|x| x.rank() == if joined { 3 } else { 4 }) {
        return Err(ctx.builder.invalid("queries, keys and values do not all have 3 or all have 4 axes"));
    }
    let heads = heads(ctx, &inputs, joined)?;
    let scale = ctx.node.float_or("scale", 0.0)?;
    if ctx.node.has("scale") && scale == 0.0 {
        return Err(ctx.builder.unsupported("scale is 0: the scores would not depend on the text"));
    }
    let (mask, lengths) = (ctx.optional(3), ctx.optional(6));
    let builder = &mut *ctx.builder;
    let heads = Heads::new(heads, scale, f32::NEG_INFINITY);
    let keys = inputs[1].dims()[if joined { 1 } else { 2 }].clone();
    let mut added = Vec::new();
    if let Some(mask) = mask {
        added.push(added_mask(builder, mask)?);
    }
    if let Some(lengths) = lengths {
        if lengths.rank() != 1 {
            return Err(builder.invalid("the numbers of tokens are not a list"));
        }
        added.push(heads.mask(builder, &lengths, &keys)?);
    }
    let [q, k, v] = &inputs;
    if joined {
        return Ok(tvec!(heads.attend(builder, [q, k, v], &added)?));
    }
    let order = [0, 2, 1, 3];
    let (q, k, v) =
        (builder.transpose(q, &order)?, builder.transpose(k, &order)?, builder.transpose(v, &order)?);
    let context = heads.attend_split(builder, [&q, &k, &v], &added)?;
    Ok(tvec!(builder.transpose(&context, &order)?))
}

/// Rejects what no encoder has.
fn reject_decoders(ctx: &NodeContext) -> Result<()> {
    if ctx.optional(4).is_some() || ctx.optional(5).is_some() {
        return Err(ctx.builder.unsupported("a cache of past keys and values is not supported"));
    }
    if ctx.node.outputs.iter().skip(1).any(|o| !o.is_empty()) {
        return Err(ctx.builder.unsupported("outputs other than the first one are used"));
    }
    if ctx.node.int_or("is_causal", 0)? != 0 {
        return Err(ctx.builder.unsupported("it is causal (is_causal): corom runs encoders"));
    }
    if ctx.node.float_or("softcap", 0.0)? != 0.0 {
        return Err(ctx.builder.unsupported("softcap is not 0"));
    }
    Ok(())
}

/// Returns the number of heads.
fn heads(ctx: &NodeContext, [q, k, _]: &[Value; 3], joined: bool) -> Result<usize> {
    let stated = [ctx.node.int("q_num_heads")?, ctx.node.int("kv_num_heads")?];
    let found: [Option<i64>; 2] =
        if joined { stated } else { [q, k].map(|x| static_length(&x.dims()[1]).map(|n| n as i64)) };
    if let [Some(q), Some(k)] = found
        && (1..=1024).contains(&q)
        && (joined || stated.iter().zip(found).all(|(s, f)| s.is_none() || *s == f))
    {
        if q != k {
            return Err(ctx
                .builder
                .unsupported(format_args!("{q} heads of queries share {k} heads of keys")));
        }
        return Ok(q as usize);
    }
    Err(ctx
        .builder
        .invalid(format_args!("the numbers of heads are {stated:?} and {found:?}; expected 1 to 1024")))
}

/// Returns the numbers that a mask adds to the scores. A boolean mask is true where a query may attend to a key.
fn added_mask(builder: &mut TypedGraphBuilder, mask: Value) -> Result<Value> {
    if mask.datum_type() == DatumType::F32 {
        return Ok(mask);
    }
    if mask.datum_type() != DatumType::Bool {
        return Err(builder.invalid(format_args!(
            "the mask has the type {:?}; expected bool or the type of the queries",
            mask.onnx_type()
        )));
    }
    let rank = mask.rank();
    let mut scalar = |x: f32| {
        let ones: TVec<TDim> = std::iter::repeat_n(1.to_dim(), rank).collect();
        builder.wire(BroadcastTo { shape: ones }, &[&Value::float(x)])
    };
    let (zero, masked) = (scalar(0.0)?, scalar(f32::NEG_INFINITY)?);
    builder.wire(Select, &[&mask, &zero, &masked])
}
