//! `Linear`: `y[M, N] = act(x[M, K] · W[N, K]ᵀ + bias[N])`, in floats and in int8.
//!
//! M is the number of rows, N of outputs, K of inputs.

use crate::encoder::spec::{Activation, LinearSpec, MIN_ROW_MAGNITUDE};

/// Returns `activation(x)`, computed in `f64`.
///
/// ```
/// use corom::encoder::reference::linear::reference_activation;
/// use corom::encoder::spec::Activation;
///
/// assert_eq!(reference_activation(Activation::Relu, -1.0), 0.0);
/// assert!((reference_activation(Activation::Gelu, 1.0) - 0.8413447460685429).abs() < 1e-15);
/// ```
pub fn reference_activation(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Gelu => 0.5 * x * erfc(-x / std::f64::consts::SQRT_2),
        Activation::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
            // This is 0.5 · x · (1 + tanh u) without cancellation in the left tail.
            x / (1.0 + (-2.0 * u).exp())
        }
        Activation::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::Tanh => x.tanh(),
    }
}

/// Returns the complementary error function with a relative error of about 1e-15: by the power series of
/// `erf` where it converges fast, and by Laplace's continued fraction in the tails.
pub fn erfc(x: f64) -> f64 {
    let root_pi = std::f64::consts::PI.sqrt();
    if x.is_nan() {
        x
    } else if x < 0.0 {
        2.0 - erfc(-x)
    } else if x < 2.0 {
        // erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·5·…·(2n+1))
        let (mut term, mut sum) = (x, x);
        for n in 1..100 {
            term *= 2.0 * x * x / (2.0 * n as f64 + 1.0);
            sum += term;
        }
        1.0 - 2.0 / root_pi * (-x * x).exp() * sum
    } else {
        // erfc(x) = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3/2/(x + …))))
        let fraction = (1..150).rev().fold(x, |below, n| x + 0.5 * f64::from(n) / below);
        (-x * x).exp() / (root_pi * fraction)
    }
}

/// Returns `act(x · Wᵀ + bias)`, `[M, N]`, computed in `f64`. `weight` is `[N, K]`. An empty `bias` is 0.
///
/// ```
/// use corom::encoder::reference::linear::reference_linear;
/// use corom::encoder::spec::{Activation, LinearSpec};
///
/// let spec = LinearSpec { inputs: 2, outputs: 1, activation: Activation::None };
/// assert_eq!(reference_linear(&spec, &[1.0, 2.0, 3.0, 4.0], &[10.0, 1.0], &[0.5]), [12.5, 34.5]);
/// ```
pub fn reference_linear(spec: &LinearSpec, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let mut y = Vec::new();
    for row in x.chunks_exact(spec.inputs) {
        for (n, column) in weight.chunks_exact(spec.inputs).enumerate() {
            let dot: f64 = row.iter().zip(column).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum();
            let bias = bias.get(n).copied().unwrap_or(0.0);
            y.push(reference_activation(spec.activation, dot + f64::from(bias)) as f32);
        }
    }
    y
}

/// A quantized row: `x ≈ scale · q`, `|q| ≤ max`.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedRow {
    /// The integers.
    pub q: Vec<i32>,
    /// The scale. NaN if the row has a NaN or an infinity; then `q` is 0.
    pub scale: f32,
}

/// Quantizes one row symmetrically to `−max..=max`. Rounds to the nearest integer, ties to even.
///
/// ```
/// use corom::encoder::reference::linear::reference_quantize_row;
///
/// let row = reference_quantize_row(&[0.5, -1.0, 0.25], 127);
/// assert_eq!(row.q, [64, -127, 32]);
/// assert_eq!(row.scale, 1.0 / 127.0);
/// ```
pub fn reference_quantize_row(row: &[f32], max: i32) -> QuantizedRow {
    let max_abs = row.iter().fold(0.0f32, |m, x| if x.is_nan() { f32::NAN } else { m.max(x.abs()) });
    if row.iter().any(|x| !x.is_finite()) {
        return QuantizedRow { q: vec![0; row.len()], scale: f32::NAN };
    }
    if max_abs < MIN_ROW_MAGNITUDE {
        return QuantizedRow { q: vec![0; row.len()], scale: 0.0 };
    }
    let inverse_scale = max as f32 / max_abs;
    let q = row.iter().map(|x| (x * inverse_scale).round_ties_even() as i32).collect();
    QuantizedRow { q, scale: max_abs / max as f32 }
}

/// int8 weights with one scale per output: `W[n, k] ≈ scale[n] · (q[n, k] − zero[n])`.
#[derive(Debug, Clone, Copy)]
pub struct QuantizedWeight<'a> {
    /// `[N, K]`.
    pub q: &'a [i8],
    /// `[N]`.
    pub scale: &'a [f32],
    /// `[N]`, or empty if all are 0.
    pub zero: &'a [i32],
}

/// Returns what the exact int8 kernel computes, with the same bits except for the activation function: each
/// row is quantized to `−max..=max`, the products are added up exactly, and `act(sum · (output scale · row
/// scale) + bias)` is computed in `f32`.
pub fn reference_linear_i8(
    spec: &LinearSpec,
    x: &[f32],
    weight: QuantizedWeight<'_>,
    bias: &[f32],
    max: i32,
) -> Vec<f32> {
    let mut y = Vec::new();
    for row in x.chunks_exact(spec.inputs) {
        let row = reference_quantize_row(row, max);
        for (n, column) in weight.q.chunks_exact(spec.inputs).enumerate() {
            let zero = weight.zero.get(n).copied().unwrap_or(0);
            let sum: i64 =
                row.q.iter().zip(column).map(|(&x, &w)| i64::from(x) * i64::from(i32::from(w) - zero)).sum();
            let sum = i32::try_from(sum).expect("activation_max keeps the sum in range");
            let linear = sum as f32 * (weight.scale[n] * row.scale) + bias.get(n).copied().unwrap_or(0.0);
            y.push(reference_activation(spec.activation, f64::from(linear)) as f32);
        }
    }
    y
}
