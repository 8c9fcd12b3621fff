//! Copies of selected rows, such as the CLS row of each sequence.

/// Copies the rows `rows` of `x`, `[tokens, hidden]`, to `out`, `[rows, hidden]`.
///
/// # Panics
/// If a row is out of range, or `out` has another size.
pub fn select_rows(x: &[f32], hidden: usize, rows: impl ExactSizeIterator<Item = usize>, out: &mut [f32]) {
    assert_eq!(out.len(), rows.len() * hidden, "out is [rows, hidden]");
    for (row, out) in rows.zip(out.chunks_exact_mut(hidden.max(1))) {
        out.copy_from_slice(&x[row * hidden..][..hidden]);
    }
}

/// Copies the first row of each sequence to `out`, `[sequences, hidden]`.
///
/// # Panics
/// If `out` has another size, or the last sequences are empty.
pub fn first_rows(x: &[f32], hidden: usize, cu_seqlens: &[usize], out: &mut [f32]) {
    let starts = &cu_seqlens[..cu_seqlens.len().saturating_sub(1)];
    select_rows(x, hidden, starts.iter().copied(), out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::reference::select_rows::reference_select_rows;

    #[test]
    fn select_rows_equals_the_reference() {
        let x: Vec<f32> = (0..30).map(|i| i as f32).collect();
        for rows in [&[0, 4, 9][..], &[], &[9, 9, 0]] {
            let mut out = vec![0.0; rows.len() * 3];
            select_rows(&x, 3, rows.iter().copied(), &mut out);
            assert_eq!(out, reference_select_rows(&x, 3, rows));
        }
        let mut out = vec![0.0; 6];
        first_rows(&x, 3, &[0, 4, 10], &mut out);
        assert_eq!(out, [0.0, 1.0, 2.0, 12.0, 13.0, 14.0]);
    }
}
