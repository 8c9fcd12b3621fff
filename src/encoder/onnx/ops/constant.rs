//! Translates `Constant` and `ConstantOfShape`.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::value::Value;

pub(crate) fn constant(ctx: &mut NodeContext) -> NodeOutputs {
    let node = ctx.node;
    let tensor = if let Some(value) = &node.value {
        value.clone()
    } else if node.has("value_int") {
        rctensor0(node.int_or("value_int", 0)?)
    } else if node.has("value_float") {
        rctensor0(node.float_or("value_float", 0.0)?)
    } else if let Some(ints) = node.ints("value_ints")? {
        rctensor1(ints)
    } else if let Some(floats) = node.floats("value_floats")? {
        rctensor1(floats)
    } else {
        return Err(ctx.builder.unsupported("the constant is not a tensor of numbers"));
    };
    Ok(tvec!(Value::Const(tensor)))
}

pub(crate) fn constant_of_shape(ctx: &mut NodeContext) -> NodeOutputs {
    let shape = ctx.input(0)?;
    let Some(dims) = shape.integer_elements() else {
        return Err(ctx.builder.unsupported("the shape is not constant"));
    };
    let value = match &ctx.node.value {
        Some(value) if value.len() == 1 => {
            let value = value.clone().into_tensor();
            Value::constant(value.into_shape(&[]).map_err(|e| ctx.builder.invalid(e))?)
        }
        Some(_) => return Err(ctx.builder.invalid("the attribute `value` is not one number")),
        None => Value::float(0.0),
    };
    Ok(tvec!(ctx.builder.broadcast_to(&value, &dims)?))
}
