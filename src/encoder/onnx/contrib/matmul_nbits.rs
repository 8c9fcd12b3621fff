//! Translates `com.microsoft.MatMulNBits`: weights of 2, 4 or 8 bits in blocks with one scale per block.
//!
//! The unfused encoder unpacks them to f32 when it loads.

use super::blockwise::BlockwiseMatrix;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, static_length};
use crate::encoder::plan::BlockFormat;
use crate::error::Result;

/// The layout of the weights: `rows` outputs of `columns` inputs each, in blocks of `size` inputs.
struct NBitsLayout {
    rows: usize,
    columns: usize,
    bits: usize,
    size: usize,
}

impl NBitsLayout {
    /// Reads the layout from the attributes.
    fn of(ctx: &NodeContext) -> Result<Self> {
        let positive = |name: &str| -> Result<usize> {
            match ctx.node.int_or(name, 0)? {
                n @ 1..=0xff_ffff => Ok(n as usize),
                n => Err(ctx.builder.invalid(format_args!("{name} is {n}; expected a positive number"))),
            }
        };
        let bits = ctx.node.int_or("bits", 4)?;
        if ![2, 4, 8].contains(&bits) {
            return Err(ctx
                .builder
                .unsupported(format_args!("weights of {bits} bits; supported are 2, 4 and 8")));
        }
        let blocks = Self {
            rows: positive("N")?,
            columns: positive("K")?,
            bits: bits as usize,
            size: positive("block_size")?,
        };
        if blocks.size < 16 || !blocks.size.is_power_of_two() {
            return Err(ctx.builder.invalid(format_args!(
                "block_size is {}; expected a power of two of at least 16",
                blocks.size
            )));
        }
        Ok(blocks)
    }

    /// Returns the blocks per row.
    fn count(&self) -> usize {
        self.columns.div_ceil(self.size)
    }

    /// Adds a placeholder for weights `[rows, columns]` whose elements arrive later.
    fn placeholder(
        &self,
        builder: &mut TypedGraphBuilder,
        bytes: usize,
        packed: &Value,
        scales: &Value,
        zeros: Option<&Value>,
    ) -> Result<Value> {
        let count = self.rows * self.count();
        let length = |value: &Value| static_length(&value.dims().iter().product()).unwrap_or(0);
        let float_zeros = zeros.is_some_and(|zeros| zeros.datum_type() == DatumType::F32);
        let zeros_expected =
            if float_zeros { count } else { self.rows * (self.count() * self.bits).div_ceil(8) };
        if packed.datum_type() != DatumType::U8
            || length(packed) != bytes
            || scales.datum_type() != DatumType::F32
            || length(scales) != count
            || zeros.is_some_and(|z| {
                !float_zeros && z.datum_type() != DatumType::U8 || length(z) != zeros_expected
            })
        {
            return Err(
                builder.unsupported("the shapes or types of weights, scales and zero points do not match")
            );
        }
        let (rows, columns, bits, block_size) = (self.rows, self.columns, self.bits, self.size);
        let op = BlockwiseMatrix(BlockFormat {
            rows,
            columns,
            axis: 1,
            bits,
            block_size,
            packed: bits < 8,
            float_zeros,
        });
        match zeros {
            Some(zeros) => builder.wire(op, &[packed, scales, zeros]),
            None => builder.wire(op, &[packed, scales]),
        }
    }

    /// Returns element `i` of elements that are packed low bits first.
    fn unpack(&self, bytes: &[u8], i: usize) -> u8 {
        let per_byte = 8 / self.bits;
        let byte = bytes[i / per_byte] >> (i % per_byte * self.bits);
        if self.bits == 8 { byte } else { byte & ((1 << self.bits) - 1) }
    }

    /// Unpacks the weights to `[columns, rows]`. The caller has checked the lengths.
    fn weights(&self, packed: &[u8], scales: &[f32], zeros: &ZeroPoints) -> TractResult<Tensor> {
        let (blocks, bytes) = (self.count(), self.size * self.bits / 8);
        let mut weights = vec![0f32; self.rows * self.columns];
        for row in 0..self.rows {
            for block in 0..blocks {
                let at = row * blocks + block;
                let zero = match zeros {
                    ZeroPoints::Midpoint => (1 << (self.bits - 1)) as f32,
                    ZeroPoints::Packed(list) => {
                        let length = (blocks * self.bits).div_ceil(8);
                        f32::from(self.unpack(&list[row * length..(row + 1) * length], block))
                    }
                    ZeroPoints::Floats(list) => list[at],
                };
                let numbers = &packed[at * bytes..(at + 1) * bytes];
                let first = block * self.size;
                for i in 0..self.size.min(self.columns - first) {
                    let number = f32::from(self.unpack(numbers, i));
                    weights[(first + i) * self.rows + row] = (number - zero) * scales[at];
                }
            }
        }
        Tensor::from_shape(&[self.columns, self.rows], &weights)
    }
}

/// The zero points of the blocks.
enum ZeroPoints {
    /// No zero points are given: half of the range.
    Midpoint,
    /// Packed like the weights. Each row begins at a byte.
    Packed(Vec<u8>),
    Floats(Vec<f32>),
}

/// Returns the elements of a constant, which must have `count` of them.
fn constant_list<T: Datum + Copy>(
    builder: &TypedGraphBuilder,
    value: &Value,
    what: &str,
    count: usize,
) -> Result<Vec<T>> {
    let Some(tensor) = value.tensor() else {
        return Err(builder.unsupported(format_args!("the {what} are not constant")));
    };
    if tensor.datum_type() != T::datum_type() || tensor.len() != count {
        let message = format!(
            "the {what} are {:?} {:?}; expected {count} elements",
            tensor.datum_type(),
            tensor.shape()
        );
        return Err(builder.invalid(message));
    }
    let plain = tensor.try_as_plain_ram().map_err(|e| builder.invalid(e))?;
    Ok(plain.as_slice::<T>().map_err(|e| builder.invalid(e))?.to_vec())
}

/// Inputs: a, weights `[N, blocks, bytes]`, scales, zero points?, order?, bias?.
pub(crate) fn matmul_nbits(ctx: &mut NodeContext) -> NodeOutputs {
    let (a, packed, scales) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let (zeros, bias) = (ctx.optional(3), ctx.optional(5));
    if ctx.optional(4).is_some() {
        return Err(ctx.builder.unsupported("weights in another order (g_idx)"));
    }
    if ctx.node.int_or("weight_prepacked", 0)? != 0 {
        return Err(ctx.builder.unsupported("weights that were packed for one processor (weight_prepacked)"));
    }
    let blocks = NBitsLayout::of(ctx)?;
    let builder = &mut *ctx.builder;
    if a.dims().last().and_then(static_length) != Some(blocks.columns) {
        return Err(builder.invalid(format_args!(
            "K is {}, but the input has the shape {:?}",
            blocks.columns,
            a.dims()
        )));
    }
    let bytes = blocks.rows.checked_mul(blocks.count()).and_then(|n| n.checked_mul(blocks.size));
    let Some(bytes) = bytes.map(|n| n / 8 * blocks.bits) else {
        return Err(builder.invalid("the sizes are out of range"));
    };
    let count = blocks.rows * blocks.count();
    if let Value::Wire(..) = packed {
        let weights = blocks.placeholder(builder, bytes, &packed, &scales, zeros.as_ref())?;
        let result = builder.product(&a, &weights, false, true)?;
        return Ok(tvec!(match bias {
            Some(bias) => builder.add_bias(&result, &bias)?,
            None => result,
        }));
    }
    let packed = constant_list::<u8>(builder, &packed, "weights", bytes)?;
    let scales = constant_list::<f32>(builder, &scales, "scales", count)?;
    let zeros = match zeros {
        None => ZeroPoints::Midpoint,
        Some(zeros) if zeros.datum_type() == DatumType::F32 => {
            ZeroPoints::Floats(constant_list(builder, &zeros, "zero points", count)?)
        }
        Some(zeros) => {
            let row = (blocks.count() * blocks.bits).div_ceil(8);
            ZeroPoints::Packed(constant_list(builder, &zeros, "zero points", blocks.rows * row)?)
        }
    };
    let weights = blocks.weights(&packed, &scales, &zeros).map_err(|e| builder.invalid(e))?;
    let mut result = builder.matmul(&a, &Value::constant(weights))?;
    if let Some(bias) = bias {
        result = builder.add_bias(&result, &bias)?;
    }
    Ok(tvec!(result))
}
