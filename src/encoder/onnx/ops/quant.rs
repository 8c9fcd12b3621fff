//! Translates `QuantizeLinear`, `DequantizeLinear`, `DynamicQuantizeLinear` and `MatMulInteger`.
//!
//! Constant weights are dequantized during translation. Products of quantized numbers are computed in f32,
//! which is exact up to 2²⁴.

use tract_core::internal::*;
use tract_core::ops::math;

use super::arithmetic::Arithmetic;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl TypedGraphBuilder {
    /// Computes `(x - zero) · scale`. Scale and zero point are one number, or one per index of `axis`.
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

    /// Computes `x - zero` of quantized numbers, as floats.
    pub(crate) fn subtract_zero_point(
        &mut self,
        x: &Value,
        zero: Option<&Value>,
        axis: usize,
    ) -> Result<Value> {
        if !matches!(x.datum_type(), DatumType::I8 | DatumType::U8 | DatumType::I32) {
            return Err(self.invalid(format_args!(
                "the quantized input has the type {:?}; expected int8, uint8 or int32",
                x.onnx_type()
            )));
        }
        let floats = self.cast(x, DatumType::F32)?;
        let Some(zero) = zero else { return Ok(floats) };
        if zero.datum_type() != x.datum_type() {
            return Err(self.invalid(format_args!(
                "the zero point has another type, {:?}, than the numbers",
                zero.onnx_type()
            )));
        }
        if zero.tensor().is_some_and(|t| t.is_all_zero().unwrap_or(false)) {
            return Ok(floats);
        }
        let zero = self.cast(zero, DatumType::F32)?;
        let zero = self.along_axis(&zero, x, axis)?;
        self.arithmetic(Arithmetic::Sub, &floats, &zero)
    }

    /// Reshapes a quantization parameter of `x` so that it broadcasts along `axis`.
    pub(crate) fn along_axis(&mut self, parameter: &Value, x: &Value, axis: usize) -> Result<Value> {
        if parameter.datum_type() != DatumType::F32 {
            return Err(self.invalid(format_args!(
                "the scale has the type {:?}; expected float",
                parameter.onnx_type()
            )));
        }
        let count: TDim = parameter.dims().iter().product();
        if parameter.rank() <= 1 && count.is_one() {
            return self.reshape(parameter, &[], true);
        }
        let dims = x.dims();
        if parameter.rank() != 1 || dims.get(axis) != Some(&count) {
            let message =
                format!("the scale of shape {:?} does not match axis {axis} of {dims:?}", parameter.dims());
            return Err(self.invalid(message));
        }
        let mut shape = vec![1.to_dim(); dims.len()];
        shape[axis] = count;
        self.reshape(parameter, &shape, true)
    }

    /// Computes `round(x / scale) + zero`, clamped to the range of `to`.
    fn quantize(&mut self, x: &Value, scale: &Value, zero: &Value, to: DatumType) -> Result<Value> {
        let (min, max) = match to {
            DatumType::U8 => (0.0, 255.0),
            DatumType::I8 => (-128.0, 127.0),
            other => {
                return Err(
                    self.unsupported(format_args!("quantization to {other:?}; supported are int8 and uint8"))
                );
            }
        };
        let steps = self.arithmetic(Arithmetic::Div, x, scale)?;
        let steps = self.wire(math::round_half_to_even(), &[&steps])?;
        let steps = self.arithmetic(Arithmetic::Add, &steps, zero)?;
        let steps = self.arithmetic(Arithmetic::Max, &steps, &Value::float(min))?;
        let steps = self.arithmetic(Arithmetic::Min, &steps, &Value::float(max))?;
        self.cast(&steps, to)
    }

    /// Computes `DynamicQuantizeLinear`: the uint8 numbers, their scale and their zero point.
    pub(crate) fn dynamic_quantize(&mut self, x: &Value) -> Result<TVec<Value>> {
        if x.datum_type() != DatumType::F32 {
            return Err(
                self.invalid(format_args!("the input has the type {:?}; expected float", x.onnx_type()))
            );
        }
        self.wire_all(DynamicQuantize, &[x])
    }

    /// Computes the product of quantized matrices as floats, without the scales. The zero point of `b` may be
    /// one per column.
    pub(crate) fn quantized_product(
        &mut self,
        a: &Value,
        b: &Value,
        a_zero: Option<&Value>,
        b_zero: Option<&Value>,
    ) -> Result<Value> {
        if a.rank() < 2 || b.rank() < 2 {
            return Err(self.unsupported("the inputs are not matrices"));
        }
        let a = self.subtract_zero_point(a, a_zero, a.rank() - 2)?;
        let b = self.subtract_zero_point(b, b_zero, b.rank() - 1)?;
        self.matmul(&a, &b)
    }
}

/// `DynamicQuantizeLinear` as one operator. The range is that of all elements and 0.
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
        let [x] = &*inputs else { bail!("expected one input") };
        let plain = x.try_as_plain_ram()?;
        let floats = plain.as_slice::<f32>()?;
        let min = floats.iter().copied().fold(0f32, f32::min);
        let max = floats.iter().copied().fold(0f32, f32::max);
        let scale = if max > min { (max - min) / 255.0 } else { 1.0 };
        let zero = (-min / scale).clamp(0.0, 255.0).round_ties_even();
        let numbers: Vec<u8> =
            floats.iter().map(|x| ((x / scale).round_ties_even() + zero).clamp(0.0, 255.0) as u8).collect();
        let numbers = Tensor::from_shape(x.shape(), &numbers)?;
        Ok(tvec!(numbers.into_tvalue(), tensor0(scale).into_tvalue(), tensor0(zero as u8).into_tvalue()))
    }
}

impl TypedOp for DynamicQuantize {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [x] = inputs else { bail!("expected one input") };
        let numbers = DatumType::U8.fact(x.shape.clone());
        Ok(tvec!(numbers, DatumType::F32.scalar_fact(), DatumType::U8.scalar_fact()))
    }

    as_op!();
}

/// Returns the axis of the scales. It has no effect if there is one scale.
fn axis(ctx: &NodeContext, x: &Value, scale: &Value) -> Result<usize> {
    if ctx.node.int_or("block_size", 0)? != 0 {
        return Err(ctx.builder.unsupported("it quantizes in blocks"));
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

/// Translates `MatMulInteger`. Its product is int32.
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
