//! A linear layer: `y = x · Wᵀ + b`.

use candle_core::{Result, Tensor, Var};

use super::parameters::Parameters;
use super::tensor_ops::add_bias;

/// A linear layer.
pub(super) struct LinearLayer {
    weight: Var,
    bias: Var,
}

impl LinearLayer {
    /// Takes `NAME.weight`, `[outputs, inputs]`, and `NAME.bias`, `[outputs]`, from the parameters.
    pub(super) fn new(parameters: &Parameters, name: &str) -> Result<Self> {
        Ok(Self {
            weight: parameters.get(&format!("{name}.weight"))?,
            bias: parameters.get(&format!("{name}.bias"))?,
        })
    }

    /// Maps `[…, inputs]` to `[…, outputs]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        let inputs = shape.pop().unwrap_or(1);
        shape.push(self.weight.dim(0)?);
        let y = x.reshape(((), inputs))?.matmul(&self.weight.t()?)?;
        add_bias(&y, &self.bias)?.reshape(shape)
    }
}
