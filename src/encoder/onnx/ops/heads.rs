//! The parts that the attention operators of ONNX and of onnxruntime share: heads, scores and mask.

use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::binary::Binary;
use crate::encoder::graph::ops::einsum::EinSum;
use crate::encoder::graph::ops::select::Select;
use crate::encoder::graph::ops::shape::BroadcastTo;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::NodeContext;
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, static_length};
use crate::error::Result;

/// The attributes of an attention operator.
pub(crate) struct Heads {
    heads: usize,
    /// The factor of the scores. 0 stands for `1 / √(columns per head)`.
    scale: f32,
    /// The number that is added to the score of a masked token.
    masked_score: f32,
}

impl Heads {
    /// Makes heads with a factor of the scores and the number that masks a score.
    pub(crate) fn new(heads: usize, scale: f32, masked_score: f32) -> Self {
        Self { heads, scale, masked_score }
    }

    /// Reads the attributes of an operator of onnxruntime.
    ///
    /// # Errors
    /// `UNSUPPORTED_OPERATOR` for attributes that no BERT has.
    pub(crate) fn of(ctx: &NodeContext) -> Result<Self> {
        for name in ["unidirectional", "do_rotary", "past_present_share_buffer"] {
            if ctx.node.int_or(name, 0)? != 0 {
                return Err(ctx.builder.unsupported(format_args!("the attribute {name} is set")));
            }
        }
        let heads = ctx.node.int_or("num_heads", 0)?;
        if !(1..=1024).contains(&heads) {
            return Err(ctx.builder.invalid(format_args!("num_heads is {heads}; expected 1 to 1024")));
        }
        Ok(Self {
            heads: heads as usize,
            scale: ctx.node.float_or("scale", 0.0)?,
            masked_score: ctx.node.float_or("mask_filter_value", -10_000.0)?,
        })
    }

    /// Computes attention of queries over keys and values, each `[batch, sequence, width]`. `added` is added to
    /// the scores; it broadcasts to `[batch, heads, sequence, keys]`.
    pub(crate) fn attend(
        &self,
        builder: &mut TypedGraphBuilder,
        [q, k, v]: [&Value; 3],
        added: &[Value],
    ) -> Result<Value> {
        let q = self.split(builder, q)?;
        let k = self.split(builder, k)?;
        let v = self.split(builder, v)?;
        let context = self.attend_split(builder, [&q, &k, &v], added)?;
        let dims = context.dims();
        let width = dims[2..].iter().product();
        builder.reshape(&context, &[dims[0].clone(), dims[1].clone(), width], true)
    }

    /// Computes attention of queries over keys and values, each `[batch, sequence, heads, width]`. See
    /// [`Self::attend`].
    pub(crate) fn attend_split(
        &self,
        builder: &mut TypedGraphBuilder,
        [q, k, v]: [&Value; 3],
        added: &[Value],
    ) -> Result<Value> {
        let (of_q, of_k, of_v) = (q.dims(), k.dims(), v.dims());
        let heads = self.heads.to_dim();
        let own_heads =
            [&of_q, &of_k, &of_v].iter().all(|dims| dims.get(2) == Some(&heads) && dims.len() == 4);
        if !own_heads || of_q[0] != of_k[0] || of_k[..2] != of_v[..2] || of_q[3] != of_k[3] {
            return Err(builder
                .invalid(format_args!("queries {of_q:?}, keys {of_k:?} and values {of_v:?} do not match")));
        }
        let mut scores = einsum(builder, ["bqhd", "bkhd"], "bhqk", q, k)?;
        let width = static_length(&of_q[3]).unwrap_or(1).max(1);
        let scale = if self.scale == 0.0 { (width as f32).sqrt().recip() } else { self.scale };
        scores = builder.scale(&scores, scale)?;
        let dims = scores.dims();
        for value in added {
            scores = builder.add(&scores, value)?;
        }
        if scores.dims() != dims {
            return Err(builder.invalid("the mask does not broadcast to the scores"));
        }
        let weights = builder.softmax(&scores)?;
        einsum(builder, ["bhqk", "bkhd"], "bqhd", &weights, v)
    }

    /// Reshapes `[batch, sequence, heads · width]` to `[batch, sequence, heads, width]`.
    fn split(&self, builder: &mut TypedGraphBuilder, x: &Value) -> Result<Value> {
        let dims = x.dims();
        let [batch, sequence, width] = &*dims else {
            return Err(builder.invalid(format_args!(
                "the input has the shape {dims:?}; expected [batch, sequence, width]"
            )));
        };
        let width = static_length(width).unwrap_or(0);
        if width == 0 || !width.is_multiple_of(self.heads) {
            return Err(
                builder.invalid(format_args!("{} heads do not divide the width of {dims:?}", self.heads))
            );
        }
        let shape = [batch.clone(), sequence.clone(), self.heads.to_dim(), (width / self.heads).to_dim()];
        builder.reshape(x, &shape, true)
    }

    /// Returns the numbers that a mask adds to the scores of `keys` tokens: 0, or `masked_score` for a masked
    /// token. The mask is `[batch, keys]` or `[batch, queries, keys]` of ones and zeros, or `[batch]` numbers
    /// of tokens.
    pub(crate) fn mask(&self, builder: &mut TypedGraphBuilder, mask: &Value, keys: &TDim) -> Result<Value> {
        if !matches!(mask.onnx_type(), DatumType::I32 | DatumType::I64) {
            return Err(builder.invalid(format_args!(
                "the mask has the type {:?}; expected int32 or int64",
                mask.onnx_type()
            )));
        }
        let mask = builder.cast(mask, DatumType::I64)?;
        let dims = mask.dims();
        let (larger, smaller) = match dims.len() {
            1 => {
                let lengths = builder.reshape(&mask, &[dims[0].clone(), 1.to_dim()], true)?;
                (lengths, builder.count_to(keys)?)
            }
            2 | 3 => (mask, Value::constant(tensor0(0i64))),
            _ => return Err(builder.unsupported(format_args!("a mask of shape {dims:?} is not supported"))),
        };
        let mut open = builder.binary(Binary::Greater, &larger, &smaller)?;
        open = builder.wire_axis_op(AxisOp::Add(1), &open)?;
        if open.rank() == 3 {
            open = builder.wire_axis_op(AxisOp::Add(1), &open)?;
        }
        let dims = open.dims();
        if dims[3] != *keys {
            return Err(builder.invalid(format_args!("a mask of shape {dims:?} does not match {keys} keys")));
        }
        let scalar = |builder: &mut TypedGraphBuilder, x: f32| {
            let x = Value::constant(tensor0(x));
            builder.wire(BroadcastTo { shape: tvec!(1.to_dim(); 4) }, &[&x])
        };
        let (zero, masked_score) = (scalar(builder, 0.0)?, scalar(builder, self.masked_score)?);
        builder.wire(Select, &[&open, &zero, &masked_score])
    }
}

/// Adds an `EinSum` of two values.
fn einsum(
    builder: &mut TypedGraphBuilder,
    inputs: [&str; 2],
    output: &str,
    a: &Value,
    b: &Value,
) -> Result<Value> {
    builder.wire(EinSum::new(&inputs, output), &[a, b])
}
