//! Translates operators that return their input: `Identity` and `Dropout`.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::value::Value;

pub(crate) fn identity(ctx: &mut NodeContext) -> NodeOutputs {
    Ok(tvec!(ctx.input(0)?))
}

/// Translates `Dropout` outside training. Its mask output is all true.
pub(crate) fn dropout(ctx: &mut NodeContext) -> NodeOutputs {
    if let Some(training) = ctx.optional(2)
        && !training.tensor().is_some_and(|t| t.is_all_zero().unwrap_or(false))
    {
        return Err(ctx.builder.unsupported("training_mode is set"));
    }
    let x = ctx.input(0)?;
    let mut outputs = tvec!(x.clone());
    if ctx.node.outputs.len() > 1 {
        outputs.push(ctx.builder.broadcast_to(&Value::constant(tensor0(true)), &x.dims())?);
    }
    Ok(outputs)
}
