//! `MeanRows`: `y[i] =` the mean of sequence `i`'s rows: mean pooling, in graphs that pool by themselves.
//! `Normalize`: each row over its length, which counts as `1e-12` at least.
//!
//! `x`: `[tokens, hidden]`; `y`: `[sequences, hidden]`. The mean of an empty sequence is 0.

/// The mean of each sequence's rows, summed in double precision.
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

/// Each row over its length.
pub fn reference_normalize(x: &[f32], hidden: usize) -> Vec<f32> {
    let mut y = Vec::new();
    for row in x.chunks_exact(hidden.max(1)) {
        let length = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt().max(1e-12);
        y.extend(row.iter().map(|x| (f64::from(*x) / length) as f32));
    }
    y
}
