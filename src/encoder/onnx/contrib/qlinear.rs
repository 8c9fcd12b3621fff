//! Translates the operators on quantized numbers that onnxruntime's `QuantFormat.QOperator` writes:
//! `QLinearMatMul` of ONNX, and `QGemm`, `QLinearAdd`, `QLinearMul`, `QLinearSigmoid`, `QLinearLeakyRelu`,
//! `QLinearSoftmax`, `QLinearConcat`, `QLinearReduceMean` and `QLinearWhere` of onnxruntime.
//!
//! Each is defined as: dequantize the inputs, compute in floats, quantize the result. The translation says the
//! same with the operators of `DequantizeLinear` and `QuantizeLinear`, so both formats are one graph to the
//! matcher.

use crate::encoder::graph::ops::select::Select;
use crate::encoder::graph::ops::shape::Concat;
use crate::encoder::graph::ops::unary::Unary;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::ops::arithmetic::Arithmetic;
use crate::encoder::onnx::ops::static_quantize::IntegerRange;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl NodeContext<'_> {
    /// Returns the quantized input `i`, whose scale is input `i + 1` and whose zero point is input `i + 2`, as
    /// floats. A scale per index belongs to `axis`, counted from the last axis.
    fn dequantized(&mut self, i: usize, axis_from_end: usize) -> Result<Value> {
        let (x, scale, zero) = (self.input(i)?, self.input(i + 1)?, self.optional(i + 2));
        let axis = x.rank().saturating_sub(1 + axis_from_end);
        self.builder.dequantize(&x, &scale, zero.as_ref(), axis)
    }

    /// Quantizes a result with the scale in input `i` and the zero point in input `i + 1`. Without a zero
    /// point the result has the type of `like`.
    fn quantized(&mut self, x: &Value, i: usize, like: DatumType) -> NodeOutputs {
        let (scale, zero) = (self.input(i)?, self.optional(i + 1));
        let datum_type = zero.as_ref().map_or(like, Value::datum_type);
        let Some(range) = IntegerRange::of(datum_type, false) else {
            return Err(self.builder.invalid(format_args!("the zero point has the type {datum_type:?}")));
        };
        let zero = zero.unwrap_or_else(|| Value::float(0.0));
        Ok(tvec!(self.builder.quantize(x, &scale, &zero, 0, range)?))
    }

    fn type_of(&self, i: usize) -> Result<DatumType> {
        Ok(self.input(i)?.datum_type())
    }
}

/// Inputs: a, b and y, each with scale and zero point; y has no value.
pub(crate) fn qlinear_matmul(ctx: &mut NodeContext) -> NodeOutputs {
    let (a, b) = (ctx.dequantized(0, 1)?, ctx.dequantized(3, 0)?);
    let product = ctx.builder.matmul(&a, &b)?;
    let like = ctx.type_of(0)?;
    ctx.quantized(&product, 6, like)
}

/// Inputs: a and b, each with scale and zero point; c?, an int32 bias whose scale is that of the product; scale
/// and zero point of the result. Without a scale the result is float.
pub(crate) fn qgemm(ctx: &mut NodeContext) -> NodeOutputs {
    let alpha = ctx.node.float_or("alpha", 1.0)?;
    let a_transposed = ctx.node.int_or("transA", 0)? != 0;
    let b_transposed = ctx.node.int_or("transB", 0)? != 0;
    let (a, b) = (ctx.dequantized(0, 0)?, ctx.dequantized(3, usize::from(b_transposed))?);
    if a.rank() != 2 || b.rank() != 2 {
        return Err(ctx.builder.invalid("the inputs are not matrices"));
    }
    let (a_scale, b_scale, bias) = (ctx.input(1)?, ctx.input(4)?, ctx.optional(6));
    let mut result = ctx.builder.product(&a, &b, a_transposed, b_transposed)?;
    let dims = result.dims();
    if alpha != 1.0 {
        result = ctx.builder.scale(&result, alpha)?;
    }
    if let Some(bias) = bias {
        let scale = ctx.builder.mul(&a_scale, &b_scale)?;
        let scale = ctx.builder.scale(&scale, alpha)?;
        let bias = ctx.builder.subtract_zero_point(&bias, None, 0)?;
        let bias = ctx.builder.mul(&bias, &scale)?;
        result = ctx.builder.arithmetic(Arithmetic::Add, &result, &bias)?;
    }
    if result.dims() != dims {
        return Err(ctx.builder.invalid("the bias does not broadcast to the product"));
    }
    if ctx.optional(7).is_none() {
        return Ok(tvec!(result));
    }
    let like = ctx.type_of(0)?;
    ctx.quantized(&result, 7, like)
}

/// Translates `a op b`. Inputs: a and b, each with scale and zero point; scale and zero point of the result.
fn binary(ctx: &mut NodeContext, op: Arithmetic) -> NodeOutputs {
    let (a, b) = (ctx.dequantized(0, 0)?, ctx.dequantized(3, 0)?);
    let result = ctx.builder.arithmetic(op, &a, &b)?;
    let like = ctx.type_of(0)?;
    ctx.quantized(&result, 6, like)
}

pub(crate) fn qlinear_add(ctx: &mut NodeContext) -> NodeOutputs {
    binary(ctx, Arithmetic::Add)
}

pub(crate) fn qlinear_mul(ctx: &mut NodeContext) -> NodeOutputs {
    binary(ctx, Arithmetic::Mul)
}

/// Inputs: x with scale and zero point; scale and zero point of the result.
pub(crate) fn qlinear_sigmoid(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.dequantized(0, 0)?;
    let result = ctx.builder.wire(Unary::Sigmoid, &[&x])?;
    let like = ctx.type_of(0)?;
    ctx.quantized(&result, 3, like)
}

/// Inputs: x with scale and zero point; scale and zero point of the result.
pub(crate) fn qlinear_leaky_relu(ctx: &mut NodeContext) -> NodeOutputs {
    let alpha = ctx.node.float_or("alpha", 0.01)?;
    let x = ctx.dequantized(0, 0)?;
    let (zero, builder) = (Value::float(0.0), &mut *ctx.builder);
    let positive = builder.arithmetic(Arithmetic::Max, &x, &zero)?;
    let negative = builder.arithmetic(Arithmetic::Min, &x, &zero)?;
    let negative = builder.scale(&negative, alpha)?;
    let result = builder.add(&positive, &negative)?;
    let like = ctx.type_of(0)?;
    ctx.quantized(&result, 3, like)
}

/// Inputs: x with scale and zero point; scale and zero point of the result. Before opset 13 of the attribute
/// `opset` the axes after `axis` are flattened, of which the last axis has none.
pub(crate) fn qlinear_softmax(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.dequantized(0, 0)?;
    let opset = ctx.node.int_or("opset", ctx.builder.opset)?;
    let axis = ctx.axis(ctx.node.int_or("axis", if opset < 13 { 1 } else { -1 })?, x.rank())?;
    if axis + 1 != x.rank() {
        return Err(ctx
            .builder
            .unsupported(format_args!("axis {axis} of {} axes; only the last axis is supported", x.rank())));
    }
    let result = ctx.builder.softmax(&x)?;
    let like = ctx.type_of(0)?;
    ctx.quantized(&result, 3, like)
}

/// Inputs: scale and zero point of the result; then x, scale and zero point of each part.
pub(crate) fn qlinear_concat(ctx: &mut NodeContext) -> NodeOutputs {
    let Some(axis) = ctx.node.int("axis")? else {
        return Err(ctx.builder.invalid("the attribute `axis` is missing"));
    };
    if ctx.inputs.len() % 3 != 2 {
        return Err(ctx.builder.invalid("a part has no scale or no zero point"));
    }
    let mut parts = Vec::with_capacity(ctx.inputs.len() / 3);
    for i in (2..ctx.inputs.len()).step_by(3) {
        parts.push(ctx.dequantized(i, 0)?);
    }
    let (first, like) = (ctx.type_of(2)?, parts[0].dims());
    let axis = ctx.axis(axis, like.len())?;
    for part in &parts {
        let (mut one, mut other) = (like.clone(), part.dims());
        if one.len() == other.len() {
            one.remove(axis);
            other.remove(axis);
        }
        if one != other {
            let message = format!("the shapes {like:?} and {:?} cannot be joined", part.dims());
            return Err(ctx.builder.invalid(message));
        }
    }
    let parts: Vec<&Value> = parts.iter().collect();
    let joined = ctx.builder.wire(Concat { axis }, &parts)?;
    ctx.quantized(&joined, 0, first)
}

/// Inputs: x with scale and zero point; scale and zero point of the result.
pub(crate) fn qlinear_reduce_mean(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.dequantized(0, 0)?;
    let listed = ctx.node.ints("axes")?.unwrap_or_default().to_vec();
    let keep = ctx.node.int_or("keepdims", 1)? != 0;
    let mut axes = listed.into_iter().map(|axis| ctx.axis(axis, x.rank())).collect::<Result<Vec<_>>>()?;
    if axes.is_empty() {
        axes = (0..x.rank()).collect();
    }
    axes.sort_unstable();
    axes.dedup();
    let mut result = ctx.builder.mean(&x, &axes)?;
    if !keep {
        for axis in axes.into_iter().rev() {
            result = ctx.builder.wire_axis_op(crate::encoder::graph::ops::axes::AxisOp::Rm(axis), &result)?;
        }
    }
    let like = ctx.type_of(0)?;
    ctx.quantized(&result, 3, like)
}

/// Inputs: condition; x and y, each with scale and zero point; scale and zero point of the result.
pub(crate) fn qlinear_where(ctx: &mut NodeContext) -> NodeOutputs {
    let condition = ctx.input(0)?;
    let (yes, no) = (ctx.dequantized(1, 0)?, ctx.dequantized(4, 0)?);
    let builder = &mut *ctx.builder;
    if condition.datum_type() != DatumType::Bool {
        return Err(builder.invalid("the condition is not boolean"));
    }
    let rank = builder.broadcast(&[condition.dims(), yes.dims(), no.dims()])?.len();
    let condition = builder.with_rank(&condition, rank)?;
    let (yes, no) = (builder.with_rank(&yes, rank)?, builder.with_rank(&no, rank)?);
    let result = builder.wire(Select, &[&condition, &yes, &no])?;
    let like = ctx.type_of(1)?;
    ctx.quantized(&result, 7, like)
}
