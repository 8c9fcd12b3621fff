//! LayerNorm, alone or of a sum: `y = (x − mean) / √(variance + ε) · γ + β` for each row.

use super::simd::{F32x4, LANES};

/// The weights of a LayerNorm.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    eps: f32,
}

impl LayerNorm {
    /// Takes `gamma` and `beta`, `[hidden]` each.
    ///
    /// # Panics
    /// If they have different lengths.
    pub fn new(gamma: Vec<f32>, beta: Vec<f32>, eps: f32) -> Self {
        assert_eq!(gamma.len(), beta.len(), "gamma and beta are [hidden]");
        Self { gamma, beta, eps }
    }

    /// Returns the width of a row.
    pub fn hidden(&self) -> usize {
        self.gamma.len()
    }

    /// Returns the bytes held.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.gamma[..]) + size_of_val(&self.beta[..])
    }

    /// Computes `rows = LayerNorm(rows)` in place. `rows` is `[tokens, hidden]`.
    ///
    /// # Panics
    /// If the length of `rows` is not a multiple of `hidden`.
    pub fn layer_norm(&self, rows: &mut [f32]) {
        assert!(rows.len().is_multiple_of(self.hidden().max(1)), "rows is [tokens, hidden]");
        for row in rows.chunks_exact_mut(self.hidden().max(1)) {
            self.norm_row(row);
        }
    }

    /// Computes `rows = LayerNorm(rows + residual)` in place. Both are `[tokens, hidden]`.
    ///
    /// # Panics
    /// If `rows` and `residual` differ in length, or their length is not a multiple of `hidden`.
    pub fn add_norm(&self, rows: &mut [f32], residual: &[f32]) {
        assert_eq!(rows.len(), residual.len(), "rows and residual are [tokens, hidden]");
        assert!(rows.len().is_multiple_of(self.hidden().max(1)), "rows is [tokens, hidden]");
        let hidden = self.hidden().max(1);
        for (row, residual) in rows.chunks_exact_mut(hidden).zip(residual.chunks_exact(hidden)) {
            add(row, residual);
            self.norm_row(row);
        }
    }

    /// Normalizes one row in two passes: the mean, then the squared differences from it. A single pass over
    /// sums and squares would lose the variance of a row with a large mean.
    fn norm_row(&self, row: &mut [f32]) {
        let count = row.len() as f32;
        let mean = sum(row, 0.0, |x| x) / count;
        let center = F32x4::splat(mean);
        let squares = sum(row, mean, |x| {
            let x = x.sub(center);
            x.mul(x)
        });
        let scale = F32x4::splat(1.0 / (squares / count + self.eps).sqrt());
        let norm = |x: F32x4, g: F32x4, b: F32x4| x.sub(center).mul(scale).mul(g).add(b);
        let (vectors, rest) = row.as_chunks_mut::<LANES>();
        let (gammas, gamma_rest) = self.gamma.as_chunks::<LANES>();
        let (betas, beta_rest) = self.beta.as_chunks::<LANES>();
        for ((x, g), b) in vectors.iter_mut().zip(gammas).zip(betas) {
            norm(F32x4::load(x), F32x4::load(g), F32x4::load(b)).store(x);
        }
        if !rest.is_empty() {
            let part = |part: &[f32]| F32x4::load_part(part, 0.0);
            norm(part(rest), part(gamma_rest), part(beta_rest)).store_part(rest);
        }
    }
}

/// Computes `row += other`. Both have the same length.
pub(super) fn add(row: &mut [f32], other: &[f32]) {
    let (vectors, rest) = row.as_chunks_mut::<LANES>();
    let (others, other_rest) = other.as_chunks::<LANES>();
    for (x, y) in vectors.iter_mut().zip(others) {
        F32x4::load(x).add(F32x4::load(y)).store(x);
    }
    for (x, y) in rest.iter_mut().zip(other_rest) {
        *x += y;
    }
}

/// Returns Σ f(x) in a fixed order: sixteen running sums, so that no addition waits for the previous one.
/// `neutral` pads the last vector; `f(neutral)` must be 0.
#[inline(always)]
fn sum(row: &[f32], neutral: f32, f: impl Fn(F32x4) -> F32x4) -> f32 {
    let mut sums = [F32x4::zero(); 4];
    let (blocks, rest) = row.as_chunks::<16>();
    for block in blocks {
        let (vectors, _) = block.as_chunks::<LANES>();
        for (sum, x) in sums.iter_mut().zip(vectors) {
            *sum = sum.add(f(F32x4::load(x)));
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest.chunks(LANES)) {
        *sum = sum.add(f(F32x4::load_part(x, neutral)));
    }
    sums[0].add(sums[2]).add(sums[1].add(sums[3])).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::reference::add_norm::reference_add_norm;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn add_norm_is_close_to_the_reference(rows in 0usize..5, hidden in 1usize..100, seed in any::<u64>(), mean in -50f32..50.0) {
            let mut random = Random(seed);
            let x: Vec<f32> = (0..rows * hidden).map(|_| random.normal() + mean).collect();
            let residual = random.normals(x.len());
            let norm = LayerNorm::new(random.normals(hidden), random.normals(hidden), 1e-5);
            for residual in [residual, vec![0.0; x.len()]] {
                let expected = reference_add_norm(&x, &residual, &norm.gamma, &norm.beta, norm.eps);
                let mut got = x.clone();
                norm.add_norm(&mut got, &residual);
                for (got, expected) in got.iter().zip(&expected) {
                    // Subtracting the mean loses digits: |mean| / deviation. The deviation of a row of one or
                    // two values may be tiny.
                    let max_error = 4e-5 * (1.0 + mean.abs()) * if hidden < 4 { 30.0 } else { 1.0 };
                    prop_assert!((got - expected).abs() <= max_error, "{got} {expected}");
                }
            }
        }
    }

    #[test]
    fn add_norm_is_precise_for_rows_of_768_values() {
        let mut random = Random(9);
        let mut worst = 0.0f32;
        for _ in 0..50 {
            let x = random.normals(768);
            let residual = random.normals(768);
            let norm = LayerNorm::new(random.normals(768), random.normals(768), 1e-12);
            let expected = reference_add_norm(&x, &residual, &norm.gamma, &norm.beta, norm.eps);
            let mut got = x.clone();
            norm.add_norm(&mut got, &residual);
            worst = got.iter().zip(&expected).fold(worst, |m, (g, e)| m.max((g - e).abs()));
        }
        assert!(worst < 1.5e-6, "{worst}");
    }

    #[test]
    fn layer_norm_handles_equal_values_and_nan() {
        let norm = LayerNorm::new(vec![1.0; 5], vec![0.5; 5], 1e-12);
        let mut same = vec![7.0; 5];
        norm.layer_norm(&mut same);
        assert_eq!(same, [0.5; 5]);
        let mut bad = vec![1.0, f32::NAN, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        norm.layer_norm(&mut bad);
        assert!(bad[..5].iter().all(|x| x.is_nan()) && bad[5..].iter().all(|x| x.is_finite()));
        norm.layer_norm(&mut []);
    }
}
