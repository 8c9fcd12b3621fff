//! A Dense layer: `activation(x · Wᵀ + bias)`, plus a residual connection if the model has one.

use crate::error::{Result, fail};

use super::activation::HeadActivation;

/// A linear layer with an activation function.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    inputs: usize,
    outputs: usize,
    /// `[inputs, outputs]`: the transpose of PyTorch's layout, so that the inner loop runs along the outputs.
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    activation: HeadActivation,
    residual: Residual,
}

/// The values that are added to the result of a Dense layer.
#[derive(Debug, Clone, PartialEq)]
enum Residual {
    None,
    /// The input itself.
    Input,
    /// A product of the input, `[inputs, outputs]`.
    Product(Vec<f32>),
}

impl Dense {
    /// Makes a layer. `weight` is row-major `[outputs, inputs]`, as PyTorch stores it; `bias` has `outputs`
    /// elements.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if the number of elements is another one, or a size is 0.
    pub fn new(
        inputs: usize,
        outputs: usize,
        weight: &[f32],
        bias: Option<Vec<f32>>,
        activation: HeadActivation,
    ) -> Result<Self> {
        if inputs == 0 || outputs == 0 || bias.as_ref().is_some_and(|bias| bias.len() != outputs) {
            fail!(
                InvalidConfig,
                "a Dense layer of {inputs} inputs and {outputs} outputs has a bias of {} elements",
                bias.map_or(0, |bias| bias.len())
            );
        }
        let weight = transpose(weight, inputs, outputs)?;
        Ok(Self { inputs, outputs, weight, bias, activation, residual: Residual::None })
    }

    /// Adds the residual connection: the input is added to the result of the activation. `weight`,
    /// `[outputs, inputs]`, projects it first.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if there is no `weight` and the layer has not as many outputs as inputs.
    pub fn with_residual(mut self, weight: Option<&[f32]>) -> Result<Self> {
        self.residual = match weight {
            Some(weight) => Residual::Product(transpose(weight, self.inputs, self.outputs)?),
            None if self.inputs == self.outputs => Residual::Input,
            None => fail!(
                InvalidConfig,
                "the residual connection of a Dense layer of {} inputs and {} outputs needs a weight",
                self.inputs,
                self.outputs
            ),
        };
        Ok(self)
    }

    /// Returns the number of elements of an input row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of elements of an output row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns the sizes and functions of the layer as text, for a hash.
    pub(crate) fn description(&self) -> String {
        let activation = serde_json::to_value(self.activation).unwrap_or_default();
        let residual = match &self.residual {
            Residual::None => "none",
            Residual::Input => "input",
            Residual::Product(_) => "product",
        };
        format!("{} {} {activation} {residual}", self.inputs, self.outputs)
    }

    /// Returns the weight, `[inputs, outputs]`, the bias and the weight of the residual connection.
    pub(crate) fn tensors(&self) -> Vec<&[f32]> {
        let mut tensors = vec![&self.weight[..]];
        tensors.extend(self.bias.as_deref());
        if let Residual::Product(weight) = &self.residual {
            tensors.push(weight);
        }
        tensors
    }

    /// Computes `[rows, outputs]` from `[rows, inputs]`.
    pub(super) fn run(&self, rows: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; rows.len() / self.inputs * self.outputs];
        for (row, out) in rows.chunks_exact(self.inputs).zip(out.chunks_exact_mut(self.outputs)) {
            add_product(out, row, &self.weight);
            if let Some(bias) = &self.bias {
                out.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
            }
            out.iter_mut().for_each(|y| *y = self.activation.apply(*y));
            match &self.residual {
                Residual::None => {}
                Residual::Input => out.iter_mut().zip(row).for_each(|(y, x)| *y += x),
                Residual::Product(weight) => add_product(out, row, weight),
            }
        }
        out
    }
}

/// Adds `row · weight` to `out`. `weight` is `[row.len(), out.len()]`.
fn add_product(out: &mut [f32], row: &[f32], weight: &[f32]) {
    for (x, weights) in row.iter().zip(weight.chunks_exact(out.len())) {
        out.iter_mut().zip(weights).for_each(|(y, w)| *y += x * w);
    }
}

/// Returns `[inputs, outputs]` for a weight `[outputs, inputs]`.
fn transpose(weight: &[f32], inputs: usize, outputs: usize) -> Result<Vec<f32>> {
    if inputs.checked_mul(outputs) != Some(weight.len()) {
        fail!(
            InvalidConfig,
            "the weight of a Dense layer has {} elements; expected {inputs} inputs × {outputs} outputs",
            weight.len()
        );
    }
    let mut transposed = Vec::new();
    if transposed.try_reserve_exact(weight.len()).is_err() {
        fail!(OutOfMemory, "cannot reserve memory for a Dense layer of {} weights", weight.len());
    }
    for input in 0..inputs {
        transposed.extend((0..outputs).map(|output| weight[output * inputs + input]));
    }
    Ok(transposed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_adds_bias_then_activates_then_adds_the_residual() {
        let dense =
            Dense::new(2, 2, &[1.0, 2.0, -3.0, 0.0], Some(vec![0.5, -1.0]), HeadActivation::Relu).unwrap();
        assert_eq!(dense.run(&[1.0, 1.0]), [3.5, 0.0]);
        let same = dense.clone().with_residual(None).unwrap();
        assert_eq!(same.run(&[1.0, 1.0]), [4.5, 1.0]);
        let projected = dense.with_residual(Some(&[10.0, 0.0, 0.0, 20.0])).unwrap();
        assert_eq!(projected.run(&[1.0, 1.0]), [13.5, 20.0]);
    }

    #[test]
    fn dense_rejects_tensors_of_other_sizes() {
        assert!(Dense::new(2, 2, &[1.0; 3], None, HeadActivation::Tanh).is_err());
        assert!(Dense::new(2, 2, &[1.0; 4], Some(vec![0.0; 3]), HeadActivation::Tanh).is_err());
        assert!(Dense::new(0, 2, &[], None, HeadActivation::Tanh).is_err());
        let dense = Dense::new(2, 1, &[1.0; 2], None, HeadActivation::Tanh).unwrap();
        assert!(dense.with_residual(None).is_err());
    }
}
