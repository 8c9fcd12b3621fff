//! `AddNorm`: `y = LayerNorm(x + residual) · gamma + beta`, row by row.
//!
//! `x`, `residual`, `y`: `[tokens, hidden]`; `gamma`, `beta`: `[hidden]`. The variance is the
//! biased one, `eps` is added to it before the root: the `LayerNormalization` of ONNX and BERT.

/// One row's `LayerNorm`, in double precision.
pub fn reference_layer_norm(row: &[f64], gamma: &[f32], beta: &[f32], eps: f32) -> Vec<f32> {
    let n = row.len() as f64;
    let mean = row.iter().sum::<f64>() / n;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    let deviation = (variance + f64::from(eps)).sqrt();
    let affine = gamma.iter().zip(beta);
    row.iter()
        .zip(affine)
        .map(|(x, (&g, &b))| ((x - mean) / deviation * f64::from(g) + f64::from(b)) as f32)
        .collect()
}

/// The op. An empty `residual` is zero: a `LayerNorm` alone.
pub fn reference_add_norm(x: &[f32], residual: &[f32], gamma: &[f32], beta: &[f32], eps: f32) -> Vec<f32> {
    let mut y = Vec::with_capacity(x.len());
    for (r, row) in x.chunks_exact(gamma.len()).enumerate() {
        let at = |k: usize| residual.get(r * gamma.len() + k).copied().unwrap_or(0.0);
        let sum: Vec<f64> = row.iter().enumerate().map(|(k, &x)| f64::from(x) + f64::from(at(k))).collect();
        y.extend(reference_layer_norm(&sum, gamma, beta, eps));
    }
    y
}
