//! What onnxruntime's attention operators have in common: the heads and the mask.

use tract_core::internal::*;
use tract_core::ops::array::MultiBroadcastTo;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::logic::{CompGT, Iff};

use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::Site;
use crate::encoder::onnx::value::{Value, fixed};
use crate::error::Result;

/// The attributes.
pub(super) struct Heads {
    heads: usize,
    /// What scores are multiplied by; 0 for one over the root of a head's width.
    scale: f32,
    /// What is added to the score of a masked token.
    filter: f32,
}

impl Heads {
    /// Reads them, and refuses what no BERT has.
    pub(super) fn of(site: &Site) -> Result<Self> {
        for name in ["unidirectional", "do_rotary", "past_present_share_buffer"] {
            if site.node.int_or(name, 0)? != 0 {
                return Err(site.build.unsupported(format_args!("it has {name}")));
            }
        }
        let heads = site.node.int_or("num_heads", 0)?;
        if !(1..=1024).contains(&heads) {
            return Err(site.build.invalid(format_args!("num_heads = {heads}")));
        }
        Ok(Self {
            heads: heads as usize,
            scale: site.node.float_or("scale", 0.0)?,
            filter: site.node.float_or("mask_filter_value", -10_000.0)?,
        })
    }

    /// Attention of `[batch, sequence, width]` queries over keys and values of the
    /// same batch. `added` goes to the scores, `[batch, heads, sequence, keys]` or
    /// what broadcasts to it.
    pub(super) fn attend(
        &self,
        build: &mut Builder,
        [q, k, v]: [&Value; 3],
        added: &[Value],
    ) -> Result<Value> {
        let q = self.split(build, q)?;
        let k = self.split(build, k)?;
        let v = self.split(build, v)?;
        let (of_q, of_k, of_v) = (q.dims(), k.dims(), v.dims());
        if of_q[0] != of_k[0] || of_k[..2] != of_v[..2] || of_q[3] != of_k[3] {
            return Err(build.invalid(format_args!("attention of {of_q:?} over {of_k:?} and {of_v:?}")));
        }
        let mut scores = einsum(build, ["bqhd", "bkhd"], "bhqk", &q, &k)?;
        let width = fixed(&of_q[3]).unwrap_or(1).max(1);
        let scale = if self.scale == 0.0 { (width as f32).sqrt().recip() } else { self.scale };
        scores = build.scale(&scores, scale)?;
        let dims = scores.dims();
        for value in added {
            scores = build.add(&scores, value)?;
        }
        if scores.dims() != dims {
            return Err(build.invalid("its mask is larger than its scores"));
        }
        let weights = build.softmax(&scores)?;
        let context = einsum(build, ["bhqk", "bkhd"], "bqhd", &weights, &v)?;
        let width = context.dims()[2..].iter().product();
        build.reshape(&context, &[of_q[0].clone(), of_q[1].clone(), width], true)
    }

    /// `[batch, sequence, heads · width]` → `[batch, sequence, heads, width]`
    fn split(&self, build: &mut Builder, x: &Value) -> Result<Value> {
        let dims = x.dims();
        let [batch, sequence, width] = &*dims else {
            return Err(build.invalid(format_args!("it attends to {dims:?}, not [batch, sequence, width]")));
        };
        let width = fixed(width).unwrap_or(0);
        if width == 0 || !width.is_multiple_of(self.heads) {
            return Err(build.invalid(format_args!("{} heads of {dims:?}", self.heads)));
        }
        let shape = [batch.clone(), sequence.clone(), self.heads.to_dim(), (width / self.heads).to_dim()];
        build.reshape(x, &shape, true)
    }

    /// What a mask adds to the scores of `keys` tokens: 0, or the filter where a
    /// token is masked. The mask is `[batch, keys]` or `[batch, queries, keys]` of
    /// ones and zeros, or `[batch]`, the number of tokens.
    pub(super) fn mask(&self, build: &mut Builder, mask: &Value, keys: &TDim) -> Result<Value> {
        if !matches!(mask.onnx_type(), DatumType::I32 | DatumType::I64) {
            return Err(build.invalid(format_args!("its mask is of type {:?}", mask.onnx_type())));
        }
        let mask = build.cast(mask, DatumType::I64)?;
        let dims = mask.dims();
        let (larger, smaller) = match dims.len() {
            1 => {
                let lengths = build.reshape(&mask, &[dims[0].clone(), 1.to_dim()], true)?;
                (lengths, build.count_to(keys)?)
            }
            2 | 3 => (mask, Value::konst(tensor0(0i64))),
            _ => return Err(build.unsupported(format_args!("its mask is {dims:?}"))),
        };
        let mut open = build.binary(Box::new(CompGT), &larger, &smaller)?;
        open = build.axis(AxisOp::Add(1), &open)?;
        if open.rank() == 3 {
            open = build.axis(AxisOp::Add(1), &open)?;
        }
        let dims = open.dims();
        if dims[3] != *keys {
            return Err(build.invalid(format_args!("a mask {dims:?} for {keys} keys")));
        }
        let scalar = |build: &mut Builder, x: f32| {
            let x = Value::konst(tensor0(x));
            build.wire(MultiBroadcastTo::new(tvec!(1.to_dim(); 4).into()), &[&x])
        };
        let (zero, filter) = (scalar(build, 0.0)?, scalar(build, self.filter)?);
        build.wire(Iff, &[&open, &zero, &filter])
    }
}

/// A product of two values of four axes each.
fn einsum(build: &mut Builder, inputs: [&str; 2], output: &str, a: &Value, b: &Value) -> Result<Value> {
    let axes = AxesMapping::from_strs(&inputs, &[output]).map_err(|e| build.invalid(e))?;
    build.wire(EinSum::new(axes, DatumType::F32), &[a, b])
}
