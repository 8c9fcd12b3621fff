//! L2 normalization: each row divided by its L2 norm, as `torch.nn.functional.normalize` does. A norm below
//! 1e-12 counts as 1e-12, so a row of zeros stays zero.
//!
//! The norm has one implementation. The scaling has two roundings, and both are kept because stored vectors
//! and golden files have their bits: the embedder multiplies by the reciprocal, which costs one division per
//! row, and the `Normalize` op of a graph divides, as the ONNX operators do that it replaces.

/// Scales each row of `rows`, `[rows, width]`, to the L2 norm 1 by the reciprocal of its norm, in place.
pub(crate) fn l2_normalize(rows: &mut [f32], width: usize) {
    for row in rows.chunks_exact_mut(width.max(1)) {
        let scale = 1.0 / l2_norm(row);
        row.iter_mut().for_each(|x| *x *= scale);
    }
}

/// Divides each row of `rows`, `[rows, width]`, by its L2 norm, in place.
#[cfg(feature = "embed")]
pub(crate) fn divide_by_l2_norm(rows: &mut [f32], width: usize) {
    for row in rows.chunks_exact_mut(width.max(1)) {
        let norm = l2_norm(row);
        row.iter_mut().for_each(|x| *x /= norm);
    }
}

/// Returns the L2 norm of a row, at least 1e-12. The squares are added in the order of the row, so that the
/// norm has the same bits on every machine.
fn l2_norm(row: &[f32]) -> f32 {
    row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12)
}

#[cfg(all(test, feature = "embed"))]
mod tests {
    use super::*;
    use crate::encoder::reference::mean_rows::reference_normalize;

    fn values(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 37 % 101) as f32 - 50.0) / 17.0).collect()
    }

    #[test]
    fn rows_equal_the_reference_within_rounding() {
        for width in [1, 3, 17, 64] {
            let rows = values(5 * width);
            let expected = reference_normalize(&rows, width);
            for normalize in [l2_normalize, divide_by_l2_norm] {
                let mut got = rows.clone();
                normalize(&mut got, width);
                assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 2e-7), "{width}");
            }
        }
    }

    #[test]
    fn rows_of_zeros_and_of_tiny_values_stay_finite() {
        for normalize in [l2_normalize, divide_by_l2_norm] {
            let mut rows = [3.0, 4.0, 0.0, -0.0, 1e-30, 0.0];
            normalize(&mut rows, 2);
            assert_eq!(rows[..4], [0.6, 0.8, 0.0, 0.0]);
            assert!(rows[4].is_finite() && rows[4] < 1e-17);
        }
    }

    #[test]
    fn the_two_roundings_differ_by_two_units_in_the_last_place_at_most() {
        let rows = values(64);
        let (mut product, mut quotient) = (rows.clone(), rows);
        l2_normalize(&mut product, 64);
        divide_by_l2_norm(&mut quotient, 64);
        let ulps = |a: &f32, b: &f32| a.to_bits().abs_diff(b.to_bits());
        assert!(product.iter().zip(&quotient).all(|(a, b)| ulps(a, b) <= 2));
    }
}
