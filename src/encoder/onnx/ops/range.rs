//! Translates `Range`.

use super::integers::is_in_range;
use crate::encoder::graph::Zero;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

/// Computes `0, 1, … length - 1` in each run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CountTo {
    length: TDim,
}

impl TypedOp for CountTo {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(DatumType::I64.fact([self.length.clone()])))
    }

    fn eval(&self, symbols: &SymbolValues, _inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let length = self.length.eval(symbols).to_i64()?;
        Ok(tvec!(Arc::new(tensor1(&(0..length).collect::<Vec<i64>>()))))
    }
}

impl TypedGraphBuilder {
    /// Computes `0, 1, … length - 1`.
    pub(crate) fn count_to(&mut self, length: &TDim) -> Result<Value> {
        match length.as_i64() {
            Some(length @ ..=0xf_ffff) => Ok(Value::constant(tensor1(&(0..length).collect::<Vec<i64>>()))),
            Some(length) => Err(self.invalid(format_args!("a range of {length} integers is too long"))),
            None => self.wire(CountTo { length: length.clone() }, &[]),
        }
    }
}

/// Translates `Range` of integers in steps of 1. Start and end may depend on batch or sequence.
pub(crate) fn range(ctx: &mut NodeContext) -> NodeOutputs {
    let scalar = |ctx: &NodeContext, i: usize| -> Result<TDim> {
        let value = ctx.input(i)?;
        match value.integer_elements().as_deref() {
            Some([one]) if is_in_range(one) && value.onnx_type() == DatumType::I64 => Ok(one.clone()),
            _ => Err(ctx.builder.unsupported("the bounds are not int64 constants")),
        }
    };
    let (start, end, step) = (scalar(ctx, 0)?, scalar(ctx, 1)?, scalar(ctx, 2)?);
    if !step.is_one() {
        return Err(ctx.builder.unsupported(format_args!("a range in steps of {step}; only 1 is supported")));
    }
    let length = end - start.clone();
    let length = if length.prove_positive_or_zero() {
        length
    } else if length.as_i64().is_some() {
        0.to_dim()
    } else {
        return Err(ctx
            .builder
            .unsupported(format_args!("the sign of the length {length} depends on batch or sequence")));
    };
    let counted = ctx.builder.count_to(&length)?;
    if start.is_zero() {
        return Ok(tvec!(counted));
    }
    let start = Value::constant(tensor0(start));
    Ok(tvec!(ctx.builder.add(&counted, &start)?))
}
