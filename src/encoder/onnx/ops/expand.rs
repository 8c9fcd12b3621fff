//! Translates `Expand`, `Tile` and `Where`.

use crate::encoder::graph::Zero;
use crate::encoder::graph::ops::select::Select;
use crate::encoder::graph::ops::shape::{BroadcastTo, Tile};
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Dims, Value, integer_constant};
use crate::error::Result;

impl TypedGraphBuilder {
    /// Broadcasts a value to a shape.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the value does not broadcast to it.
    pub(crate) fn broadcast_to(&mut self, value: &Value, dims: &[TDim]) -> Result<Value> {
        if let Some(bad) = dims.iter().find(|d| d.as_i64().is_some_and(|d| !(0..=1 << 30).contains(&d))) {
            return Err(self.invalid(format_args!("the length {bad} is out of range")));
        }
        let dims: Dims = dims.into();
        if self.broadcast(&[value.dims(), dims.clone()])? != dims {
            return Err(self.invalid(format_args!("{:?} does not broadcast to {dims:?}", value.dims())));
        }
        if value.dims() == dims {
            return Ok(value.clone());
        }
        self.wire(BroadcastTo { shape: dims }, &[value])
    }
}

/// Translates `Expand`. The shape may have a 1 for an axis of the value that is longer.
pub(crate) fn expand(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, shape) = (ctx.input(0)?, ctx.input(1)?);
    let Some(shape) = shape.integer_elements() else {
        return Err(ctx.builder.unsupported("the shape is not constant"));
    };
    let dims = ctx.builder.broadcast(&[x.dims(), shape.into()])?;
    Ok(tvec!(ctx.builder.broadcast_to(&x, &dims)?))
}

pub(crate) fn tile(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, repeats) = (ctx.input(0)?, ctx.input(1)?);
    let Some(repeats) = repeats.integer_elements() else {
        return Err(ctx.builder.unsupported("the repeats are not constant"));
    };
    let is_in_range = |r: &TDim| r.as_i64().is_none_or(|r| (0..=1 << 30).contains(&r));
    if repeats.len() != x.rank() || !repeats.iter().all(is_in_range) {
        return Err(ctx
            .builder
            .invalid(format_args!("the repeats {repeats:?} do not match {} axes", x.rank())));
    }
    if repeats.iter().all(TDim::is_one) {
        return Ok(tvec!(x));
    }
    Ok(tvec!(ctx.builder.wire(Tile { multipliers: repeats.into() }, &[&x])?))
}

/// Translates `Where`.
pub(crate) fn select(ctx: &mut NodeContext) -> NodeOutputs {
    let (condition, yes, no) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    if condition.datum_type() != DatumType::Bool || yes.onnx_type() != no.onnx_type() {
        return Err(ctx
            .builder
            .invalid("the inputs are not a boolean condition and two values of the same type"));
    }
    // `Select` has no lengths.
    if let Some(tensor) = condition.tensor() {
        let flags = tensor.cast_to::<i64>().map_err(|e| ctx.builder.invalid(e))?.into_owned();
        let flags = Value::constant(flags);
        let choose = |x: &[&TDim]| Some(if x[0].is_zero() { x[2].clone() } else { x[1].clone() });
        if let Some((elements, shape)) = ctx.builder.map_integers(&[&flags, &yes, &no], choose)? {
            return Ok(tvec!(integer_constant(&elements, &shape).map_err(|e| ctx.builder.invalid(e))?));
        }
    }
    let rank = ctx.builder.broadcast(&[condition.dims(), yes.dims(), no.dims()])?.len();
    let condition = ctx.builder.with_rank(&condition, rank)?;
    let yes = ctx.builder.with_rank(&yes, rank)?;
    let no = ctx.builder.with_rank(&no, rank)?;
    Ok(tvec!(ctx.builder.wire(Select, &[&condition, &yes, &no])?))
}
