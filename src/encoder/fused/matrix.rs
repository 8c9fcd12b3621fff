//! A stored matrix, transposed into what a kernel packs: numbers in one of two orders, with the scale
//! and the zero point of each output.

use super::room;
use super::store::{Store, internal};
use crate::encoder::matcher::{Matrix, Quantization, Vector};
use crate::encoder::onnx::{Blocked, TensorData};
use crate::encoder::ops::linear::Order;
use crate::error::{Result, fail};

/// The order in which a matrix that `x` is multiplied by lies in the file.
pub(super) fn order(matrix: &Matrix) -> Order {
    if matrix.transposed { Order::OutIn } else { Order::InOut }
}

/// The axis of the stored matrix that a `Linear`'s outputs go along.
fn output_axis(matrix: &Matrix) -> usize {
    usize::from(!matrix.transposed)
}

/// Of `[rows, columns]` the part that belongs to some of the outputs.
fn part<T: Copy>(values: Vec<T>, matrix: &Matrix) -> Result<Vec<T>> {
    let Some(range) = &matrix.columns else { return Ok(values) };
    let columns = matrix.shape[1];
    let mut taken = room::list(matrix.used().iter().product(), "a part of a weight")?;
    if output_axis(matrix) == 0 {
        taken.extend_from_slice(&values[range.start * columns..range.end * columns]);
    } else {
        values.chunks_exact(columns.max(1)).for_each(|row| taken.extend_from_slice(&row[range.clone()]));
    }
    Ok(taken)
}

/// int8 weights and what they mean, if the file has a scale (and a zero point) an output, or one
/// for all.
pub(super) struct Bytes {
    pub(super) q: Vec<i8>,
    pub(super) scale: Vec<f32>,
    /// Empty where all are 0.
    pub(super) zero: Vec<i32>,
}

/// See [`Bytes`]; `None` for weights that are stored in another way.
pub(super) fn bytes(store: &mut Store, matrix: &Matrix) -> Result<Option<Bytes>> {
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
        None => vec![0.0; scale.len()],
    };
    // uint8 is int8 less 128, numbers and zero points.
    let shift =
        store.with(tensor, |numbers| if matches!(numbers, TensorData::U8(_)) { 128.0 } else { 0.0 })?;
    let zero: Vec<f32> = zero.into_iter().map(|zero| zero - shift).collect();
    if zero.iter().any(|zero| zero.fract() != 0.0 || zero.abs() > 255.0) {
        return Ok(None); // as floats, then
    }
    let mut zero: Vec<i32> = zero.into_iter().map(|zero| zero as i32).collect();
    if scale.iter().any(|s| !s.is_finite()) {
        fail!(InvalidModel, "a weight's scale is not finite: its file is damaged");
    }
    let q = match store.take(tensor)? {
        TensorData::I8(q) => q,
        TensorData::U8(q) => q.into_iter().map(|q| (q ^ 0x80).cast_signed()).collect(),
        TensorData::F32(_) => return Err(internal("bytes are stored as floats")),
    };
    if zero.iter().all(|z| *z == 0) {
        zero.clear();
    }
    Ok(Some(Bytes { q: part(q, matrix)?, scale, zero }))
}

/// All weights as floats, in the file's order.
pub(super) fn floats(store: &mut Store, matrix: &Matrix) -> Result<Vec<f32>> {
    let [rows, columns] = matrix.shape;
    let len = rows.saturating_mul(columns);
    let what = format_args!("a weight of {rows} × {columns} as floats");
    let values = match &matrix.quantization {
        Quantization::Blockwise { op, scale, zero } => {
            let packed = store.take(&matrix.parts[0])?.into_bytes();
            let blocks = columns.div_ceil(op.size);
            let scale = store.vector(scale, rows * blocks)?;
            let zero = zero_points(store, zero.as_deref(), op, blocks)?;
            let width = if op.packed { op.size / 2 } else { op.size };
            let row_bytes = packed.len() / rows.max(1);
            let mut values = room::list(len, what)?;
            for row in 0..rows {
                let bytes = &packed[row * row_bytes..][..row_bytes];
                for column in 0..columns {
                    let (block, at) = (column / op.size, column % op.size);
                    // A row of whole blocks, or one that ends with its last column.
                    let q = if op.packed {
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
                [one] => {
                    if !matrix.float {
                        drop(room::list::<f32>(len, what)?);
                    }
                    store.take(one)?.into_f32()
                }
                parts => {
                    let mut all = room::list(len, what)?;
                    for part in parts {
                        all.extend_from_slice(&store.take(part)?.into_f32());
                    }
                    all
                }
            };
            if values.len() != len {
                return Err(internal("a weight has another size than its place"));
            }
            if !scale.is_empty() || zero.is_some() {
                let len = axis.map_or(1, |axis| matrix.shape[axis]);
                let scale = store.product(scale, len, None)?;
                let zero = match zero {
                    Some(zero) => store.product(std::slice::from_ref(zero), len, None)?,
                    None => vec![0.0; len],
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

/// 4-bit weights in whole blocks of 32 with zero points of 4 bits, as
/// [`PackI4`](crate::encoder::cpu::kernels::linear::PackI4) takes them.
pub(super) struct Nibbles {
    /// For each output, its blocks.
    pub(super) q: Vec<u8>,
    pub(super) scale: Vec<f32>,
    pub(super) zero: Vec<u8>,
}

/// See [`Nibbles`]; `None` for weights that are stored in another way.
pub(super) fn nibbles(store: &mut Store, matrix: &Matrix) -> Result<Option<Nibbles>> {
    const BLOCK: usize = 32;
    let Quantization::Blockwise { op, scale, zero } = &matrix.quantization else { return Ok(None) };
    let fits =
        op.bits == 4 && op.packed && !op.float_zeros && op.size.is_multiple_of(BLOCK) && matrix.transposed;
    if !fits || matrix.columns.is_some() {
        return Ok(None);
    }
    let [rows, columns] = matrix.shape;
    let (theirs, ours) = (columns.div_ceil(op.size), columns.div_ceil(BLOCK));
    let scale = store.vector(scale, rows * theirs)?;
    let zero = zero_points(store, zero.as_deref(), op, theirs)?;
    let packed = store.take(&matrix.parts[0])?.into_bytes();
    let row = theirs * op.size / 2;
    if packed.len() != rows * row || scale.iter().any(|s| !s.is_finite()) {
        fail!(InvalidModel, "a 4-bit weight has another size than its place, or a scale that is no number");
    }
    let kept = ours * BLOCK / 2;
    let q = if kept == row {
        packed
    } else {
        let mut q = room::list(rows * kept, "4-bit weights in blocks of 32")?;
        packed.chunks_exact(row).for_each(|row| q.extend_from_slice(&row[..kept]));
        q
    };
    let of = |i: usize| i / ours * theirs + i % ours * BLOCK / op.size;
    let scale: Vec<f32> = (0..rows * ours).map(|i| scale[of(i)]).collect();
    let zero = (0..rows * ours).map(|i| zero[of(i)] as u8).collect();
    Ok(Some(Nibbles { q, scale, zero }))
}

/// A zero point for each block, `blocks` a row.
fn zero_points(store: &Store, zero: Option<&Vector>, op: &Blocked, blocks: usize) -> Result<Vec<f32>> {
    let rows = op.rows;
    let Some(zero) = zero else { return Ok(vec![(1 << (op.bits - 1)) as f32; rows * blocks]) };
    if op.float_zeros || !op.packed {
        return store.vector(zero, rows * blocks);
    }
    let row = blocks.div_ceil(2);
    let numbers = store.vector(zero, rows * row)?;
    let at = |i: usize| {
        let (row_at, block) = (i / blocks, i % blocks);
        let byte = numbers[row_at * row + block / 2] as u8;
        f32::from(u4_at(&[byte], block % 2))
    };
    Ok((0..rows * blocks).map(at).collect())
}

#[cfg(test)]
mod tests;
