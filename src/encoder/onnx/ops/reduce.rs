//! Translates `ReduceSum`, `ReduceMean`, `ReduceMax`, `ReduceMin` and `ReduceL2`.

use super::arithmetic::Arithmetic;
use crate::encoder::graph::Zero;
use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::reduce::{Reduce, Reducer};
use crate::encoder::graph::ops::unary::Unary;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl TypedGraphBuilder {
    /// Reduces axes to length 1.
    pub(crate) fn reduce(&mut self, x: &Value, axes: &[usize], reducer: Reducer) -> Result<Value> {
        if axes.is_empty() {
            return Ok(x.clone());
        }
        if x.dims().iter().any(Zero::is_zero) {
            return Err(self.invalid("the input has no elements"));
        }
        self.wire(Reduce { axes: axes.into(), reducer }, &[x])
    }

    /// Computes the mean over axes, which keep the length 1.
    pub(crate) fn mean(&mut self, x: &Value, axes: &[usize]) -> Result<Value> {
        let dims = x.dims();
        let count: TDim = axes.iter().map(|a| dims[*a].clone()).product();
        let sum = self.reduce(x, axes, Reducer::Sum)?;
        match count.as_i64() {
            Some(count) => self.scale(&sum, 1.0 / count as f32),
            None => {
                let count = self.cast(&Value::constant(tensor0(count)), DatumType::F32)?;
                self.arithmetic(Arithmetic::Div, &sum, &count)
            }
        }
    }
}

/// Returns the axes, sorted. They are an attribute before opset `input_since`, and an input from then on.
fn axes(ctx: &NodeContext, rank: usize, input_since: i64) -> Result<Vec<usize>> {
    let listed = if ctx.builder.opset < input_since {
        ctx.node.ints("axes")?.map(<[i64]>::to_vec)
    } else if ctx.optional(1).is_some() {
        Some(ctx.constant_integers(1)?)
    } else {
        None
    };
    let mut axes = match listed {
        Some(listed) if !listed.is_empty() => {
            listed.into_iter().map(|a| ctx.axis(a, rank)).collect::<Result<Vec<_>>>()?
        }
        _ if ctx.node.int_or("noop_with_empty_axes", 0)? != 0 => Vec::new(),
        _ => (0..rank).collect(),
    };
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

/// Translates a reduction; `compute` reduces a value over axes.
fn reduce(
    ctx: &mut NodeContext,
    input_since: i64,
    compute: impl FnOnce(&mut TypedGraphBuilder, &Value, &[usize]) -> Result<Value>,
) -> NodeOutputs {
    let x = ctx.input(0)?;
    if !matches!(x.datum_type(), DatumType::F32 | DatumType::I64 | DatumType::I32) {
        return Err(ctx.builder.unsupported(format_args!(
            "a reduction of {:?}; supported are float, int64 and int32",
            x.datum_type()
        )));
    }
    let axes = axes(ctx, x.rank(), input_since)?;
    let keep = ctx.node.int_or("keepdims", 1)? != 0;
    let mut reduced = compute(ctx.builder, &x, &axes)?;
    if !keep {
        for axis in axes.into_iter().rev() {
            reduced = ctx.builder.wire_axis_op(AxisOp::Rm(axis), &reduced)?;
        }
    }
    Ok(tvec!(reduced))
}

/// Checks that a value is float.
fn require_float(builder: &TypedGraphBuilder, x: &Value) -> Result<()> {
    if x.datum_type() != DatumType::F32 {
        return Err(
            builder.unsupported(format_args!("a mean of {:?}; only float is supported", x.datum_type()))
        );
    }
    Ok(())
}

pub(crate) fn sum(ctx: &mut NodeContext) -> NodeOutputs {
    reduce(ctx, 13, |b, x, axes| b.reduce(x, axes, Reducer::Sum))
}

pub(crate) fn max(ctx: &mut NodeContext) -> NodeOutputs {
    reduce(ctx, 18, |b, x, axes| b.reduce(x, axes, Reducer::Max))
}

pub(crate) fn min(ctx: &mut NodeContext) -> NodeOutputs {
    reduce(ctx, 18, |b, x, axes| b.reduce(x, axes, Reducer::Min))
}

pub(crate) fn mean(ctx: &mut NodeContext) -> NodeOutputs {
    reduce(ctx, 18, |b, x, axes| {
        require_float(b, x)?;
        b.mean(x, axes)
    })
}

pub(crate) fn l2(ctx: &mut NodeContext) -> NodeOutputs {
    reduce(ctx, 18, |b, x, axes| {
        require_float(b, x)?;
        let squares = b.wire(Unary::Square, &[x])?;
        let sum = b.reduce(&squares, axes, Reducer::Sum)?;
        b.wire(Unary::Sqrt, &[&sum])
    })
}
