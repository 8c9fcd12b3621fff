//! `Linear` where activations, weights or both have a scale a block of inputs: what the relaxed
//! and the 4-bit kernels must give bit for bit, but for the activation function.

use super::linear::{QuantizedWeight, reference_activation, reference_quantize_row};
use crate::encoder::spec::{LinearSpec, MIN_ROW_MAGNITUDE};

/// Some inputs of one row as integers: `x ≈ scale · (q − zero)`.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedBlock {
    /// The integers.
    pub q: Vec<i32>,
    /// What means 0.
    pub zero: i32,
    /// What one step is worth; NaN where a value is not finite.
    pub scale: f32,
}

/// 7 bits with a zero point: 0..=127 over the block's range, which always has 0 in it.
pub fn reference_quantize_u7(block: &[f32]) -> QuantizedBlock {
    let low = block.iter().fold(0.0f32, |m, x| m.min(*x));
    let high = block.iter().fold(0.0f32, |m, x| m.max(*x));
    quantize(block, -low + high, -low, 127)
}

/// 8 bits, symmetric: −127..=127.
pub fn reference_quantize_i8(block: &[f32]) -> QuantizedBlock {
    let most = block.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    quantize(block, most, 0.0, 127)
}

fn quantize(block: &[f32], range: f32, below: f32, max: i32) -> QuantizedBlock {
    let finite = block.iter().all(|x| x.is_finite()) && range.is_finite();
    if !finite || range < MIN_ROW_MAGNITUDE {
        let scale = if finite { 0.0 } else { f32::NAN };
        return QuantizedBlock { q: vec![0; block.len()], zero: 0, scale };
    }
    let steps = max as f32 / range;
    let zero = (below * steps).round_ties_even() as i32;
    let q = block.iter().map(|x| ((x * steps).round_ties_even() as i32 + zero).min(max)).collect();
    QuantizedBlock { q, zero, scale: range / max as f32 }
}

/// int8 weights (without zero points) with 7-bit activations in blocks of `block` inputs: exact
/// sums a block, blocks added up in single precision, in order.
pub fn reference_linear_u7(
    spec: &LinearSpec,
    x: &[f32],
    weight: QuantizedWeight<'_>,
    bias: &[f32],
    block: usize,
) -> Vec<f32> {
    let mut y = Vec::new();
    for row in x.chunks_exact(spec.inputs) {
        let blocks: Vec<_> = row.chunks(block).map(reference_quantize_u7).collect();
        for (n, column) in weight.q.chunks_exact(spec.inputs).enumerate() {
            let mut total = 0.0f32;
            for (x, w) in blocks.iter().zip(column.chunks(block)) {
                let sum: i32 = x.q.iter().zip(w).map(|(q, w)| (q - x.zero) * i32::from(*w)).sum();
                total += sum as f32 * x.scale;
            }
            let linear = total * weight.scale[n] + bias.get(n).copied().unwrap_or(0.0);
            y.push(reference_activation(spec.activation, f64::from(linear)) as f32);
        }
    }
    y
}

/// 4-bit weights: `W[n, k] = scale[n, k / 32] · (q[n, k] − zero[n, k / 32])`.
#[derive(Debug, Clone, Copy)]
pub struct QuantizedWeightI4<'a> {
    /// `[N, K]`, 0..=15.
    pub q: &'a [u8],
    /// `[N, ⌈K / 32⌉]`.
    pub scale: &'a [f32],
    /// `[N, ⌈K / 32⌉]`, 0..=15.
    pub zero: &'a [u8],
}

/// Inputs of a block of 4-bit weights.
const BLOCK: usize = 32;

impl QuantizedWeightI4<'_> {
    /// For one output, for each block: its exact sum with the block's activations, and its scale.
    fn sums<'a>(
        &'a self,
        n: usize,
        inputs: usize,
        x: impl Fn(usize) -> i32 + 'a,
    ) -> impl Iterator<Item = (i32, f32)> + 'a {
        let blocks = inputs.div_ceil(BLOCK);
        (0..blocks).map(move |b| {
            let zero = i32::from(self.zero[n * blocks + b]);
            let inside = b * BLOCK..inputs.min((b + 1) * BLOCK);
            let sum = inside.map(|k| x(k) * (i32::from(self.q[n * inputs + k]) - zero)).sum();
            (sum, self.scale[n * blocks + b])
        })
    }
}

/// 4-bit weights with activations of 15 bits, a scale a row.
pub fn reference_linear_i4(
    spec: &LinearSpec,
    x: &[f32],
    weight: QuantizedWeightI4<'_>,
    bias: &[f32],
) -> Vec<f32> {
    let mut y = Vec::new();
    for row in x.chunks_exact(spec.inputs) {
        let row = reference_quantize_row(row, i16::MAX.into());
        for n in 0..spec.outputs {
            let sums = weight.sums(n, spec.inputs, |k| row.q[k]);
            let total = sums.fold(0.0f32, |total, (sum, scale)| total + sum as f32 * scale);
            let linear = total * row.scale + bias.get(n).copied().unwrap_or(0.0);
            y.push(reference_activation(spec.activation, f64::from(linear)) as f32);
        }
    }
    y
}

/// 4-bit weights with activations of 8 bits, a scale a row and block.
pub fn reference_linear_i4_i8(
    spec: &LinearSpec,
    x: &[f32],
    weight: QuantizedWeightI4<'_>,
    bias: &[f32],
) -> Vec<f32> {
    let mut y = Vec::new();
    for row in x.chunks_exact(spec.inputs) {
        let blocks: Vec<_> = row.chunks(BLOCK).map(reference_quantize_i8).collect();
        for n in 0..spec.outputs {
            let sums = weight.sums(n, spec.inputs, |k| blocks[k / BLOCK].q[k % BLOCK]);
            let total =
                sums.zip(&blocks).fold(0.0f32, |total, ((sum, w), x)| total + sum as f32 * (w * x.scale));
            let linear = total + bias.get(n).copied().unwrap_or(0.0);
            y.push(reference_activation(spec.activation, f64::from(linear)) as f32);
        }
    }
    y
}
