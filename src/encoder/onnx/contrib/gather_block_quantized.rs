//! `com.microsoft.GatherBlockQuantized`: rows of a table of 4 or 8 bits in blocks.
//!
//! The plain encoder unpacks the table to f32 when it loads.

use tract_core::prelude::*;

use super::blockwise::BlockwiseMatrix;
use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::ops::arithmetic::Arithmetic;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Value, fixed};
use crate::encoder::plan::BlockFormat;
use crate::encoder::quantize::int4::unpack_u4;
use crate::error::Result;

/// Inputs: table, indices, scales, zero points?. A table of uint4 or int4 was
/// unpacked when it was read; one of uint8 that is half as wide as a row holds two a byte.
pub(crate) fn gather_block_quantized(site: &mut Site) -> Outputs {
    let (mut table, indices, scales) = (site.input(0)?, site.input(1)?, site.input(2)?);
    let mut zeros = site.optional(3);
    let size = site.node.int_or("block_size", 128)?;
    let axes = (site.node.int_or("gather_axis", 0)?, site.node.int_or("quantize_axis", 1)?);
    if !matches!(axes, (0, 1 | -1)) || table.rank() != 2 {
        return Err(site.build.unsupported("it is not on rows of a table"));
    }
    if !(16..=1 << 16).contains(&size) {
        return Err(site.build.invalid(format_args!("block_size = {size}")));
    }
    let build = &mut *site.build;
    let hidden = build.expected.hidden_size;
    if let (Value::Wire(..), [rows, columns]) = (&table, &*table.dims())
        && let (Some(rows), Some(columns)) = (fixed(rows), fixed(columns))
        && table.datum_type() == DatumType::U8
    {
        let packed = 2 * columns == hidden;
        let columns = if packed { hidden } else { columns };
        let block_size = size as usize;
        let format = BlockFormat { rows, columns, bits: 4, block_size, packed, float_zeros: false };
        let blocks = rows * columns.div_ceil(block_size);
        let per_row = columns.div_ceil(block_size);
        let due = rows * if packed { per_row.div_ceil(2) } else { per_row };
        let zeros_fit = zeros.as_ref().is_none_or(|zeros| {
            zeros.datum_type() == DatumType::U8 && fixed(&zeros.dims().iter().product()) == Some(due)
        });
        if !block_size.is_power_of_two() || !zeros_fit {
            return Err(build.unsupported("its blocks or zero points are laid out in another way"));
        }
        if fixed(&scales.dims().iter().product()) != Some(blocks) || scales.datum_type() != DatumType::F32 {
            return Err(build.invalid(format_args!("scales {:?} for {rows} rows", scales.dims())));
        }
        let table = match &zeros {
            Some(zeros) => build.wire(BlockwiseMatrix(format), &[&table, &scales, zeros])?,
            None if packed => build.wire(BlockwiseMatrix(format), &[&table, &scales])?,
            None => return Err(build.unsupported("its table of uint4 has no zero points")),
        };
        return Ok(tvec!(build.rows(&table, &indices)?));
    }
    if table.datum_type() == DatumType::U8
        && lengths(&table).is_some_and(|[_, columns]| 2 * columns == hidden)
    {
        table = halves(build, &table)?;
        zeros = Some(match zeros {
            Some(zeros) => halves(build, &zeros)?,
            None => Value::konst(tensor0(8u8)),
        });
    }
    let Some([rows, columns]) = lengths(&table) else {
        return Err(build.invalid("its table is not constant"));
    };
    let blocks = Blocks { rows, columns, size: size as usize };
    let mut floats = build.centre(&table, None, 0)?;
    if let Some(zeros) = zeros {
        let mut zeros = build.centre(&zeros, None, 0)?;
        if zeros.rank() > 0 {
            zeros = blocks.spread(build, &zeros)?;
        }
        floats = build.arithmetic(Arithmetic::Sub, &floats, &zeros)?;
    }
    let scales = blocks.spread(build, &scales)?;
    floats = build.mul(&floats, &scales)?;
    Ok(tvec!(build.rows(&floats, &indices)?))
}

fn lengths(table: &Value) -> Option<[usize; 2]> {
    let dims: Vec<usize> = table.tensor()?.shape().to_vec();
    dims.try_into().ok()
}

/// A table whose rows are cut into blocks of `size` columns.
struct Blocks {
    rows: usize,
    columns: usize,
    size: usize,
}

impl Blocks {
    /// One number for each block → one for each column.
    fn spread(&self, build: &Builder, value: &Value) -> Result<Value> {
        let blocks = self.columns.div_ceil(self.size);
        // Packed zero points of an odd number of blocks have one more that means nothing.
        let fits =
            lengths(value).filter(|[rows, width]| *rows == self.rows && (blocks..blocks + 2).contains(width));
        let (Some([_, width]), Some(tensor)) = (fits, value.tensor()) else {
            return Err(build.invalid(format_args!("scales or zero points of shape {:?}", value.dims())));
        };
        let plain = tensor.try_as_plain_ram().map_err(|e| build.invalid(e))?;
        let floats = plain.as_slice::<f32>().map_err(|e| build.invalid(e))?;
        let mut each = Vec::with_capacity(self.rows * self.columns);
        for row in floats.chunks(width.max(1)) {
            each.extend((0..self.columns).map(|column| row[column / self.size]));
        }
        let tensor = Tensor::from_shape(&[self.rows, self.columns], &each).map_err(|e| build.invalid(e))?;
        Ok(Value::konst(tensor))
    }
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
    let numbers: Vec<u8> = unpack_u4(bytes).collect();
    Ok(Value::konst(Tensor::from_shape(&shape, &numbers).map_err(|e| build.invalid(e))?))
}
