//! f32 → int8 and int4, and the transposition that ONNX wants.

use corom::encoder::quantize::int4::{BLOCK_I4, quantize_block_i4};
use corom::encoder::quantize::int8::quantize_rows_i8;
use corom::error::Result;

/// Quantizes each row of a row-major matrix to int8. Returns the integers and one scale per row. A row of zeros has the
/// scale 1, because runtimes divide by it.
pub(crate) fn per_row(matrix: &[f32], columns: usize) -> Result<(Vec<i8>, Vec<f32>)> {
    let (numbers, mut scales) = quantize_rows_i8(matrix, columns)?;
    scales.iter_mut().filter(|scale| **scale == 0.0).for_each(|scale| *scale = 1.0);
    Ok((numbers, scales))
}

/// A matrix of 4-bit numbers as MatMulNBits has it: each row is its blocks of 32, the last one filled up
/// with what means 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blocks {
    /// Two numbers a byte, the low half first.
    pub(crate) numbers: Vec<u8>,
    /// One a block.
    pub(crate) scales: Vec<f32>,
    /// What means 0, one a block, two a byte; each row is filled up to whole bytes.
    pub(crate) zeros: Vec<u8>,
}

/// Quantises each row of a row-major matrix block by block.
pub(crate) fn per_block(matrix: &[f32], columns: usize) -> Blocks {
    let mut out = Blocks { numbers: Vec::new(), scales: Vec::new(), zeros: Vec::new() };
    for row in matrix.chunks_exact(columns.max(1)) {
        for (i, block) in row.chunks(BLOCK_I4).map(quantize_block_i4).enumerate() {
            out.numbers.extend(block.q);
            out.scales.push(block.scale);
            match out.zeros.last_mut() {
                Some(byte) if i % 2 == 1 => *byte |= block.zero << 4,
                _ => out.zeros.push(block.zero),
            }
        }
    }
    out
}

/// A row-major `[rows, columns]` matrix as `[columns, rows]`.
pub(crate) fn transpose<T: Copy>(matrix: &[T], columns: usize) -> Vec<T> {
    // In blocks, so that what is read and what is written both stay in the cache.
    const BLOCK: usize = 32;
    let columns = columns.max(1);
    let rows = matrix.len() / columns;
    let Some(&any) = matrix.first() else { return Vec::new() };
    let mut out = vec![any; rows * columns];
    for top in (0..rows).step_by(BLOCK) {
        for left in (0..columns).step_by(BLOCK) {
            for row in top..rows.min(top + BLOCK) {
                for column in left..columns.min(left + BLOCK) {
                    out[column * rows + row] = matrix[row * columns + column];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use corom::encoder::quantize::int4::u4_at;
    use proptest::prelude::*;

    #[test]
    fn zeros_and_tiny_rows_have_a_usable_scale() {
        let (numbers, scales) = per_row(&[0.0, -0.0, 1e-44, -1e-44, 3.0, -1.5], 2).unwrap();
        assert_eq!(numbers, [0, 0, 0, 0, 127, -64]);
        assert_eq!(scales, [1.0, 1.0, 3.0 / 127.0]);
    }

    proptest! {
        #[test]
        fn every_number_is_within_half_a_step(matrix in prop::collection::vec(-1e3f32..1e3, 1..60), columns in 1usize..8) {
            let rows = matrix.len() / columns;
            let matrix = &matrix[..rows * columns];
            let (numbers, scales) = per_row(matrix, columns).unwrap();
            prop_assert_eq!(scales.len(), rows);
            for (i, (x, q)) in matrix.iter().zip(&numbers).enumerate() {
                let scale = scales[i / columns];
                prop_assert!((x - f32::from(*q) * scale).abs() <= scale * 0.5001);
            }
        }

        #[test]
        fn blocks_are_the_library_s(rows in 1usize..4, columns in 1usize..100) {
            let matrix: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 1.7).sin()).collect();
            let Blocks { numbers, scales, zeros } = per_block(&matrix, columns);
            let blocks = columns.div_ceil(BLOCK_I4);
            prop_assert_eq!(numbers.len(), rows * blocks * BLOCK_I4 / 2);
            prop_assert_eq!(scales.len(), rows * blocks);
            prop_assert_eq!(zeros.len(), rows * blocks.div_ceil(2));
            for (i, x) in matrix.iter().enumerate() {
                let (row, column) = (i / columns, i % columns);
                let (block, at) = (column / BLOCK_I4, column % BLOCK_I4);
                let q = u4_at(&numbers, (row * blocks + block) * BLOCK_I4 + at);
                let zero = u4_at(&zeros[row * blocks.div_ceil(2)..], block);
                let values = &matrix[row * columns..][..columns];
                let expected = quantize_block_i4(values.chunks(BLOCK_I4).nth(block).unwrap());
                let got = (f32::from(q) - f32::from(zero)) * scales[row * blocks + block];
                prop_assert_eq!(got, expected.values()[at], "{}", x);
            }
        }

        #[test]
        fn transposing_twice_changes_nothing(rows in 1usize..70, columns in 1usize..70) {
            let matrix: Vec<usize> = (0..rows * columns).collect();
            let once = transpose(&matrix, columns);
            prop_assert_eq!(once[rows.min(2) - 1], (rows.min(2) - 1) * columns);
            prop_assert_eq!(transpose(&once, rows), matrix);
        }
    }
}
