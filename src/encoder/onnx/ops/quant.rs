//! Translates `QuantizeLinear`, `DequantizeLinear`, `DynamicQuantizeLinear` and `MatMulInteger`.
//!
//! Constant weights are dequantized during translation. Products of quantized numbers are computed in f32,
//! which is exact up to 2²⁴.

use super::arithmetic::Arithmetic;
use super::blocked;
use super::static_quantize::{IntegerRange, StaticQuantize};
use crate::encoder::graph::ops::unary::Unary;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::tensor_info;
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
        if !matches!(
            x.datum_type(),
            DatumType::I8 | DatumType::U8 | DatumType::I16 | DatumType::U16 | DatumType::I32
        ) {
            return Err(self.invalid(format_args!(
                "the quantized input has the type {:?}; expected an integer of 4, 8, 16 or 32 bits",
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

    /// Computes `round(x / scale) + zero`, clamped to the range of the integers. Scale and zero point are one
    /// number, or one per index of `axis`.
    pub(crate) fn quantize(
        &mut self,
        x: &Value,
        scale: &Value,
        zero: &Value,
        axis: usize,
        range: IntegerRange,
    ) -> Result<Value> {
        if x.datum_type() != DatumType::F32 {
            return Err(
                self.invalid(format_args!("the input has the type {:?}; expected float", x.onnx_type()))
            );
        }
        let scale = self.along_axis(scale, x, axis)?;
        let zero = self.cast(zero, DatumType::F32)?;
        let zero = self.along_axis(&zero, x, axis)?;
        self.wire(StaticQuantize(range), &[x, &scale, &zero])
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DynamicQuantize;

impl TypedOp for DynamicQuantize {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [x] = inputs else { bail!("expected one input") };
        let numbers = DatumType::U8.fact(x.shape.to_tvec());
        Ok(tvec!(numbers, DatumType::F32.scalar_fact(), DatumType::U8.scalar_fact()))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
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
        Ok(tvec!(Arc::new(numbers), Arc::new(tensor0(scale)), Arc::new(tensor0(zero as u8))))
    }
}

/// Returns the axis of the scales. It has no effect if there is one scale.
fn axis(ctx: &NodeContext, x: &Value, scale: &Value) -> Result<usize> {
    if scale.rank() <= 1 && scale.dims().iter().product::<TDim>().is_one() {
        return Ok(0);
    }
    ctx.axis(ctx.node.int_or("axis", 1)?, x.rank())
}

pub(crate) fn dequantize_linear(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, scale, zero) = (ctx.input(0)?, ctx.input(1)?, ctx.optional(2));
    let axis = axis(ctx, &x, &scale)?;
    match blocked::block_size(ctx)? {
        Some(size) => blocked::dequantize(ctx, &x, &scale, zero.as_ref(), axis, size),
        None => Ok(tvec!(ctx.builder.dequantize(&x, &scale, zero.as_ref(), axis)?)),
    }
}

/// Translates `QuantizeLinear`. The type of the zero point decides the type of the result; without one it is
/// the attribute `output_dtype`, or uint8.
pub(crate) fn quantize_linear(ctx: &mut NodeContext) -> NodeOutputs {
    let (x, mut scale, zero) = (ctx.input(0)?, ctx.input(1)?, ctx.optional(2));
    let axis = axis(ctx, &x, &scale)?;
    let stated = ctx.node.int_or("output_dtype", 0)?;
    let (datum_type, four_bits) = match (&zero, stated) {
        (Some(zero), _) => (zero.datum_type(), ctx.has_four_bits(2)),
        (None, 0) => (DatumType::U8, false),
        (None, stated) => {
            let kind = i32::try_from(stated).unwrap_or(0);
            match tensor_info::graph_type(kind) {
                Some(datum_type) => (datum_type, tensor_info::has_four_bits(kind)),
                None => (DatumType::F32, false), // Rejected below.
            }
        }
    };
    let Some(range) = IntegerRange::of(datum_type, four_bits) else {
        return Err(ctx.builder.unsupported(format_args!(
            "quantization to {datum_type:?} (output_dtype {stated}); supported are integers of 4, 8 and 16 bits"
        )));
    };
    let mut zero = zero.unwrap_or_else(|| Value::float(0.0));
    if let Some(size) = blocked::block_size(ctx)? {
        scale = blocked::repeated(ctx.builder, &scale, &x, axis, size)?;
        if zero.rank() > 0 {
            zero = blocked::repeated(ctx.builder, &zero, &x, axis, size)?;
        }
        let zero = ctx.builder.cast(&zero, DatumType::F32)?;
        let steps = ctx.builder.arithmetic(Arithmetic::Div, &x, &scale)?;
        let one = Value::float(1.0);
        // The scales were applied; the zero points differ per block and are added to the rounded steps.
        let steps = ctx.builder.wire(Unary::Round, &[&steps])?;
        let steps = ctx.builder.arithmetic(Arithmetic::Add, &steps, &zero)?;
        return Ok(tvec!(ctx.builder.quantize(&steps, &one, &Value::float(0.0), axis, range)?));
    }
    Ok(tvec!(ctx.builder.quantize(&x, &scale, &zero, axis, range)?))
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
