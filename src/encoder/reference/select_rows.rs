//! `SelectRows`: `y[i] = x[rows[i]]`. With the sequences' first rows it is CLS pooling.
//!
//! `x`: `[tokens, hidden]`; `y`: `[rows, hidden]`.

/// The op.
pub fn reference_select_rows(x: &[f32], hidden: usize, rows: &[usize]) -> Vec<f32> {
    rows.iter().flat_map(|row| &x[row * hidden..(row + 1) * hidden]).copied().collect()
}
