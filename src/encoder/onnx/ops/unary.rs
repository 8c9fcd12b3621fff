//! Translates operators with one input that work element by element, and `Clip`.

use super::arithmetic::Arithmetic;
use crate::encoder::graph::ops::unary::Unary;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::value::{Value, integer_constant};

/// Translates an operator on floats.
fn on_floats(ctx: &mut NodeContext, op: Unary) -> NodeOutputs {
    let x = ctx.input(0)?;
    if x.datum_type() != DatumType::F32 {
        return Err(ctx
            .builder
            .invalid(format_args!("the input has the unsupported type {:?}", x.onnx_type())));
    }
    Ok(tvec!(ctx.builder.wire(op, &[&x])?))
}

/// Translates an operator on floats, int64 and int32.
fn on_numbers(ctx: &mut NodeContext, op: Unary) -> NodeOutputs {
    let x = ctx.input(0)?;
    if !matches!(x.onnx_type(), DatumType::F32 | DatumType::I64 | DatumType::I32) {
        return Err(ctx
            .builder
            .invalid(format_args!("the input has the unsupported type {:?}", x.onnx_type())));
    }
    let x = ctx.builder.cast(&x, x.onnx_type())?;
    Ok(tvec!(ctx.builder.wire(op, &[&x])?))
}

pub(crate) fn abs(ctx: &mut NodeContext) -> NodeOutputs {
    on_numbers(ctx, Unary::Abs)
}

pub(crate) fn erf(ctx: &mut NodeContext) -> NodeOutputs {
    on_floats(ctx, Unary::Erf)
}

pub(crate) fn exp(ctx: &mut NodeContext) -> NodeOutputs {
    on_floats(ctx, Unary::Exp)
}

pub(crate) fn log(ctx: &mut NodeContext) -> NodeOutputs {
    on_floats(ctx, Unary::Ln)
}

pub(crate) fn reciprocal(ctx: &mut NodeContext) -> NodeOutputs {
    on_floats(ctx, Unary::Recip)
}

pub(crate) fn sigmoid(ctx: &mut NodeContext) -> NodeOutputs {
    on_floats(ctx, Unary::Sigmoid)
}

pub(crate) fn sqrt(ctx: &mut NodeContext) -> NodeOutputs {
    on_floats(ctx, Unary::Sqrt)
}

pub(crate) fn tanh(ctx: &mut NodeContext) -> NodeOutputs {
    on_floats(ctx, Unary::Tanh)
}

pub(crate) fn is_nan(ctx: &mut NodeContext) -> NodeOutputs {
    on_floats(ctx, Unary::IsNan)
}

pub(crate) fn neg(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    if let Some((elements, shape)) = ctx.builder.map_integers(&[&x], |x| Some(TDim::Val(0) - x[0].clone()))? {
        return Ok(tvec!(integer_constant(&elements, &shape).map_err(|e| ctx.builder.invalid(e))?));
    }
    on_numbers(ctx, Unary::Neg)
}

/// Translates `Sign` of floats and integers.
pub(crate) fn sign(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    let signum = |x: &[&TDim]| x[0].as_i64().map(|x| TDim::Val(x.signum()));
    if let Some((elements, shape)) = ctx.builder.map_integers(&[&x], signum)? {
        return Ok(tvec!(integer_constant(&elements, &shape).map_err(|e| ctx.builder.invalid(e))?));
    }
    on_numbers(ctx, Unary::Sign)
}

pub(crate) fn not(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    if x.datum_type() != DatumType::Bool {
        return Err(ctx
            .builder
            .invalid(format_args!("the input has the unsupported type {:?}", x.onnx_type())));
    }
    Ok(tvec!(ctx.builder.wire(Unary::Not, &[&x])?))
}

pub(crate) fn relu(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    Ok(tvec!(ctx.builder.arithmetic(Arithmetic::Max, &x, &Value::float(0.0))?))
}

/// Translates `Clip`. The bounds are attributes before opset 11, and inputs from then on.
pub(crate) fn clip(ctx: &mut NodeContext) -> NodeOutputs {
    let mut x = ctx.input(0)?;
    let bound = |ctx: &NodeContext, name: &str, input: usize| {
        if ctx.builder.opset < 11 {
            let is_set = ctx.node.has(name);
            Ok(is_set.then_some(Value::float(ctx.node.float_or(name, 0.0)?)))
        } else {
            Ok(ctx.optional(input))
        }
    };
    if let Some(min) = bound(ctx, "min", 1)? {
        x = ctx.builder.arithmetic(Arithmetic::Max, &x, &min)?;
    }
    if let Some(max) = bound(ctx, "max", 2)? {
        x = ctx.builder.arithmetic(Arithmetic::Min, &x, &max)?;
    }
    Ok(tvec!(x))
}
