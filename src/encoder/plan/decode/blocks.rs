//! Reads a matrix that is quantized in blocks (see [`BlockFormat`]): as floats, or as 4-bit elements in blocks of
//! 32 inputs, which a kernel packs.

use crate::encoder::plan::store::WeightStore;
use crate::encoder::plan::tensor::{TensorData, TensorRef};
use crate::encoder::plan::weight::{BlockFormat, Matrix, Quantization, Vector};
use crate::encoder::quantize::int4::BLOCK_I4;
use crate::encoder::reserve::{try_filled, try_with_capacity};
use crate::error::{Result, fail};

/// A blockwise matrix whose elements have arrived.
pub(super) struct Blocks<'a> {
    format: &'a BlockFormat,
    elements: TensorData,
    /// Bytes from one stored row to the next. The last block of a row may be stored in full or cut at the last
    /// column.
    row_bytes: usize,
    /// One per block, [`BlockFormat::blocks`].
    scale: Vec<f32>,
    zero: Vec<f32>,
}

impl<'a> Blocks<'a> {
    /// Takes the elements of a matrix out of the store.
    ///
    /// # Errors
    /// `INVALID_MODEL` for too few elements, `OUT_OF_MEMORY`.
    pub(super) fn take(
        store: &mut WeightStore,
        tensor: &TensorRef,
        format: &'a BlockFormat,
        scale: &Vector,
        zero: Option<&Vector>,
    ) -> Result<Self> {
        let scale = store.vector(scale, format.blocks().iter().product())?;
        let zero = zero_points(store, zero, format)?;
        let elements = store.take(tensor)?;
        let row_bytes = elements.bytes() / format.rows.max(1);
        if row_bytes < format.columns.div_ceil(format.elements_per_byte())
            || matches!(elements, TensorData::F32(_))
        {
            fail!(
                InvalidModel,
                "a weight of {} × {} in {} bits has only {} bytes",
                format.rows,
                format.columns,
                format.bits,
                elements.bytes()
            );
        }
        Ok(Self { format, elements, row_bytes, scale, zero })
    }

    /// Returns the integer of an element.
    fn q(&self, row: usize, column: usize) -> i16 {
        let per_byte = self.format.elements_per_byte();
        let at = row * self.row_bytes + column / per_byte;
        match &self.elements {
            TensorData::U8(bytes) if per_byte > 1 => {
                let bits = self.format.bits;
                i16::from(bytes[at] >> (column % per_byte * bits)) & ((1 << bits) - 1)
            }
            TensorData::U8(bytes) => i16::from(bytes[at]),
            TensorData::I8(bytes) => i16::from(bytes[at]),
            TensorData::F32(_) => 0, // `take` rejects floats.
        }
    }

    /// Returns the index of the scale and the zero point of an element.
    fn block(&self, row: usize, column: usize) -> usize {
        let (size, [_, columns]) = (self.format.block_size, self.format.blocks());
        if self.format.axis == 0 { row / size * columns + column } else { row * columns + column / size }
    }

    /// Returns an element as a float.
    pub(super) fn weight(&self, row: usize, column: usize) -> f32 {
        let block = self.block(row, column);
        (f32::from(self.q(row, column)) - self.zero[block]) * self.scale[block]
    }
}

impl BlockFormat {
    fn elements_per_byte(&self) -> usize {
        if self.packed { 8 / self.bits } else { 1 }
    }
}

/// 4-bit weights in blocks of 32 inputs, with 4-bit zero points.
pub(crate) struct Int4Weights {
    /// `[outputs, blocks, 16]` bytes, two elements per byte, the first one in the low half.
    pub(crate) q: Vec<u8>,
    /// `[outputs, blocks]`.
    pub(crate) scale: Vec<f32>,
    /// `[outputs, blocks]`.
    pub(crate) zero: Vec<u8>,
}

/// Returns the matrix as 4-bit weights, or `None` if it is stored in another way.
///
/// # Errors
/// `INVALID_MODEL` for a matrix of another size or a scale that is not finite, `OUT_OF_MEMORY`.
pub(crate) fn int4(store: &mut WeightStore, matrix: &Matrix) -> Result<Option<Int4Weights>> {
    let Quantization::Blockwise { format, scale, zero } = &matrix.quantization else { return Ok(None) };
    let outputs_axis = matrix.output_axis();
    let lies_along_inputs = format.axis != outputs_axis;
    if format.bits > 4
        || format.float_zeros
        || !format.block_size.is_multiple_of(BLOCK_I4)
        || !lies_along_inputs
    {
        return Ok(None);
    }
    // Signed elements and zero points move by 8.
    let shift = store.with(&matrix.parts[0], |data| i16::from(matches!(data, TensorData::I8(_))) * 8)?;
    let zeros = zero_points(store, zero.as_deref(), format)?;
    if zeros.iter().any(|zero| zero.fract() != 0.0 || !(0.0..=15.0).contains(&(zero + f32::from(shift)))) {
        return Ok(None); // The caller decodes the matrix as floats.
    }
    let blocks = Blocks::take(store, &matrix.parts[0], format, scale, zero.as_deref())?;
    if blocks.scale.iter().any(|s| !s.is_finite()) {
        fail!(InvalidModel, "a 4-bit weight has a scale that is no number: its file is damaged");
    }
    let inputs = matrix.shape[1 - outputs_axis];
    let outputs = matrix.columns.clone().unwrap_or(0..matrix.shape[outputs_axis]);
    let place = |output: usize, input: usize| {
        if outputs_axis == 0 { [output, input] } else { [input, output] }
    };
    let (count, per_output) = (outputs.len(), inputs.div_ceil(BLOCK_I4));
    let mut q = try_with_capacity(count * per_output * BLOCK_I4 / 2, "4-bit weights in blocks of 32")?;
    let mut scale = try_with_capacity(count * per_output, "scales in blocks of 32")?;
    let mut zero = try_with_capacity(count * per_output, "zero points in blocks of 32")?;
    // MatMulNBits has the layout of the kernel, perhaps with longer rows.
    let kept = per_output * BLOCK_I4 / 2;
    let copies = outputs_axis == 0 && format.packed && format.bits == 4 && blocks.row_bytes >= kept;
    for output in outputs {
        if let (true, TensorData::U8(bytes)) = (copies, &blocks.elements) {
            q.extend_from_slice(&bytes[output * blocks.row_bytes..][..kept]);
        }
        for first in (0..inputs).step_by(BLOCK_I4) {
            let [row, column] = place(output, first);
            let block = blocks.block(row, column);
            scale.push(blocks.scale[block]);
            zero.push((blocks.zero[block] + f32::from(shift)) as u8);
            if copies {
                continue;
            }
            // Inputs after the last one are 0 in every row.
            let nibble = |input: usize| {
                let [row, column] = place(output, input);
                if input < inputs { (blocks.q(row, column) + shift) as u8 & 15 } else { 0 }
            };
            q.extend(
                (first..first + BLOCK_I4).step_by(2).map(|input| nibble(input) | nibble(input + 1) << 4),
            );
        }
    }
    Ok(Some(Int4Weights { q, scale, zero }))
}

/// Returns one zero point per block.
fn zero_points(store: &WeightStore, zero: Option<&Vector>, format: &BlockFormat) -> Result<Vec<f32>> {
    let [rows, columns] = format.blocks();
    let Some(zero) = zero else {
        return try_filled(rows * columns, (1 << (format.bits - 1)) as f32, "zero points");
    };
    if format.float_zeros || !format.packed {
        return store.vector(zero, rows * columns);
    }
    let per_byte = format.elements_per_byte();
    let row_bytes = columns.div_ceil(per_byte);
    let bytes = store.vector(zero, rows * row_bytes)?;
    let at = |i: usize| {
        let (row, column) = (i / columns, i % columns);
        let byte = bytes[row * row_bytes + column / per_byte] as u8;
        f32::from(byte >> (column % per_byte * format.bits) & ((1 << format.bits) - 1) as u8)
    };
    let mut zeros = try_with_capacity(rows * columns, "zero points")?;
    zeros.extend((0..rows * columns).map(at));
    Ok(zeros)
}
