//! Blocked quantization (`block_size` of `QuantizeLinear` and `DequantizeLinear`, opset 21): one scale and one
//! zero point per block of consecutive elements along an axis.
//!
//! A matrix whose elements arrive later becomes a [`BlockwiseMatrix`]; constants are dequantized during
//! translation.

use super::arithmetic::Arithmetic;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::contrib::blockwise::BlockwiseMatrix;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, static_length};
use crate::encoder::plan::BlockFormat;
use crate::error::Result;

/// Returns the elements per block, or `None` if the node does not quantize in blocks.
pub(super) fn block_size(ctx: &NodeContext) -> Result<Option<usize>> {
    match ctx.node.int_or("block_size", 0)? {
        0 => Ok(None),
        size @ 1..=0xff_ffff => Ok(Some(size as usize)),
        size => Err(ctx.builder.invalid(format_args!("block_size is {size}; expected a positive number"))),
    }
}

/// Computes `(x - zero) · scale` with one scale and one zero point per block of `size` elements along `axis`.
pub(super) fn dequantize(
    ctx: &mut NodeContext,
    x: &Value,
    scale: &Value,
    zero: Option<&Value>,
    axis: usize,
    size: usize,
) -> NodeOutputs {
    let bits = if ctx.has_four_bits(0) { 4 } else { 8 };
    let builder = &mut *ctx.builder;
    check_blocks(builder, scale, x, axis, size)?;
    if let Some(zero) = zero {
        check_blocks(builder, zero, x, axis, size)?;
        if zero.datum_type() != x.datum_type() {
            return Err(builder.invalid("the zero points have another type than the elements"));
        }
    }
    let is_byte = matches!(x.datum_type(), DatumType::I8 | DatumType::U8);
    if let (true, true, [rows, columns]) = (is_byte, builder.is_placeholder(x), &*x.dims())
        && let (Some(rows), Some(columns)) = (static_length(rows), static_length(columns))
        && scale.datum_type() == DatumType::F32
    {
        let format =
            BlockFormat { rows, columns, axis, bits, block_size: size, packed: false, float_zeros: false };
        let zero = zero.cloned().unwrap_or_else(|| Value::float(0.0));
        return Ok(tvec!(builder.wire(BlockwiseMatrix(format), &[x, scale, &zero])?));
    }
    let mut floats = builder.subtract_zero_point(x, None, axis)?;
    if let Some(zero) = zero {
        let zero = repeated(builder, zero, x, axis, size)?;
        floats = builder.arithmetic(Arithmetic::Sub, &floats, &zero)?;
    }
    let scale = repeated(builder, scale, x, axis, size)?;
    Ok(tvec!(builder.mul(&floats, &scale)?))
}

/// Checks the shape of scales or zero points of `x`.
fn check_blocks(
    builder: &TypedGraphBuilder,
    parameter: &Value,
    x: &Value,
    axis: usize,
    size: usize,
) -> Result<()> {
    let (mut expected, have) = (x.dims(), parameter.dims());
    let length = expected.get(axis).and_then(static_length).map(|length| length.div_ceil(size));
    if let (Some(at), Some(blocks)) = (expected.get_mut(axis), length) {
        *at = blocks.to_dim();
    }
    if length.is_none() || expected != have {
        return Err(builder.invalid(format_args!(
            "scales or zero points of shape {have:?} do not match {:?} in blocks of {size} along axis {axis}",
            x.dims()
        )));
    }
    Ok(())
}

/// Repeats one constant per block to one float per element of `x`.
pub(super) fn repeated(
    builder: &TypedGraphBuilder,
    parameter: &Value,
    x: &Value,
    axis: usize,
    size: usize,
) -> Result<Value> {
    check_blocks(builder, parameter, x, axis, size)?;
    let shape: Option<Vec<usize>> = x.dims().iter().map(static_length).collect();
    let (Some(shape), Some(tensor)) = (shape, parameter.tensor()) else {
        return Err(builder.unsupported("its scales or zero points are not constant"));
    };
    let invalid = |e: TractError| builder.invalid(e);
    let floats = tensor.cast_to::<f32>().map_err(invalid)?.into_owned();
    let plain = floats.try_as_plain_ram().map_err(invalid)?;
    let blocks = plain.as_slice::<f32>().map_err(invalid)?;
    let (length, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let count = length.div_ceil(size);
    let outer = shape[..axis].iter().product::<usize>();
    let mut all = Vec::with_capacity(outer * length * inner);
    for i in 0..outer {
        for at in 0..length {
            let from = (i * count + at / size) * inner;
            all.extend_from_slice(&blocks[from..from + inner]);
        }
    }
    Ok(Value::constant(Tensor::from_shape(&shape, &all).map_err(invalid)?))
}
