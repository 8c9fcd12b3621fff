//! Converts a stored matrix to what kernels pack: floats, int8 with one scale and zero point per
//! output, or 4-bit elements in blocks of 32.

mod blocks;

use self::blocks::Blocks;
pub(crate) use self::blocks::int4;
use super::op::ClipOp;
use super::store::{WeightStore, packing_failed};
use super::tensor::{TensorData, TensorRef};
use super::weight::{Matrix, Quantization, Rounding};
use crate::encoder::reserve::{try_filled, try_with_capacity};
use crate::encoder::spec::WeightOrder;
use crate::error::{Result, fail};

/// Returns the order in which the stored elements of a `Linear`'s weight lie.
pub(crate) fn order(matrix: &Matrix) -> WeightOrder {
    if matrix.transposed { WeightOrder::OutIn } else { WeightOrder::InOut }
}

/// Returns the part of the stored `[rows, columns]` that belongs to `matrix.columns`.
fn part<T: Copy>(values: Vec<T>, matrix: &Matrix) -> Result<Vec<T>> {
    let Some(range) = &matrix.columns else { return Ok(values) };
    let columns = matrix.shape[1];
    let mut taken = try_with_capacity(matrix.used().iter().product(), "a part of a weight")?;
    if matrix.output_axis() == 0 {
        taken.extend_from_slice(&values[range.start * columns..range.end * columns]);
    } else {
        values.chunks_exact(columns.max(1)).for_each(|row| taken.extend_from_slice(&row[range.clone()]));
    }
    Ok(taken)
}

/// Returns the shift of a `Clip`, one number per column. Empty: none.
///
/// # Errors
/// `INVALID_MODEL` for a number that is not finite, `OUT_OF_MEMORY`.
pub(crate) fn shift(store: &WeightStore, op: &ClipOp) -> Result<Vec<f32>> {
    let Some(shift) = &op.shift else { return Ok(Vec::new()) };
    let shift = store.vector(shift, op.width)?;
    if shift.iter().any(|x| !x.is_finite()) {
        fail!(InvalidModel, "a bias is not finite: the weight file is damaged");
    }
    Ok(shift)
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
    let out = matrix.output_axis();
    // 16-bit integers are held as floats.
    let is_integer = matrix.rounding.as_ref().map_or(!matrix.float, Rounding::fits_byte);
    if !is_integer || axis.is_some_and(|axis| axis != out) {
        return Ok(None);
    }
    let outputs = matrix.shape[out];
    let scale = store.product(scale, outputs, matrix.columns.as_ref())?;
    let zero = match zero {
        Some(zero) => store.product(std::slice::from_ref(zero), outputs, matrix.columns.as_ref())?,
        None => try_filled(scale.len(), 0.0, "zero points")?,
    };
    // uint8 becomes int8: elements and zero points move by 128.
    let is_unsigned = match &matrix.rounding {
        Some(rounding) => rounding.max > 127,
        None => match bytes_are_signed(store, &matrix.parts)? {
            Some(signed) => !signed,
            None => return Ok(None), // 16-bit integers, which are held as floats.
        },
    };
    let shift = if is_unsigned { 128.0 } else { 0.0 };
    let zero: Vec<f32> = zero.into_iter().map(|zero| zero - shift).collect();
    if zero.iter().any(|zero| zero.fract() != 0.0 || zero.abs() > 255.0) {
        return Ok(None); // The caller decodes the matrix as floats.
    }
    let mut zero: Vec<i32> = zero.into_iter().map(|zero| zero as i32).collect();
    if scale.iter().any(|s| !s.is_finite()) {
        fail!(InvalidModel, "a weight's scale is not finite: its file is damaged");
    }
    let q = match elements(store, matrix)? {
        TensorData::I8(q) => q,
        TensorData::U8(q) => q.into_iter().map(|q| (q ^ 0x80).cast_signed()).collect(),
        TensorData::F32(_) => return Err(packing_failed("int8 weights are stored as floats")),
    };
    if zero.iter().all(|z| *z == 0) {
        zero.clear();
    }
    Ok(Some(Int8Weights { q: part(q, matrix)?, scale, zero }))
}

/// Returns whether the bytes of all parts are signed, or `None` for floats and for parts that differ.
fn bytes_are_signed(store: &WeightStore, parts: &[TensorRef]) -> Result<Option<bool>> {
    let mut signed = None;
    for (i, part) in parts.iter().enumerate() {
        let of_part = store.with(part, TensorData::bytes_are_signed)?;
        if i > 0 && of_part != signed {
            return Ok(None);
        }
        signed = of_part;
    }
    Ok(signed)
}

/// Takes the parts of a stored matrix out of the store, stacked. A matrix of one part is not copied.
///
/// # Errors
/// `INTERNAL` for a matrix of another size and for parts of several types, `OUT_OF_MEMORY`.
fn stacked(store: &mut WeightStore, matrix: &Matrix) -> Result<TensorData> {
    let [rows, columns] = matrix.shape;
    let len = rows.saturating_mul(columns);
    let what = format_args!("a weight of {rows} × {columns}");
    let all = match &matrix.parts[..] {
        [] => return Err(packing_failed("a weight has no parts")),
        [one] => store.take(one)?,
        [first, ..] => {
            let signed = if matrix.float { None } else { store.with(first, TensorData::bytes_are_signed)? };
            let mut all = match signed {
                None => TensorData::F32(try_with_capacity(len, what)?),
                Some(true) => TensorData::I8(try_with_capacity(len, what)?),
                Some(false) => TensorData::U8(try_with_capacity(len, what)?),
            };
            for part in &matrix.parts {
                all.try_append(store.take(part)?, len, what)?;
            }
            all
        }
    };
    if all.len() != len {
        return Err(packing_failed("a weight has another size than its place"));
    }
    Ok(all)
}

/// Takes the elements of a stored matrix out of the store: rounded to integers if the graph does so.
///
/// # Errors
/// `INTERNAL` for a matrix of another size, `OUT_OF_MEMORY`.
fn elements(store: &mut WeightStore, matrix: &Matrix) -> Result<TensorData> {
    let data = stacked(store, matrix)?;
    let Some(rounding) = &matrix.rounding else { return Ok(data) };
    let Rounding { axis, scale, zero, min, max } = rounding;
    let floats = data.try_into_f32("a weight to round")?;
    let len = axis.map_or(1, |axis| matrix.shape[axis]);
    let (scale, zero) = (store.vector(scale, len)?, store.vector(zero, len)?);
    let (columns, bounds) = (matrix.shape[1].max(1), [*min as f32, *max as f32]);
    let round = |(i, x): (usize, f32)| {
        let at = match axis {
            None => 0,
            Some(0) => i / columns % len,
            Some(_) => i % columns,
        };
        ((x / scale[at]).round_ties_even() + zero[at]).clamp(bounds[0], bounds[1])
    };
    let steps = floats.into_iter().enumerate().map(round);
    Ok(if !rounding.fits_byte() {
        TensorData::F32(steps.collect())
    } else if *max > 127 {
        TensorData::U8(steps.map(|x| x as u8).collect())
    } else {
        TensorData::I8(steps.map(|x| x as i8).collect())
    })
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
            let blocks = Blocks::take(store, &matrix.parts[0], format, scale, zero.as_deref())?;
            let mut values = try_with_capacity(len, what)?;
            for row in 0..rows {
                values.extend((0..columns).map(|column| blocks.weight(row, column)));
            }
            values
        }
        Quantization::Affine { axis, scale, zero } => {
            let mut values = elements(store, matrix)?.try_into_f32(what)?;
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

#[cfg(test)]
mod blocked_tests;
#[cfg(test)]
mod tests;
