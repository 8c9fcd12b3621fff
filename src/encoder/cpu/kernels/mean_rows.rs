//! The mean of the rows of each sequence, for graphs that pool by themselves. Rows are added in order, so
//! that the sums have the same bits on every machine. A text is pooled once, so this kernel needs no further
//! tuning.

use super::add_norm::add;

/// Computes `out`, `[sequences, hidden]`: the mean of the rows of each sequence of `x`, `[tokens, hidden]`.
/// The mean of an empty sequence is 0.
///
/// # Panics
/// If `x` or `out` has another size.
pub fn mean_rows(x: &[f32], hidden: usize, cu_seqlens: &[usize], out: &mut [f32]) {
    assert_eq!(out.len(), cu_seqlens.len().saturating_sub(1) * hidden, "out is [sequences, hidden]");
    for (sequence, out) in cu_seqlens.windows(2).zip(out.chunks_exact_mut(hidden.max(1))) {
        out.fill(0.0);
        for row in x[sequence[0] * hidden..sequence[1] * hidden].chunks_exact(hidden.max(1)) {
            add(out, row);
        }
        let count = (sequence[1] - sequence[0]).max(1) as f32;
        out.iter_mut().for_each(|sum| *sum /= count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::reference::mean_rows::reference_mean_rows;

    #[test]
    fn mean_rows_equals_the_reference_within_rounding() {
        for hidden in [1, 3, 4, 17, 64] {
            let x = Random(7).normals(13 * hidden);
            let cu_seqlens = [0, 1, 1, 6, 13];
            let mut out = vec![f32::NAN; 4 * hidden];
            mean_rows(&x, hidden, &cu_seqlens, &mut out);
            let expected = reference_mean_rows(&x, hidden, &cu_seqlens);
            assert!(out.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-6));
        }
    }
}
