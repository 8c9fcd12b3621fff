//! `SelectRows`: `y[i] = x[rows[i]]`. With the first row of each sequence it is CLS pooling.
//!
//! `x` is `[tokens, hidden]`, `y` is `[rows, hidden]`.

/// Returns the selected rows.
///
/// ```
/// use corom::encoder::reference::select_rows::reference_select_rows;
/// assert_eq!(reference_select_rows(&[1.0, 2.0, 3.0, 4.0], 2, &[1, 0]), [3.0, 4.0, 1.0, 2.0]);
/// ```
pub fn reference_select_rows(x: &[f32], hidden: usize, rows: &[usize]) -> Vec<f32> {
    rows.iter().flat_map(|row| &x[row * hidden..(row + 1) * hidden]).copied().collect()
}
