//! Translates `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze` and `Transpose`.

use crate::encoder::graph::Zero;
use crate::encoder::graph::ops::axes::{AxisOp, reshaping, transposition};
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::tensor_info::MAX_RANK;
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl TypedGraphBuilder {
    /// Reshapes a value. A length of -1 is computed from the other lengths; a length of 0 is that of the input,
    /// unless `allow_zero`.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the number of elements changes.
    pub(crate) fn reshape(&mut self, x: &Value, shape: &[TDim], allow_zero: bool) -> Result<Value> {
        let dims = x.dims();
        let mut known = 1u64;
        for length in shape.iter().filter_map(TDim::as_i64) {
            match known.checked_mul(length.unsigned_abs().max(1)) {
                Some(product) if length >= -1 && product <= 1 << 40 => known = product,
                _ => return Err(self.invalid(format_args!("the shape {shape:?} is invalid"))),
            }
        }
        if shape.len() > MAX_RANK || shape.iter().filter(|d| **d == (-1).to_dim()).count() > 1 {
            return Err(self.invalid(format_args!("the shape {shape:?} is invalid")));
        }
        if dims.iter().any(Zero::is_zero) {
            return Err(self.invalid("the input has no elements"));
        }
        let steps = reshaping(&dims, shape, allow_zero)
            .map_err(|e| self.invalid(format_args!("{dims:?} cannot be reshaped to {shape:?}: {e}")))?;
        let mut value = x.clone();
        for step in steps {
            value = self.wire_axis_op(step, &value)?;
        }
        Ok(value)
    }

    /// Permutes the axes: axis `i` of the result is axis `order[i]` of the value.
    pub(crate) fn transpose(&mut self, x: &Value, order: &[usize]) -> Result<Value> {
        let mut value = x.clone();
        for step in transposition(order) {
            value = self.wire_axis_op(step, &value)?;
        }
        Ok(value)
    }
}

pub(crate) fn reshape(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, shape) = (ctx.input(0)?, ctx.input(1)?);
    if shape.rank() != 1 {
        return Err(ctx.builder.invalid("the shape is not a list"));
    }
    let Some(shape) = shape.integer_elements() else {
        return Err(ctx.builder.unsupported("the shape is not constant"));
    };
    let allow_zero = ctx.node.int_or("allowzero", 0)? != 0;
    Ok(tvec!(ctx.builder.reshape(&x, &shape, allow_zero)?))
}

pub(crate) fn flatten(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    let dims = x.dims();
    let axis = ctx.node.int_or("axis", 1)?;
    let axis = if axis == dims.len() as i64 { dims.len() } else { ctx.axis(axis, dims.len())? };
    let rows: TDim = dims[..axis].iter().product();
    let columns: TDim = dims[axis..].iter().product();
    Ok(tvec!(ctx.builder.reshape(&x, &[rows, columns], true)?))
}

/// Returns the axes of `Squeeze` or `Unsqueeze`, sorted. They are an attribute before opset 13.
fn axes(ctx: &NodeContext, rank: usize) -> Result<Option<Vec<usize>>> {
    let listed = if ctx.builder.opset < 13 {
        ctx.node.ints("axes")?.map(<[i64]>::to_vec)
    } else if ctx.optional(1).is_some() {
        Some(ctx.constant_integers(1)?)
    } else {
        None
    };
    let Some(listed) = listed else { return Ok(None) };
    let mut axes = Vec::with_capacity(listed.len());
    for axis in listed.iter().copied() {
        let axis = ctx.axis(axis, rank)?;
        if axes.contains(&axis) {
            return Err(ctx.builder.invalid(format_args!("the axes {listed:?} have a duplicate")));
        }
        axes.push(axis);
    }
    axes.sort_unstable();
    Ok(Some(axes))
}

pub(crate) fn squeeze(ctx: &mut NodeContext) -> NodeOutputs {
    let mut x = ctx.input(0)?;
    let dims = x.dims();
    let axes = match axes(ctx, dims.len())? {
        Some(axes) => axes,
        None => (0..dims.len()).filter(|a| dims[*a].is_one()).collect(),
    };
    for axis in axes.into_iter().rev() {
        if !dims[axis].is_one() {
            return Err(ctx.builder.invalid(format_args!("axis {axis} of {dims:?} is not 1")));
        }
        x = ctx.builder.wire_axis_op(AxisOp::Rm(axis), &x)?;
    }
    Ok(tvec!(x))
}

pub(crate) fn unsqueeze(ctx: &mut NodeContext) -> NodeOutputs {
    let mut x = ctx.input(0)?;
    let listed = if ctx.builder.opset < 13 {
        ctx.node.ints("axes")?.map_or(0, <[i64]>::len)
    } else {
        ctx.optional(1).map_or(0, |v| v.tensor().map_or(0, |t| t.len()))
    };
    if listed > MAX_RANK {
        return Err(ctx
            .builder
            .invalid(format_args!("{listed} new axes; at most {MAX_RANK} axes are supported")));
    }
    let Some(axes) = axes(ctx, x.rank() + listed)? else {
        return Err(ctx.builder.invalid("the axes are missing"));
    };
    for axis in axes {
        x = ctx.builder.wire_axis_op(AxisOp::Add(axis), &x)?;
    }
    Ok(tvec!(x))
}

pub(crate) fn transpose(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    let order: Vec<usize> = match ctx.node.ints("perm")? {
        Some(order) => order.iter().map(|a| ctx.axis(*a, x.rank())).collect::<Result<_>>()?,
        None => (0..x.rank()).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..x.rank()) {
        return Err(ctx
            .builder
            .invalid(format_args!("perm {order:?} is not a permutation of {} axes", x.rank())));
    }
    Ok(tvec!(ctx.builder.transpose(&x, &order)?))
}
