//! The LayerNorm module of sentence-transformers, with PyTorch's epsilon.

use crate::error::{Result, fail};

/// PyTorch's default epsilon, which the module cannot change.
const EPSILON: f64 = 1e-5;

/// A LayerNorm over the elements of a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl LayerNorm {
    /// Makes a LayerNorm over vectors of `weight.len()` elements.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if `bias` has another number of elements, or there are none.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>) -> Result<Self> {
        if weight.is_empty() || weight.len() != bias.len() {
            fail!(
                InvalidConfig,
                "a LayerNorm has {} weights and {} biases; expected the same number",
                weight.len(),
                bias.len()
            );
        }
        Ok(Self { weight, bias })
    }

    /// Returns the number of elements of a vector.
    pub fn width(&self) -> usize {
        self.weight.len()
    }

    /// Returns the weight and the bias.
    pub(crate) fn tensors(&self) -> [&[f32]; 2] {
        [&self.weight, &self.bias]
    }

    /// Normalizes rows in place, `[rows, width]`.
    pub(super) fn run(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.width()) {
            let count = row.len() as f64;
            let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
            let variance = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
            let scale = 1.0 / (variance + EPSILON).sqrt();
            for ((x, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
                *x = ((f64::from(*x) - mean) * scale) as f32 * weight + bias;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_norm_has_mean_bias_and_scale_weight() {
        let norm = LayerNorm::new(vec![2.0, 1.0], vec![0.5, 0.0]).unwrap();
        let mut rows = [1.0, 3.0, 5.0, 5.0];
        norm.run(&mut rows);
        assert!((rows[0] + 1.5).abs() < 1e-4 && (rows[1] - 1.0).abs() < 1e-4, "{rows:?}");
        assert_eq!(rows[2..], [0.5, 0.0]);
        assert!(LayerNorm::new(vec![1.0], vec![]).is_err());
    }
}
