//! From float weights to integers: int8 a scale an output, 4 bits a scale and a zero point a
//! block. For files that are not quantised, and for the converter.

use crate::encoder::cpu::kernels::half;
use crate::encoder::spec::{LinearSpec, WeightOrder};

/// Inputs of a block of 4-bit weights.
pub const BLOCK_I4: usize = 32;

/// The largest magnitude of each output's weights, gathered chunk by chunk.
#[derive(Debug)]
pub struct ColumnMax {
    spec: LinearSpec,
    order: WeightOrder,
    max_abs: Vec<f32>,
}

impl ColumnMax {
    /// Nothing seen yet.
    pub fn new(spec: LinearSpec, order: WeightOrder) -> Self {
        Self { spec, order, max_abs: vec![0.0; spec.outputs] }
    }

    /// Looks at `values`, which begin at value `first` of the whole weight.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn update(&mut self, first: usize, values: impl IntoIterator<Item = f32>) {
        for (i, value) in (first..).zip(values) {
            let n = match self.order {
                WeightOrder::OutIn => i / self.spec.inputs,
                WeightOrder::InOut => i % self.spec.outputs,
            };
            let most = &mut self.max_abs[n];
            *most = most.max(value.abs());
        }
    }

    /// The scale of each output: its largest weight becomes ±127.
    pub fn scales(&self) -> Vec<f32> {
        self.max_abs.iter().map(|most| most / 127.0).collect()
    }
}

/// int8 a row: each row's scale, its largest value becoming ±127. For embedding tables.
pub fn quantize_rows_i8(values: &[f32], width: usize) -> (Vec<i8>, Vec<f32>) {
    let mut q = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(values.len() / width.max(1));
    for row in values.chunks_exact(width) {
        let most = row.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let steps = if most > 0.0 { 127.0 / most } else { 0.0 };
        q.extend(row.iter().map(|x| (x * steps).round_ties_even().clamp(-127.0, 127.0) as i8));
        scales.push(most / 127.0);
    }
    (q, scales)
}

/// A block of 4-bit weights: `w ≈ scale · (q − zero)`, `q` and `zero` 0..=15, two a byte, the low
/// half first: MatMulNBits' layout. Values beyond the end of a short block are `zero`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockI4 {
    /// The weights, two a byte.
    pub q: [u8; BLOCK_I4 / 2],
    /// What one step is worth: a half float, if it is not too small or large for one of full precision.
    pub scale: f32,
    /// What means 0.
    pub zero: u8,
}

/// Quantises up to 32 weights of one output: of ranges from the full one down to 70 % of it, the
/// one with the smallest squared error. (m3e-small, CLS row: cosine 0.9853 for 0.9846 with the
/// full range.)
///
/// # Panics
/// If there are more than 32.
pub fn quantize_block_i4(values: &[f32]) -> BlockI4 {
    let mut all = [0.0; BLOCK_I4];
    all[..values.len()].copy_from_slice(values);
    let low = all.iter().fold(0.0f32, |m, x| m.min(*x));
    let high = all.iter().fold(0.0f32, |m, x| m.max(*x));
    let mut best = (f32::INFINITY, Candidate { scale: 0.0, inverse_scale: 0.0, zero: 8.0 });
    for part in (0..13).map(|i| 1.0 - 0.025 * i as f32) {
        let scale = half_if_normal((high - low) * part / 15.0);
        if scale <= 1e-30 {
            break; // all zero, or as good as
        }
        let inverse_scale = 1.0 / scale;
        let steps =
            Candidate { scale, inverse_scale, zero: round(-low * part * inverse_scale).clamp(0.0, 15.0) };
        let error = steps.squared_error(&all);
        if error < best.0 {
            best = (error, steps);
        }
    }
    let steps = best.1;
    let q = std::array::from_fn(|i| steps.q(all[2 * i]) as u8 | (steps.q(all[2 * i + 1]) as u8) << 4);
    BlockI4 { q, scale: steps.scale, zero: steps.zero as u8 }
}

/// What the sixteen numbers of a block mean.
#[derive(Clone, Copy)]
struct Candidate {
    scale: f32,
    inverse_scale: f32,
    zero: f32,
}

impl Candidate {
    fn q(&self, x: f32) -> f32 {
        (round(x * self.inverse_scale) + self.zero).clamp(0.0, 15.0)
    }

    /// PanelRow sums side by side, which the compiler makes vectors of.
    fn squared_error(&self, values: &[f32; BLOCK_I4]) -> f32 {
        let mut sums = [0.0; 8];
        for values in values.as_chunks::<8>().0 {
            for (sum, x) in sums.iter_mut().zip(values) {
                let miss = (self.q(*x) - self.zero) * self.scale - x;
                *sum += miss * miss;
            }
        }
        sums.iter().sum()
    }
}

/// To the nearest whole number, ties to even: exact for what is below 2²², as here. The standard
/// library's is a call where there is no SSE4.1.
fn round(x: f32) -> f32 {
    const LARGE: f32 = 12_582_912.0; // 1.5 · 2²³: beyond it there are no fractions
    x + LARGE - LARGE
}

/// The nearest half float, in the range where that has eleven bits: two bytes in a file.
fn half_if_normal(value: f32) -> f32 {
    const NORMAL: std::ops::RangeInclusive<f32> = 6.103_515_6e-5..=65504.0;
    let half = half::to_f32(half::from_f32(value));
    if NORMAL.contains(&half) { half } else { value }
}

impl BlockI4 {
    /// The weights that the block stands for.
    pub fn values(&self) -> [f32; BLOCK_I4] {
        std::array::from_fn(|i| {
            let q = self.q[i / 2] >> (4 * (i % 2)) & 15;
            (f32::from(q) - f32::from(self.zero)) * self.scale
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::spec::Activation;

    #[test]
    fn column_max_in_both_orders_and_in_chunks() {
        let spec = LinearSpec { inputs: 3, outputs: 2, activation: Activation::None };
        // Outputs: (1, -5, 2) and (-7, 0, 3).
        let cases = [
            (WeightOrder::OutIn, [1.0, -5.0, 2.0, -7.0, 0.0, 3.0]),
            (WeightOrder::InOut, [1.0, -7.0, -5.0, 0.0, 2.0, 3.0]),
        ];
        for (order, values) in cases {
            let mut max = ColumnMax::new(spec, order);
            max.update(0, values[..4].iter().copied());
            max.update(4, values[4..].iter().copied());
            assert_eq!(max.scales(), [5.0 / 127.0, 7.0 / 127.0]);
        }
    }

    #[test]
    fn rows_keep_half_a_step() {
        let values = Random(5).normals(4 * 33);
        let (q, scales) = quantize_rows_i8(&values, 33);
        for (i, value) in values.iter().enumerate() {
            let scale = scales[i / 33];
            assert!((f32::from(q[i]) * scale - value).abs() <= 0.501 * scale);
        }
        assert_eq!(quantize_rows_i8(&[0.0; 4], 2), (vec![0; 4], vec![0.0; 2]));
    }

    #[test]
    fn scales_are_half_floats_where_that_costs_nothing() {
        let values = Random(7).normals(32);
        for (size, is_half) in [(1.0, true), (0.05, true), (1e-5, false), (1e6, false), (1e-25, false)] {
            let values: Vec<f32> = values.iter().map(|x| x * size).collect();
            let block = quantize_block_i4(&values);
            assert_eq!(half::to_f32(half::from_f32(block.scale)) == block.scale, is_half, "{size}");
            let range = values.iter().fold(0.0f32, |m, x| m.max(x.abs())) * 2.0;
            let errors = values.iter().zip(block.values()).map(|(x, y)| ((x - y) / range).abs());
            let error = errors.sum::<f32>() / 32.0;
            assert!(error <= 0.02, "{size}: {error} of the range");
        }
    }

    #[test]
    fn a_block_is_no_worse_than_its_full_range() {
        let mut random = Random(6);
        for len in [1, 2, 7, 31, 32] {
            for _ in 0..50 {
                let values = random.normals(len);
                let block = quantize_block_i4(&values);
                let range = values.iter().fold(0.0f32, |m, x| m.max(*x))
                    - values.iter().fold(0.0f32, |m, x| m.min(*x));
                let got = block.values();
                let error: f32 = values.iter().zip(got).map(|(x, y)| (x - y) * (x - y)).sum();
                // Half a step each, and half a step of the zero point's rounding.
                assert!(error <= len as f32 * (range / 15.0).powi(2), "{values:?} {block:?}");
                assert!(got[len..].iter().all(|x| *x == 0.0));
            }
        }
        assert_eq!(quantize_block_i4(&[0.0; 32]).values(), [0.0; 32]);
        assert_eq!(quantize_block_i4(&[]).values(), [0.0; 32]);
    }
}
