//! `QuantizeLinear`, `DequantizeLinear`, `DynamicQuantizeLinear`, `MatMulInteger`.
//!
//! Weights are dequantised when the graph is translated; products of quantised
//! numbers are computed in f32, which holds them exactly up to 2²⁴.

use tract_core::internal::*;
use tract_core::ops::math;

use super::arithmetic::Arithmetic;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl TypedGraphBuilder {
    /// `(x - zero) · scale`. Scale and zero point are one number or one for each
    /// place along `axis`.
    pub(crate) fn dequantize(
        &mut self,
        x: &Value,
        scale: &Value,
        zero: Option<&Value>,
        axis: usize,
    ) -> Result<Value> {
        let centered = self.subtract_zero_point(x, zero, axis)?;
        let scale = self.along_axis(scale, x, axis)?;
        self.arithmetic(Arithmetic::Mul, &centered, &scale)
    }

    /// `x - zero` of quantised numbers, as floats.
    pub(crate) fn subtract_zero_point(
        &mut self,
        x: &Value,
        zero: Option<&Value>,
        axis: usize,
    ) -> Result<Value> {
        if !matches!(x.datum_type(), DatumType::I8 | DatumType::U8 | DatumType::I32) {
            return Err(self.invalid(format_args!("it takes {:?} for quantised", x.onnx_type())));
        }
        let floats = self.cast(x, DatumType::F32)?;
        let Some(zero) = zero else { return Ok(floats) };
        if zero.datum_type() != x.datum_type() {
            return Err(self.invalid(format_args!("a zero point of type {:?}", zero.onnx_type())));
        }
        if zero.tensor().is_some_and(|t| t.is_all_zero().unwrap_or(false)) {
            return Ok(floats);
        }
        let zero = self.cast(zero, DatumType::F32)?;
        let zero = self.along_axis(&zero, x, axis)?;
        self.arithmetic(Arithmetic::Sub, &floats, &zero)
    }

    /// A quantisation parameter of `x`, shaped to broadcast along `axis`.
    pub(crate) fn along_axis(&mut self, parameter: &Value, x: &Value, axis: usize) -> Result<Value> {
        if parameter.datum_type() != DatumType::F32 {
            return Err(self.invalid(format_args!("a scale of type {:?}", parameter.onnx_type())));
        }
        let count: TDim = parameter.dims().iter().product();
        if parameter.rank() <= 1 && count.is_one() {
            return self.reshape(parameter, &[], true);
        }
        let dims = x.dims();
        if parameter.rank() != 1 || dims.get(axis) != Some(&count) {
            let message = format!("a scale of shape {:?} for {dims:?} along axis {axis}", parameter.dims());
            return Err(self.invalid(message));
        }
        let mut shape = vec![1.to_dim(); dims.len()];
        shape[axis] = count;
        self.reshape(parameter, &shape, true)
    }

    /// `clamp(round(x / scale) + zero)` to the range of `to`.
    fn quantize(&mut self, x: &Value, scale: &Value, zero: &Value, to: DatumType) -> Result<Value> {
        let (least, most) = match to {
            DatumType::U8 => (0.0, 255.0),
            DatumType::I8 => (-128.0, 127.0),
            other => return Err(self.unsupported(format_args!("it quantises to {other:?}"))),
        };
        let steps = self.arithmetic(Arithmetic::Div, x, scale)?;
        let steps = self.wire(math::round_half_to_even(), &[&steps])?;
        let steps = self.arithmetic(Arithmetic::Add, &steps, zero)?;
        let steps = self.arithmetic(Arithmetic::Max, &steps, &Value::float(least))?;
        let steps = self.arithmetic(Arithmetic::Min, &steps, &Value::float(most))?;
        self.cast(&steps, to)
    }

    /// `DynamicQuantizeLinear`: the numbers as uint8, their scale and their zero point.
    pub(crate) fn dynamic_quantize(&mut self, x: &Value) -> Result<TVec<Value>> {
        if x.datum_type() != DatumType::F32 {
            return Err(self.invalid(format_args!("it quantises {:?}", x.onnx_type())));
        }
        self.wire_all(DynamicQuantize, &[x])
    }

    /// The product of quantised matrices, as floats, without scales. `b`'s zero
    /// point may be one for each column.
    pub(crate) fn quantized_product(
        &mut self,
        a: &Value,
        b: &Value,
        a_zero: Option<&Value>,
        b_zero: Option<&Value>,
    ) -> Result<Value> {
        if a.rank() < 2 || b.rank() < 2 {
            return Err(self.unsupported("its inputs are no matrices"));
        }
        let a = self.subtract_zero_point(a, a_zero, a.rank() - 2)?;
        let b = self.subtract_zero_point(b, b_zero, b.rank() - 1)?;
        self.matmul(&a, &b)
    }
}

/// `DynamicQuantizeLinear` as one operator of ours: the range is that of all of x, and 0.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(crate) struct DynamicQuantize;

impl Op for DynamicQuantize {
    fn name(&self) -> StaticName {
        "DynamicQuantize".into()
    }

    op_as_typed_op!();
}

impl EvalOp for DynamicQuantize {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [x] = &*inputs else { bail!("one input is due") };
        let plain = x.try_as_plain_ram()?;
        let floats = plain.as_slice::<f32>()?;
        let least = floats.iter().copied().fold(0f32, f32::min);
        let most = floats.iter().copied().fold(0f32, f32::max);
        let scale = if most > least { (most - least) / 255.0 } else { 1.0 };
        let zero = (-least / scale).clamp(0.0, 255.0).round_ties_even();
        let numbers: Vec<u8> =
            floats.iter().map(|x| ((x / scale).round_ties_even() + zero).clamp(0.0, 255.0) as u8).collect();
        let numbers = Tensor::from_shape(x.shape(), &numbers)?;
        Ok(tvec!(numbers.into_tvalue(), tensor0(scale).into_tvalue(), tensor0(zero as u8).into_tvalue()))
    }
}

impl TypedOp for DynamicQuantize {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [x] = inputs else { bail!("one input is due") };
        let numbers = DatumType::U8.fact(x.shape.clone());
        Ok(tvec!(numbers, DatumType::F32.scalar_fact(), DatumType::U8.scalar_fact()))
    }

    as_op!();
}

/// The axis that scales go along; of no matter when there is but one.
fn axis(ctx: &NodeContext, x: &Value, scale: &Value) -> Result<usize> {
    if ctx.node.int_or("block_size", 0)? != 0 {
        return Err(ctx.builder.unsupported("it quantises in blocks"));
    }
    if scale.rank() == 0 {
        return Ok(0);
    }
    ctx.axis(ctx.node.int_or("axis", 1)?, x.rank())
}

pub(crate) fn dequantize_linear(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, scale, zero) = (ctx.input(0)?, ctx.input(1)?, ctx.optional(2));
    let axis = axis(ctx, &x, &scale)?;
    Ok(tvec!(ctx.builder.dequantize(&x, &scale, zero.as_ref(), axis)?))
}

pub(crate) fn quantize_linear(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, scale, zero) = (ctx.input(0)?, ctx.input(1)?, ctx.optional(2));
    let axis = axis(ctx, &x, &scale)?;
    let to = zero.as_ref().map_or(DatumType::U8, Value::datum_type);
    let zero = match zero {
        Some(zero) => ctx.builder.cast(&zero, DatumType::F32)?,
        None => Value::float(0.0),
    };
    let scale = ctx.builder.along_axis(&scale, &x, axis)?;
    let zero = ctx.builder.along_axis(&zero, &x, axis)?;
    Ok(tvec!(ctx.builder.quantize(&x, &scale, &zero, to)?))
}

pub(crate) fn dynamic_quantize_linear(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    ctx.builder.dynamic_quantize(&x)
}

/// `MatMulInteger`: its product is int32, and the only one here that is.
pub(crate) fn matmul_integer(ctx: &mut NodeContext) -> NodeOutputs {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    let product = ctx.builder.quantized_product(
        &a,
        &b,
        ctx.inputs.get(2).cloned().flatten().as_ref(),
        ctx.inputs.get(3).cloned().flatten().as_ref(),
    )?;
    Ok(tvec!(ctx.builder.cast(&product, DatumType::I32)?))
}
