//! Translates `Concat`.

use crate::encoder::graph::ops::shape::Concat;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::value::{Value, integer_constant};

pub(crate) fn concat(ctx: &mut NodeContext) -> NodeOutputs {
    let first = ctx.input(0)?;
    let Some(axis) = ctx.node.int("axis")? else {
        return Err(ctx.builder.invalid("the attribute `axis` is missing"));
    };
    let axis = ctx.axis(axis, first.rank())?;
    let mut values = Vec::with_capacity(ctx.inputs.len());
    for i in 0..ctx.inputs.len() {
        let value = ctx.input(i)?;
        let (mut one, mut other) = (first.dims(), value.dims());
        if other.len() != one.len() || value.onnx_type() != first.onnx_type() {
            return Err(ctx.builder.invalid("the inputs have different types or numbers of axes"));
        }
        one.remove(axis);
        other.remove(axis);
        if one != other {
            return Err(ctx.builder.invalid(format_args!(
                "the shapes {:?} and {:?} cannot be joined",
                first.dims(),
                value.dims()
            )));
        }
        values.push(value);
    }
    if first.rank() == 1
        && let Some(lists) = values.iter().map(Value::integer_elements).collect::<Option<Vec<_>>>()
    {
        let elements = lists.concat();
        let length = elements.len();
        return Ok(tvec!(integer_constant(&elements, &[length]).map_err(|e| ctx.builder.invalid(e))?));
    }
    let values: Vec<&Value> = values.iter().collect();
    Ok(tvec!(ctx.builder.wire(Concat { axis }, &values)?))
}
