//! Translates `Equal`, `Less`, `LessOrEqual`, `Greater`, `GreaterOrEqual`, `And` and `Or`.

use crate::encoder::graph::ops::binary::Binary;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::value::Value;

/// Compares two values. `on_lengths` compares integers that may depend on batch or sequence, and returns
/// `None` if the result does too.
fn compare(ctx: &mut NodeContext, op: Binary, on_lengths: fn(&TDim, &TDim) -> Option<bool>) -> NodeOutputs {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    if a.onnx_type() != b.onnx_type() {
        let message = format!("the inputs have different types, {:?} and {:?}", a.onnx_type(), b.onnx_type());
        return Err(ctx.builder.invalid(message));
    }
    if let Some((elements, shape)) = ctx.builder.map_integers(&[&a, &b], |x| on_lengths(x[0], x[1]))? {
        let tensor = Tensor::from_shape(&shape, &elements).map_err(|e| ctx.builder.invalid(e))?;
        return Ok(tvec!(Value::constant(tensor)));
    }
    let (mut a, mut b) = (a, b);
    if a.onnx_type() == DatumType::Bool {
        a = ctx.builder.cast(&a, DatumType::I32)?;
        b = ctx.builder.cast(&b, DatumType::I32)?;
    }
    // A constant that depends on the batch enters the graph as int64 (`TypedGraphBuilder::outlet`).
    Ok(tvec!(ctx.builder.binary(op, &a, &b)?))
}

/// Returns whether `a < b`, or `None` if that depends on batch or sequence.
fn less_than(a: &TDim, b: &TDim) -> Option<bool> {
    if (b.clone() - a).prove_strict_positive() {
        Some(true)
    } else if (a.clone() - b).prove_positive_or_zero() {
        Some(false)
    } else {
        None
    }
}

/// Returns whether `a == b`, or `None` if that depends on batch or sequence.
fn equals(a: &TDim, b: &TDim) -> Option<bool> {
    if a == b {
        Some(true)
    } else if (a.clone() - b).prove_strict_positive() || (b.clone() - a).prove_strict_positive() {
        Some(false)
    } else {
        None
    }
}

pub(crate) fn equal(ctx: &mut NodeContext) -> NodeOutputs {
    compare(ctx, Binary::Equal, equals)
}

pub(crate) fn less(ctx: &mut NodeContext) -> NodeOutputs {
    compare(ctx, Binary::Less, less_than)
}

pub(crate) fn less_or_equal(ctx: &mut NodeContext) -> NodeOutputs {
    compare(ctx, Binary::LessOrEqual, |a, b| less_than(b, a).map(|greater| !greater))
}

pub(crate) fn greater(ctx: &mut NodeContext) -> NodeOutputs {
    compare(ctx, Binary::Greater, |a, b| less_than(b, a))
}

pub(crate) fn greater_or_equal(ctx: &mut NodeContext) -> NodeOutputs {
    compare(ctx, Binary::GreaterOrEqual, |a, b| less_than(a, b).map(|less| !less))
}

/// Translates an operator on two boolean values.
fn logic(ctx: &mut NodeContext, op: Binary) -> NodeOutputs {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    if a.datum_type() != DatumType::Bool || b.datum_type() != DatumType::Bool {
        return Err(ctx.builder.invalid("the inputs are not boolean"));
    }
    Ok(tvec!(ctx.builder.binary(op, &a, &b)?))
}

pub(crate) fn and(ctx: &mut NodeContext) -> NodeOutputs {
    logic(ctx, Binary::And)
}

pub(crate) fn or(ctx: &mut NodeContext) -> NodeOutputs {
    logic(ctx, Binary::Or)
}
