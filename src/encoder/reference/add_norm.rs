//! `AddNorm`: `y = (s − mean(s)) / √(var(s) + eps) · gamma + beta` for each row of `s = x + residual`.
//!
//! `x`, `residual` and `y` are `[tokens, hidden]`; `gamma` and `beta` are `[hidden]`. The variance is the
//! biased one. This is the `LayerNormalization` of ONNX and BERT.

/// Returns the LayerNorm of one row, computed in `f64`.
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

/// Returns the LayerNorm of `x + residual`, computed in `f64`. An empty `residual` is 0: a LayerNorm alone.
///
/// ```
/// use corom::encoder::reference::add_norm::reference_add_norm;
///
/// let y = reference_add_norm(&[0.0, 1.0], &[1.0, 2.0], &[1.0, 1.0], &[0.0, 0.5], 0.0);
/// assert_eq!(y, [-1.0, 1.5]);
/// ```
pub fn reference_add_norm(x: &[f32], residual: &[f32], gamma: &[f32], beta: &[f32], eps: f32) -> Vec<f32> {
    let mut y = Vec::with_capacity(x.len());
    for (r, row) in x.chunks_exact(gamma.len()).enumerate() {
        let at = |k: usize| residual.get(r * gamma.len() + k).copied().unwrap_or(0.0);
        let sum: Vec<f64> = row.iter().enumerate().map(|(k, &x)| f64::from(x) + f64::from(at(k))).collect();
        y.extend(reference_layer_norm(&sum, gamma, beta, eps));
    }
    y
}
