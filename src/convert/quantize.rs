//! Quantizes weights to int8 and int4.

use crate::encoder::quantize::int4::{BLOCK_I4, quantize_block_i4};
use crate::encoder::quantize::int8::quantize_rows_i8;
use crate::error::Result;

/// Quantizes each row of a row-major `[rows, columns]` matrix symmetrically to int8.
///
/// Returns the values `q`, `[rows, columns]`, and the scales, `[rows]`, with `w ≈ q · scale`. A row of zeros
/// has the scale 1, because runtimes may divide by the scale.
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub(crate) fn quantize_rows(matrix: &[f32], columns: usize) -> Result<(Vec<i8>, Vec<f32>)> {
    let (values, mut scales) = quantize_rows_i8(matrix, columns)?;
    scales.iter_mut().filter(|scale| **scale == 0.0).for_each(|scale| *scale = 1.0);
    Ok((values, scales))
}

/// A 4-bit matrix in the layout of the operator MatMulNBits. Each row consists of blocks of [`BLOCK_I4`]
/// values; the last block is padded with its zero point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Int4Matrix {
    /// Two values per byte, the low half first: `[rows, blocks, BLOCK_I4 / 2]`.
    pub(crate) values: Vec<u8>,
    /// One scale per block: `[rows, blocks]`.
    pub(crate) scales: Vec<f32>,
    /// One zero point per block, two per byte; each row is padded to whole bytes.
    pub(crate) zero_points: Vec<u8>,
}

/// Quantizes each row of a row-major `[rows, columns]` matrix block by block to int4.
pub(crate) fn quantize_blocks(matrix: &[f32], columns: usize) -> Int4Matrix {
    let mut out = Int4Matrix { values: Vec::new(), scales: Vec::new(), zero_points: Vec::new() };
    for row in matrix.chunks_exact(columns.max(1)) {
        for (i, block) in row.chunks(BLOCK_I4).map(quantize_block_i4).enumerate() {
            out.values.extend(block.q);
            out.scales.push(block.scale);
            match out.zero_points.last_mut() {
                Some(byte) if i % 2 == 1 => *byte |= block.zero << 4,
                _ => out.zero_points.push(block.zero),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::quantize::int4::u4_at;
    use proptest::prelude::*;

    #[test]
    fn quantize_rows_gives_zeros_and_tiny_rows_a_usable_scale() {
        let (values, scales) = quantize_rows(&[0.0, -0.0, 1e-44, -1e-44, 3.0, -1.5], 2).unwrap();
        assert_eq!(values, [0, 0, 0, 0, 127, -64]);
        assert_eq!(scales, [1.0, 1.0, 3.0 / 127.0]);
    }

    proptest! {
        #[test]
        fn quantize_rows_errs_by_at_most_half_a_step(matrix in prop::collection::vec(-1e3f32..1e3, 1..60), columns in 1usize..8) {
            let rows = matrix.len() / columns;
            let matrix = &matrix[..rows * columns];
            let (values, scales) = quantize_rows(matrix, columns).unwrap();
            prop_assert_eq!(scales.len(), rows);
            for (i, (x, q)) in matrix.iter().zip(&values).enumerate() {
                let scale = scales[i / columns];
                prop_assert!((x - f32::from(*q) * scale).abs() <= scale * 0.5001);
            }
        }

        #[test]
        fn quantize_blocks_packs_the_blocks_of_each_row(rows in 1usize..4, columns in 1usize..100) {
            let matrix: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 1.7).sin()).collect();
            let Int4Matrix { values: packed, scales, zero_points } = quantize_blocks(&matrix, columns);
            let blocks = columns.div_ceil(BLOCK_I4);
            prop_assert_eq!(packed.len(), rows * blocks * BLOCK_I4 / 2);
            prop_assert_eq!(scales.len(), rows * blocks);
            prop_assert_eq!(zero_points.len(), rows * blocks.div_ceil(2));
            for (i, x) in matrix.iter().enumerate() {
                let (row, column) = (i / columns, i % columns);
                let (block, at) = (column / BLOCK_I4, column % BLOCK_I4);
                let q = u4_at(&packed, (row * blocks + block) * BLOCK_I4 + at);
                let zero = u4_at(&zero_points[row * blocks.div_ceil(2)..], block);
                let values = &matrix[row * columns..][..columns];
                let expected = quantize_block_i4(values.chunks(BLOCK_I4).nth(block).unwrap());
                let got = (f32::from(q) - f32::from(zero)) * scales[row * blocks + block];
                prop_assert_eq!(got, expected.values()[at], "{}", x);
            }
        }
    }
}
