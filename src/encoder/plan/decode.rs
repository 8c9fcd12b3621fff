//! Converts a stored matrix to what kernels pack: floats, int8 with one scale and zero point per
//! output, or 4-bit elements in blocks of 32.

use super::store::{WeightStore, packing_failed};
use super::tensor::TensorData;
use super::weight::{BlockFormat, Matrix, Quantization, Vector};
use crate::encoder::quantize::int4::u4_at;
use crate::encoder::reserve::{try_filled, try_with_capacity};
use crate::encoder::spec::WeightOrder;
use crate::error::{Result, fail};

/// Returns the order in which the stored elements of a `Linear`'s weight lie.
pub(crate) fn order(matrix: &Matrix) -> WeightOrder {
    if matrix.transposed { WeightOrder::OutIn } else { WeightOrder::InOut }
}

/// Returns the axis of the stored matrix that holds a `Linear`'s outputs.
fn output_axis(matrix: &Matrix) -> usize {
    usize::from(!matrix.transposed)
}

/// Returns the part of the stored `[rows, columns]` that belongs to `matrix.columns`.
fn part<T: Copy>(values: Vec<T>, matrix: &Matrix) -> Result<Vec<T>> {
    let Some(range) = &matrix.columns else { return Ok(values) };
    let columns = matrix.shape[1];
    let mut taken = try_with_capacity(matrix.used().iter().product(), "a part of a weight")?;
    if output_axis(matrix) == 0 {
        taken.extend_from_slice(&values[range.start * columns..range.end * columns]);
    } else {
        values.chunks_exact(columns.max(1)).for_each(|row| taken.extend_from_slice(&row[range.clone()]));
    }
    Ok(taken)
}

/// int8 weights `scale[n] · (q − zero[n])`, with one scale and zero point per output `n`.
pub(crate) struct Int8Weights {
    /// In the stored order.
    pub(crate) q: Vec<i8>,
    /// `[outputs]`.
    pub(crate) scale: Vec<f32>,
    /// `[outputs]`. Empty if all zero points are 0.
    pub(crate) zero: Vec<i32>,
}

/// Returns the matrix as int8 weights, or `None` if it is stored in another way.
///
/// # Errors
/// `INVALID_MODEL` for a scale that is not finite, `OUT_OF_MEMORY`.
pub(crate) fn int8(store: &mut WeightStore, matrix: &Matrix) -> Result<Option<Int8Weights>> {
    let Quantization::Affine { axis, scale, zero } = &matrix.quantization else { return Ok(None) };
    let out = output_axis(matrix);
    let [tensor] = &matrix.parts[..] else { return Ok(None) };
    if matrix.float || axis.is_some_and(|axis| axis != out) {
        return Ok(None);
    }
    let outputs = matrix.shape[out];
    let scale = store.product(scale, outputs, matrix.columns.as_ref())?;
    let zero = match zero {
        Some(zero) => store.product(std::slice::from_ref(zero), outputs, matrix.columns.as_ref())?,
        None => try_filled(scale.len(), 0.0, "zero points")?,
    };
    // uint8 becomes int8: elements and zero points move by 128.
    let shift =
        store.with(tensor, |numbers| if matches!(numbers, TensorData::U8(_)) { 128.0 } else { 0.0 })?;
    let zero: Vec<f32> = zero.into_iter().map(|zero| zero - shift).collect();
    if zero.iter().any(|zero| zero.fract() != 0.0 || zero.abs() > 255.0) {
        return Ok(None); // The caller decodes the matrix as floats.
    }
    let mut zero: Vec<i32> = zero.into_iter().map(|zero| zero as i32).collect();
    if scale.iter().any(|s| !s.is_finite()) {
        fail!(InvalidModel, "a weight's scale is not finite: its file is damaged");
    }
    let q = match store.take(tensor)? {
        TensorData::I8(q) => q,
        TensorData::U8(q) => q.into_iter().map(|q| (q ^ 0x80).cast_signed()).collect(),
        TensorData::F32(_) => return Err(packing_failed("int8 weights are stored as floats")),
    };
    if zero.iter().all(|z| *z == 0) {
        zero.clear();
    }
    Ok(Some(Int8Weights { q: part(q, matrix)?, scale, zero }))
}

/// Returns all weights as floats, in the stored order.
///
/// # Errors
/// `INVALID_MODEL` for a weight that is not finite, `OUT_OF_MEMORY`.
pub(crate) fn floats(store: &mut WeightStore, matrix: &Matrix) -> Result<Vec<f32>> {
    let [rows, columns] = matrix.shape;
    let len = rows.saturating_mul(columns);
    let what = format_args!("a weight of {rows} × {columns} as floats");
    let values = match &matrix.quantization {
        Quantization::Blockwise { format, scale, zero } => {
            let packed = store.take(&matrix.parts[0])?.into_bytes();
            let blocks = columns.div_ceil(format.block_size);
            let scale = store.vector(scale, rows * blocks)?;
            let zero = zero_points(store, zero.as_deref(), format, blocks)?;
            let width = if format.packed { format.block_size / 2 } else { format.block_size };
            let row_bytes = packed.len() / rows.max(1);
            let mut values = try_with_capacity(len, what)?;
            for row in 0..rows {
                let bytes = &packed[row * row_bytes..][..row_bytes];
                for column in 0..columns {
                    let (block, at) = (column / format.block_size, column % format.block_size);
                    // The last block of a row may be stored in full or cut at the last column.
                    let q = if format.packed {
                        u4_at(&bytes[(block * width + at / 2).min(row_bytes - 1)..], at % 2)
                    } else {
                        bytes[block * width + at]
                    };
                    let of = row * blocks + block;
                    values.push((f32::from(q) - zero[of]) * scale[of]);
                }
            }
            values
        }
        Quantization::Affine { axis, scale, zero } => {
            let mut values = match &matrix.parts[..] {
                [one] => store.take(one)?.try_into_f32(what)?,
                parts => {
                    let mut all = try_with_capacity(len, what)?;
                    for part in parts {
                        all.extend_from_slice(&store.take(part)?.try_into_f32(what)?);
                    }
                    all
                }
            };
            if values.len() != len {
                return Err(packing_failed("a weight has another size than its place"));
            }
            if !scale.is_empty() || zero.is_some() {
                let len = axis.map_or(1, |axis| matrix.shape[axis]);
                let scale = store.product(scale, len, None)?;
                let zero = match zero {
                    Some(zero) => store.product(std::slice::from_ref(zero), len, None)?,
                    None => try_filled(len, 0.0, "zero points")?,
                };
                for (i, value) in values.iter_mut().enumerate() {
                    let at = match axis {
                        None => 0,
                        Some(0) => i / columns,
                        Some(_) => i % columns,
                    };
                    *value = (*value - zero[at]) * scale[at];
                }
            }
            values
        }
    };
    if values.iter().any(|x| !x.is_finite()) {
        fail!(InvalidModel, "a weight is not finite: its file is damaged");
    }
    part(values, matrix)
}

/// 4-bit weights in blocks of 32 inputs, with 4-bit zero points.
pub(crate) struct Int4Weights {
    /// `[outputs, blocks, 16]` bytes, two elements per byte, the first one in the low half.
    pub(crate) q: Vec<u8>,
    /// `[outputs, blocks]`.
    pub(crate) scale: Vec<f32>,
    /// `[outputs, blocks]`, 0..=15.
    pub(crate) zero: Vec<u8>,
}

/// Returns the matrix as 4-bit weights, or `None` if it is stored in another way.
///
/// # Errors
/// `INVALID_MODEL` for a matrix of another size or a scale that is not finite, `OUT_OF_MEMORY`.
pub(crate) fn int4(store: &mut WeightStore, matrix: &Matrix) -> Result<Option<Int4Weights>> {
    const BLOCK: usize = 32;
    let Quantization::Blockwise { format, scale, zero } = &matrix.quantization else { return Ok(None) };
    let fits = format.bits == 4
        && format.packed
        && !format.float_zeros
        && format.block_size.is_multiple_of(BLOCK)
        && matrix.transposed;
    if !fits || matrix.columns.is_some() {
        return Ok(None);
    }
    let [rows, columns] = matrix.shape;
    let (theirs, ours) = (columns.div_ceil(format.block_size), columns.div_ceil(BLOCK));
    let scale = store.vector(scale, rows * theirs)?;
    let zero = zero_points(store, zero.as_deref(), format, theirs)?;
    let packed = store.take(&matrix.parts[0])?.into_bytes();
    let row = theirs * format.block_size / 2;
    if packed.len() != rows * row || scale.iter().any(|s| !s.is_finite()) {
        fail!(InvalidModel, "a 4-bit weight has another size than its place, or a scale that is no number");
    }
    let kept = ours * BLOCK / 2;
    let q = if kept == row {
        packed
    } else {
        let mut q = try_with_capacity(rows * kept, "4-bit weights in blocks of 32")?;
        packed.chunks_exact(row).for_each(|row| q.extend_from_slice(&row[..kept]));
        q
    };
    let of = |i: usize| i / ours * theirs + i % ours * BLOCK / format.block_size;
    let mut scales = try_with_capacity(rows * ours, "scales in blocks of 32")?;
    scales.extend((0..rows * ours).map(|i| scale[of(i)]));
    let mut zeros = try_with_capacity(rows * ours, "zero points in blocks of 32")?;
    zeros.extend((0..rows * ours).map(|i| zero[of(i)] as u8));
    Ok(Some(Int4Weights { q, scale: scales, zero: zeros }))
}

/// Returns one zero point per block, `[rows, blocks]`.
fn zero_points(
    store: &WeightStore,
    zero: Option<&Vector>,
    format: &BlockFormat,
    blocks: usize,
) -> Result<Vec<f32>> {
    let rows = format.rows;
    let Some(zero) = zero else {
        return try_filled(rows * blocks, (1 << (format.bits - 1)) as f32, "zero points");
    };
    if format.float_zeros || !format.packed {
        return store.vector(zero, rows * blocks);
    }
    let row = blocks.div_ceil(2);
    let numbers = store.vector(zero, rows * row)?;
    let at = |i: usize| {
        let (row_at, block) = (i / blocks, i % blocks);
        let byte = numbers[row_at * row + block / 2] as u8;
        f32::from(u4_at(&[byte], block % 2))
    };
    let mut zeros = try_with_capacity(rows * blocks, "zero points")?;
    zeros.extend((0..rows * blocks).map(at));
    Ok(zeros)
}

#[cfg(test)]
mod tests;
