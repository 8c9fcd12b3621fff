//! `MeanRows` and `Normalize`: sums in order, so that they are the same everywhere. They are done
//! once a text, and need no more.

use super::add_norm::add;

/// The mean of each sequence's rows: `x` is `[tokens, hidden]`, `out` `[sequences, hidden]`.
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

/// Each row over its length, in place.
///
/// # Panics
/// If `rows` is no whole number of rows.
pub fn normalize(rows: &mut [f32], hidden: usize) {
    assert!(rows.len().is_multiple_of(hidden.max(1)), "rows is [rows, hidden]");
    for row in rows.chunks_exact_mut(hidden.max(1)) {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        row.iter_mut().for_each(|x| *x /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::reference::mean_rows::{reference_mean_rows, reference_normalize};

    #[test]
    fn as_the_reference() {
        for hidden in [1, 3, 4, 17, 64] {
            let x = Random(7).normals(13 * hidden);
            let cu_seqlens = [0, 1, 1, 6, 13];
            let mut out = vec![f32::NAN; 4 * hidden];
            mean_rows(&x, hidden, &cu_seqlens, &mut out);
            let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6);
            assert!(close(&out, &reference_mean_rows(&x, hidden, &cu_seqlens)));
            let expected = reference_normalize(&out, hidden);
            normalize(&mut out, hidden);
            assert!(close(&out, &expected));
        }
    }
}
