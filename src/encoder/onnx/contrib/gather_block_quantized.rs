//! Translates `com.microsoft.GatherBlockQuantized`: rows of a table with 4 or 8 bits per element, quantized in
//! blocks along its rows.
//!
//! The unfused encoder unpacks the table to f32 when it loads.

use super::blockwise::BlockwiseMatrix;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::ops::arithmetic::Arithmetic;
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, static_length};
use crate::encoder::plan::BlockFormat;
use crate::encoder::quantize::int4::unpack_u4;
use crate::error::Result;

/// Inputs: table, indices, scales, zero points?. A table of type uint4 or int4 was unpacked when it was read. A
/// uint8 table with `hidden_size / 2` columns has two elements per byte.
pub(crate) fn gather_block_quantized(ctx: &mut NodeContext) -> NodeOutputs {
    let (mut table, indices, scales) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let mut zeros = ctx.optional(3);
    let size = ctx.node.int_or("block_size", 128)?;
    let axes = (ctx.node.int_or("gather_axis", 0)?, ctx.node.int_or("quantize_axis", 1)?);
    if !matches!(axes, (0, 1 | -1)) || table.rank() != 2 {
        return Err(ctx
            .builder
            .unsupported("only rows of a table are supported (gather_axis 0, quantize_axis 1)"));
    }
    if !(16..=1 << 16).contains(&size) {
        return Err(ctx.builder.invalid(format_args!("block_size is {size}; expected 16 to 65536")));
    }
    // Elements of type uint4 and int4 have a byte each in tract's graph.
    let four_bit_type = ctx.has_four_bits(0);
    let bits = match (four_bit_type, ctx.node.int_or("bits", 4)?) {
        (true, _) | (_, 4) => 4,
        (false, 8) => 8,
        (_, bits) => {
            return Err(ctx
                .builder
                .unsupported(format_args!("a table of {bits} bits; supported are 4 and 8")));
        }
    };
    let builder = &mut *ctx.builder;
    if !matches!(table.datum_type(), DatumType::U8 | DatumType::I8) {
        return Err(builder.invalid(format_args!("a table of {:?}", table.onnx_type())));
    }
    let packed = !four_bit_type && bits == 4;
    if !four_bit_type && zeros.is_none() && !builder.is_placeholder(&table) {
        zeros = Some(Value::constant(tensor0(1u8 << (bits - 1))));
    } else if packed && let Some(packed_zeros) = zeros.as_ref().filter(|_| !builder.is_placeholder(&table)) {
        zeros = Some(unpack_4bit(builder, packed_zeros)?);
    }
    if let (true, [rows, columns]) = (builder.is_placeholder(&table), &*table.dims())
        && let (Some(rows), Some(columns)) = (static_length(rows), static_length(columns))
    {
        let columns = if packed { 2 * columns } else { columns };
        let block_size = size as usize;
        let format = BlockFormat { rows, columns, axis: 1, bits, block_size, packed, float_zeros: false };
        let per_row = columns.div_ceil(block_size);
        let zeros_expected = rows * if packed { per_row.div_ceil(2) } else { per_row };
        let zeros_fit = zeros.as_ref().is_none_or(|zeros| {
            zeros.datum_type() == table.datum_type()
                && static_length(&zeros.dims().iter().product()) == Some(zeros_expected)
        });
        if !block_size.is_power_of_two() || !zeros_fit {
            return Err(builder.unsupported("the layout of the blocks or zero points is not supported"));
        }
        if static_length(&scales.dims().iter().product()) != Some(rows * per_row)
            || scales.datum_type() != DatumType::F32
        {
            return Err(
                builder.invalid(format_args!("scales of shape {:?} do not match {rows} rows", scales.dims()))
            );
        }
        // Without zero points, those of uint8 are half of the range, and those of 4-bit types are 0.
        let zeros = zeros.or_else(|| four_bit_type.then(|| Value::float(0.0)));
        let table = match &zeros {
            Some(zeros) => builder.wire(BlockwiseMatrix(format), &[&table, &scales, zeros])?,
            None => builder.wire(BlockwiseMatrix(format), &[&table, &scales])?,
        };
        return Ok(tvec!(builder.gather_rows(&table, &indices)?));
    }
    if packed {
        table = unpack_4bit(builder, &table)?;
    }
    let Some([rows, columns]) = constant_dims(&table) else {
        return Err(builder.invalid("the table is not constant"));
    };
    let blocks = BlockedTable { rows, columns, size: size as usize };
    let mut floats = builder.subtract_zero_point(&table, None, 0)?;
    if let Some(zeros) = zeros {
        let mut zeros = builder.subtract_zero_point(&zeros, None, 0)?;
        if zeros.rank() > 0 {
            zeros = blocks.expand_per_column(builder, &zeros)?;
        }
        floats = builder.arithmetic(Arithmetic::Sub, &floats, &zeros)?;
    }
    let scales = blocks.expand_per_column(builder, &scales)?;
    floats = builder.mul(&floats, &scales)?;
    Ok(tvec!(builder.gather_rows(&floats, &indices)?))
}

/// Returns the shape of a constant matrix.
fn constant_dims(table: &Value) -> Option<[usize; 2]> {
    let dims: Vec<usize> = table.tensor()?.shape().to_vec();
    dims.try_into().ok()
}

/// The layout of a table whose rows have blocks of `size` columns.
struct BlockedTable {
    rows: usize,
    columns: usize,
    size: usize,
}

impl BlockedTable {
    /// Repeats one number per block to one number per column.
    fn expand_per_column(&self, builder: &TypedGraphBuilder, value: &Value) -> Result<Value> {
        let blocks = self.columns.div_ceil(self.size);
        // Packed zero points of an odd number of blocks have one unused element more.
        let fits = constant_dims(value)
            .filter(|[rows, width]| *rows == self.rows && (blocks..blocks + 2).contains(width));
        let (Some([_, width]), Some(tensor)) = (fits, value.tensor()) else {
            return Err(builder.invalid(format_args!(
                "scales or zero points of shape {:?} do not match the table",
                value.dims()
            )));
        };
        let plain = tensor.try_as_plain_ram().map_err(|e| builder.invalid(e))?;
        let floats = plain.as_slice::<f32>().map_err(|e| builder.invalid(e))?;
        let mut each = Vec::with_capacity(self.rows * self.columns);
        for row in floats.chunks(width.max(1)) {
            each.extend((0..self.columns).map(|column| row[column / self.size]));
        }
        let tensor = Tensor::from_shape(&[self.rows, self.columns], &each).map_err(|e| builder.invalid(e))?;
        Ok(Value::constant(tensor))
    }
}

/// Unpacks two 4-bit elements per byte, along the last axis.
fn unpack_4bit(builder: &TypedGraphBuilder, value: &Value) -> Result<Value> {
    let Some(tensor) = value.tensor().filter(|t| t.datum_type() == DatumType::U8 && t.rank() > 0) else {
        return Err(builder.invalid("a packed input is not a uint8 constant"));
    };
    let mut shape = tensor.shape().to_vec();
    if let Some(last) = shape.last_mut() {
        *last *= 2;
    }
    let plain = tensor.try_as_plain_ram().map_err(|e| builder.invalid(e))?;
    let bytes = plain.as_slice::<u8>().map_err(|e| builder.invalid(e))?;
    let numbers: Vec<u8> = unpack_u4(bytes).collect();
    Ok(Value::constant(Tensor::from_shape(&shape, &numbers).map_err(|e| builder.invalid(e))?))
}
