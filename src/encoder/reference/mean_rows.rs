//! `MeanRows`: the mean of the rows of each sequence, and `Normalize`: each row divided by its L2 norm.
//! Graphs that pool by themselves have these ops.
//!
//! `x` is `[tokens, hidden]`, `y` is `[sequences, hidden]`. The mean of an empty sequence is 0. A norm below
//! 1e-12 counts as 1e-12.

/// Returns the mean of the rows of each sequence, computed in `f64`.
///
/// ```
/// use corom::encoder::reference::mean_rows::reference_mean_rows;
/// assert_eq!(reference_mean_rows(&[1.0, 2.0, 3.0, 9.0], 1, &[0, 3, 4]), [2.0, 9.0]);
/// ```
pub fn reference_mean_rows(x: &[f32], hidden: usize, cu_seqlens: &[usize]) -> Vec<f32> {
    let mut y = Vec::new();
    for sequence in cu_seqlens.windows(2) {
        let count = (sequence[1] - sequence[0]).max(1) as f64;
        for column in 0..hidden {
            let sum: f64 = (sequence[0]..sequence[1]).map(|row| f64::from(x[row * hidden + column])).sum();
            y.push((sum / count) as f32);
        }
    }
    y
}

/// Returns each row divided by its L2 norm, computed in `f64`.
///
/// ```
/// use corom::encoder::reference::mean_rows::reference_normalize;
/// assert_eq!(reference_normalize(&[3.0, 4.0, 0.0, 0.0], 2), [0.6, 0.8, 0.0, 0.0]);
/// ```
pub fn reference_normalize(x: &[f32], hidden: usize) -> Vec<f32> {
    let mut y = Vec::new();
    for row in x.chunks_exact(hidden.max(1)) {
        let norm = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt().max(1e-12);
        y.extend(row.iter().map(|x| (f64::from(*x) / norm) as f32));
    }
    y
}
