//! `Linear` where activations, weights or both have one scale per block of inputs. The relaxed and the 4-bit
//! kernels give the same bits, except for the activation function.

use super::linear::{QuantizedWeight, reference_activation, reference_quantize_row};
use crate::encoder::spec::{LinearSpec, MIN_ROW_MAGNITUDE};

/// A quantized block of a row: `x ≈ scale · (q − zero)`.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedBlock {
    /// The integers.
    pub q: Vec<i32>,
    /// The zero point.
    pub zero: i32,
    /// The scale. NaN if a value is not finite.
    pub scale: f32,
}

/// Quantizes a block to 7 bits with a zero point: 0..=127 over the range of the block, extended to include 0.
///
/// ```
/// use corom::encoder::reference::linear_blocks::reference_quantize_u7;
///
/// let block = reference_quantize_u7(&[-0.27, 0.0, 1.0]);
/// assert_eq!((block.q, block.zero), (vec![0, 27, 127], 27));
/// ```
pub fn reference_quantize_u7(block: &[f32]) -> QuantizedBlock {
    let low = block.iter().fold(0.0f32, |m, x| m.min(*x));
    let high = block.iter().fold(0.0f32, |m, x| m.max(*x));
    quantize(block, -low + high, -low, 127)
}

/// Quantizes a block to 8 bits symmetrically: −127..=127.
pub fn reference_quantize_i8(block: &[f32]) -> QuantizedBlock {
    let max_abs = block.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    quantize(block, max_abs, 0.0, 127)
}

/// Quantizes a block of the given range, which starts `below` below 0.
fn quantize(block: &[f32], range: f32, below: f32, max: i32) -> QuantizedBlock {
    let finite = block.iter().all(|x| x.is_finite()) && range.is_finite();
    if !finite || range < MIN_ROW_MAGNITUDE {
        let scale = if finite { 0.0 } else { f32::NAN };
        return QuantizedBlock { q: vec![0; block.len()], zero: 0, scale };
    }
    let inverse_scale = max as f32 / range;
    let zero = (below * inverse_scale).round_ties_even() as i32;
    let q = block.iter().map(|x| ((x * inverse_scale).round_ties_even() as i32 + zero).min(max)).collect();
    QuantizedBlock { q, zero, scale: range / max as f32 }
}

/// Returns what the relaxed int8 kernels compute: int8 weights without zero points, 7-bit activations in
/// blocks of `block` inputs, exact sums per block, and blocks added up in order in `f32`.
pub fn reference_linear_u7(
    spec: &LinearSpec,
    x: &[f32],
    weight: QuantizedWeight<'_>,
    bias: &[f32],
    block: usize,
) -> Vec<f32> {
    linear_of_blocks(spec, x, weight, bias, (block, reference_quantize_u7))
}

/// Returns what the GPU computes of int8 weights without zero points and of activations of 8 bits in blocks of `block`
/// inputs: exact sums per block, and blocks added up in order in `f32`.
pub fn reference_linear_i8_blocks(
    spec: &LinearSpec,
    x: &[f32],
    weight: QuantizedWeight<'_>,
    bias: &[f32],
    block: usize,
) -> Vec<f32> {
    linear_of_blocks(spec, x, weight, bias, (block, reference_quantize_i8))
}

fn linear_of_blocks(
    spec: &LinearSpec,
    x: &[f32],
    weight: QuantizedWeight<'_>,
    bias: &[f32],
    (block, quantize): (usize, fn(&[f32]) -> QuantizedBlock),
) -> Vec<f32> {
    let mut y = Vec::new();
    for row in x.chunks_exact(spec.inputs) {
        let blocks: Vec<_> = row.chunks(block).map(quantize).collect();
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

/// Inputs per block of 4-bit weights.
const BLOCK: usize = 32;

impl QuantizedWeightI4<'_> {
    /// Iterates over the blocks of one output: the exact sum of its products with the activations, and its
    /// scale.
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

/// Returns what the exact int4 kernel computes: activations of 15 bits with one scale per row.
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

/// Returns what the relaxed int4 kernels compute: activations of 8 bits with one scale per row and block.
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
