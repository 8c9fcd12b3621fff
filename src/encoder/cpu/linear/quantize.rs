//! From float weights to integers: int8 a scale an output, 4 bits a scale and a zero point a
//! block. For files that are not quantised, and for the converter.

use crate::encoder::ops::linear::{LinearSpec, Order};

/// Inputs of a block of 4-bit weights.
pub const BLOCK_I4: usize = 32;

/// The largest magnitude of each output's weights, gathered chunk by chunk.
#[derive(Debug)]
pub struct ColumnMax {
    spec: LinearSpec,
    order: Order,
    most: Vec<f32>,
}

impl ColumnMax {
    /// Nothing seen yet.
    pub fn new(spec: LinearSpec, order: Order) -> Self {
        Self { spec, order, most: vec![0.0; spec.outputs] }
    }

    /// Looks at `values`, which begin at value `first` of the whole weight.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn see(&mut self, first: usize, values: impl IntoIterator<Item = f32>) {
        for (i, value) in (first..).zip(values) {
            let n = match self.order {
                Order::OutIn => i / self.spec.inputs,
                Order::InOut => i % self.spec.outputs,
            };
            let most = &mut self.most[n];
            *most = most.max(value.abs());
        }
    }

    /// The scale of each output: its largest weight becomes ±127.
    pub fn scales(&self) -> Vec<f32> {
        self.most.iter().map(|most| most / 127.0).collect()
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
    /// What one step is worth.
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
    assert!(values.len() <= BLOCK_I4, "at most a block");
    let low = values.iter().fold(0.0f32, |m, x| m.min(*x));
    let high = values.iter().fold(0.0f32, |m, x| m.max(*x));
    let mut best = (f32::INFINITY, BlockI4 { q: [0x88; BLOCK_I4 / 2], scale: 0.0, zero: 8 });
    for part in (0..13).map(|i| 1.0 - 0.025 * i as f32) {
        let scale = (high - low) * part / 15.0;
        if scale <= 1e-30 {
            break; // all zero, or as good as
        }
        let zero = (-low * part / scale).round_ties_even().clamp(0.0, 15.0);
        let mut block = BlockI4 { q: [zero as u8 * 17; BLOCK_I4 / 2], scale, zero: zero as u8 };
        let mut error = 0.0;
        for (i, value) in values.iter().enumerate() {
            let q = ((value / scale).round_ties_even() + zero).clamp(0.0, 15.0);
            let miss = (q - zero) * scale - value;
            error += miss * miss;
            let shift = 4 * (i % 2);
            block.q[i / 2] = block.q[i / 2] & !(15 << shift) | (q as u8) << shift;
        }
        if error < best.0 {
            best = (error, block);
        }
    }
    best.1
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
    use crate::encoder::cpu::testing::Random;
    use crate::encoder::ops::linear::Activation;

    #[test]
    fn column_max_in_both_orders_and_in_chunks() {
        let spec = LinearSpec { inputs: 3, outputs: 2, activation: Activation::None };
        // Outputs: (1, -5, 2) and (-7, 0, 3).
        let cases = [
            (Order::OutIn, [1.0, -5.0, 2.0, -7.0, 0.0, 3.0]),
            (Order::InOut, [1.0, -7.0, -5.0, 0.0, 2.0, 3.0]),
        ];
        for (order, values) in cases {
            let mut max = ColumnMax::new(spec, order);
            max.see(0, values[..4].iter().copied());
            max.see(4, values[4..].iter().copied());
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
