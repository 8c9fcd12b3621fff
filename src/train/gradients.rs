//! The gradients of a step, summed over its passes.

use std::collections::BTreeMap;

use candle_core::Result;
use candle_core::backprop::GradStore;

use super::parameters::Parameters;

/// A gradient per parameter, row-major.
#[derive(Debug, Default)]
pub(super) struct Gradients {
    by_name: BTreeMap<String, Vec<f32>>,
}

impl Gradients {
    /// Adds the gradients of a backward pass.
    pub(super) fn add(&mut self, parameters: &Parameters, found: &GradStore) -> Result<()> {
        for (name, var) in parameters.iter() {
            let Some(gradient) = found.get(var.as_tensor()) else { continue };
            let numbers: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
            match self.by_name.get_mut(name) {
                Some(sum) => sum.iter_mut().zip(numbers).for_each(|(sum, x)| *sum += x),
                None => drop(self.by_name.insert(name.to_owned(), numbers)),
            }
        }
        Ok(())
    }

    /// Returns the gradient of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&[f32]> {
        self.by_name.get(name).map(Vec::as_slice)
    }

    /// Returns the gradients by name.
    pub(super) fn into_map(self) -> BTreeMap<String, Vec<f32>> {
        self.by_name
    }
}
