//! The head: what follows the pooling. Vectors in, vectors out.
//!
//! A head is a list of sentence-transformers' modules: Dense layers, LayerNorms and L2 normalizations. Each
//! module computes one row per text, `[texts, width]`, from the rows of the module before it.
//!
//! ```
//! use corom::head::{Dense, Head, HeadActivation, HeadLayer};
//!
//! // Two inputs, one output: 1 x + 2 y + 0.5.
//! let dense = Dense::new(2, 1, &[1.0, 2.0], Some(vec![0.5]), HeadActivation::Identity)?;
//! let head = Head::new(2, vec![HeadLayer::Dense(dense)])?;
//! assert_eq!(head.outputs(), 1);
//! assert_eq!(head.run(vec![1.0, 1.0, -1.0, 0.0]), [3.5, -0.5]);
//! # Ok::<(), corom::error::Error>(())
//! ```

mod activation;
mod dense;
mod layer_norm;

pub use activation::HeadActivation;
pub use dense::Dense;
pub use layer_norm::LayerNorm;

use crate::error::{Result, fail};
use crate::l2::l2_normalize;

/// One module of a head.
#[derive(Debug, Clone, PartialEq)]
pub enum HeadLayer {
    /// A linear layer with an activation function.
    Dense(Dense),
    /// A LayerNorm with weight and bias.
    LayerNorm(LayerNorm),
    /// L2 normalization.
    Normalize,
}

/// The modules after the pooling, in their order. An empty head returns its input.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    inputs: usize,
    outputs: usize,
    layers: Vec<HeadLayer>,
}

impl Head {
    /// Joins modules whose input has `inputs` elements per text.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if a module takes another number of elements than the module before it returns.
    pub fn new(inputs: usize, layers: Vec<HeadLayer>) -> Result<Self> {
        let mut width = inputs;
        for (i, layer) in layers.iter().enumerate() {
            let (name, takes, gives) = match layer {
                HeadLayer::Dense(dense) => ("Dense", dense.inputs(), dense.outputs()),
                HeadLayer::LayerNorm(norm) => ("LayerNorm", norm.width(), norm.width()),
                HeadLayer::Normalize => continue,
            };
            if takes != width {
                fail!(
                    InvalidConfig,
                    "module {} after the pooling ({name}) takes {takes} numbers per text, but the vector before it has \
                     {width}: the files belong to different models",
                    i + 1
                );
            }
            width = gives;
        }
        Ok(Self { inputs, outputs: width, layers })
    }

    /// Makes the head without modules.
    pub fn empty(width: usize) -> Self {
        Self { inputs: width, outputs: width, layers: Vec::new() }
    }

    /// Returns the number of elements per text that the head takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of elements per text that the head returns.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns the modules.
    pub(crate) fn layers(&self) -> &[HeadLayer] {
        &self.layers
    }

    /// Computes `[texts, outputs]` from `[texts, inputs]`.
    pub fn run(&self, vectors: Vec<f32>) -> Vec<f32> {
        let (mut rows, mut width) = (vectors, self.inputs);
        for layer in &self.layers {
            match layer {
                HeadLayer::Dense(dense) => {
                    rows = dense.run(&rows);
                    width = dense.outputs();
                }
                HeadLayer::LayerNorm(norm) => norm.run(&mut rows),
                HeadLayer::Normalize => l2_normalize(&mut rows, width),
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn dense(inputs: usize, outputs: usize) -> HeadLayer {
        let weight: Vec<f32> = (0..inputs * outputs).map(|i| i as f32).collect();
        HeadLayer::Dense(Dense::new(inputs, outputs, &weight, None, HeadActivation::Identity).unwrap())
    }

    #[test]
    fn head_runs_modules_in_order_and_changes_the_width() {
        let head = Head::new(2, vec![HeadLayer::Normalize, dense(2, 3), dense(3, 1)]).unwrap();
        assert_eq!((head.inputs(), head.outputs()), (2, 1));
        // [0.6, 0.8] · [[0, 1], [2, 3], [4, 5]]ᵀ = [0.8, 3.6, 6.4]; · [0, 1, 2]ᵀ = 16.4
        assert!((head.run(vec![3.0, 4.0])[0] - 16.4).abs() < 1e-5);
        assert_eq!(Head::new(2, Vec::new()).unwrap().run(vec![1.0, 2.0]), [1.0, 2.0]);
    }

    #[test]
    fn head_rejects_modules_that_do_not_fit() {
        let error = Head::new(3, vec![HeadLayer::Normalize, dense(2, 3)]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidConfig);
        assert!(error.message().contains("module 2") && error.message().contains("has 3"), "{error}");
    }
}
