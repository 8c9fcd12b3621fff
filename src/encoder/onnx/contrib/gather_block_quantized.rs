//! `com.microsoft.GatherBlockQuantized`: rows of a table of 4 or 8 bits in blocks.
//!
//! The plain encoder unpacks the table to f32 when it loads.

use tract_onnx::prelude::*;

use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Value, fixed};
use crate::error::Result;

/// Inputs: table, indices, scales, zero points?. A table of uint4 or int4 was
/// unpacked when it was read; one of uint8 with `bits` = 4 holds two a byte.
pub(crate) fn gather_block_quantized(site: &mut Site) -> Outputs {
    let (table, indices, scales) = (site.input(0)?, site.input(1)?, site.input(2)?);
    let zeros = site.optional(3);
    let size = site.node.int_or("block_size", 128)?;
    let axes = (site.node.int_or("gather_axis", 0)?, site.node.int_or("quantize_axis", 1)?);
    if axes != (0, 1) && axes != (0, -1) || table.rank() != 2 {
        return Err(site.build.unsupported("it is not on rows of a table"));
    }
    if !(16..=1 << 16).contains(&size) {
        return Err(site.build.invalid(format_args!("block_size = {size}")));
    }
    let packed = site.node.has("bits") && site.node.int_or("bits", 4)? == 4;
    let build = &mut *site.build;
    let (table, zeros) = if packed {
        let zeros = zeros.map(|z| halves(build, &z)).transpose()?;
        (halves(build, &table)?, zeros.or(Some(Value::konst(tensor0(8u8)))))
    } else {
        (table, zeros)
    };
    let dims: Vec<usize> = table.dims().iter().filter_map(fixed).collect();
    let [rows, columns] = dims[..] else {
        return Err(build.invalid("its table is not constant"));
    };
    let blocks = columns.div_ceil(size as usize);
    let scales = spread(build, &scales, rows, blocks, columns, size as usize)?;
    let floats = build.centre(&table, None, 0)?;
    let mut floats = floats;
    if let Some(zeros) = zeros {
        let zeros = build.centre(&zeros, None, 0)?;
        let zeros = if zeros.rank() == 0 {
            zeros
        } else {
            spread(build, &zeros, rows, blocks, columns, size as usize)?
        };
        floats = build.arithmetic(crate::encoder::onnx::ops::arithmetic::Arithmetic::Sub, &floats, &zeros)?;
    }
    let floats = build.mul(&floats, &scales)?;
    Ok(tvec!(build.rows(&floats, &indices)?))
}

/// One number for each block → one for each column.
fn spread(
    build: &Builder,
    value: &Value,
    rows: usize,
    blocks: usize,
    columns: usize,
    size: usize,
) -> Result<Value> {
    let floats: Option<Vec<f32>> = value
        .tensor()
        .filter(|t| t.datum_type() == DatumType::F32 && t.len() >= rows * blocks)
        .and_then(|t| Some(t.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.to_vec()));
    let width = if rows == 0 { 0 } else { floats.as_ref().map_or(0, |f| f.len() / rows) };
    let Some(floats) = floats.filter(|f| f.len() == rows * width && width >= blocks && width - blocks < 2)
    else {
        return Err(build.invalid(format_args!("scales or zero points of shape {:?}", value.dims())));
    };
    let each: Vec<f32> =
        (0..rows * columns).map(|i| floats[i / columns * width + i % columns / size]).collect();
    let tensor = Tensor::from_shape(&[rows, columns], &each).map_err(|e| build.invalid(e))?;
    Ok(Value::konst(tensor))
}

/// Two numbers of 4 bits from each byte, along the last axis.
fn halves(build: &Builder, value: &Value) -> Result<Value> {
    let Some(tensor) = value.tensor().filter(|t| t.datum_type() == DatumType::U8 && t.rank() > 0) else {
        return Err(build.invalid("what it unpacks is no constant of bytes"));
    };
    let mut shape = tensor.shape().to_vec();
    if let Some(last) = shape.last_mut() {
        *last *= 2;
    }
    let plain = tensor.try_as_plain_ram().map_err(|e| build.invalid(e))?;
    let bytes = plain.as_slice::<u8>().map_err(|e| build.invalid(e))?;
    let numbers: Vec<u8> = bytes.iter().flat_map(|b| [b & 15, b >> 4]).collect();
    Ok(Value::konst(Tensor::from_shape(&shape, &numbers).map_err(|e| build.invalid(e))?))
}
