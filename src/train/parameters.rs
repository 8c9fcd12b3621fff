//! The weights of a model by Hugging Face's names.

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Result, Tensor, Var, bail};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::failure::computation_failed;
use super::random::Random;
use crate::error::{Error, ErrorCode};

/// The deviation of random weights, as in BERT.
const DEVIATION: f32 = 0.02;
/// The purpose of these random numbers.
const PURPOSE: u64 = 1;

/// A tensor: shape and numbers, row-major.
pub type Numbers = (Vec<usize>, Vec<f32>);

/// Variables by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters {
    variables: BTreeMap<String, Var>,
}

impl Parameters {
    /// Adds a tensor.
    pub(super) fn insert(&mut self, name: &str, (shape, numbers): Numbers) -> crate::error::Result<()> {
        let var = Var::from_vec(numbers, shape, &Device::Cpu).map_err(computation_failed)?;
        self.variables.insert(name.to_owned(), var);
        Ok(())
    }

    /// Adds random numbers as BERT starts with: weights of a normal distribution, biases 0, and LayerNorms 1 and 0. The
    /// numbers of a tensor depend on the seed and its name only.
    pub(super) fn insert_random(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        seed: u64,
    ) -> crate::error::Result<()> {
        let count = shape.iter().product();
        let numbers = if name.ends_with(".bias") {
            vec![0.0; count]
        } else if name.contains("LayerNorm") {
            vec![1.0; count]
        } else {
            let parts: Vec<u64> = [PURPOSE].into_iter().chain(name.bytes().map(u64::from)).collect();
            let mut random = Random::new(seed, &parts);
            (0..count).map(|_| DEVIATION * random.normal()).collect()
        };
        self.insert(name, (shape, numbers))
    }

    /// Returns a variable.
    pub(super) fn get(&self, name: &str) -> Result<Var> {
        match self.variables.get(name) {
            Some(var) => Ok(var.clone()),
            None => bail!("there is no parameter `{name}`"),
        }
    }

    /// Returns the variables in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.variables.iter().map(|(name, var)| (name.as_str(), var))
    }

    /// Returns the numbers of a variable, row-major.
    pub(super) fn numbers(var: &Var) -> Result<Vec<f32>> {
        var.as_tensor().flatten_all()?.to_vec1()
    }

    /// Replaces the numbers of a variable.
    pub(super) fn set(var: &Var, numbers: Vec<f32>) -> Result<()> {
        var.set(&Tensor::from_vec(numbers, var.shape(), &Device::Cpu)?)
    }
}

/// Returns tensors and a description as a safetensors file.
///
/// # Errors
/// `INTERNAL` if they cannot be serialized.
pub(super) fn to_safetensors(
    tensors: &BTreeMap<String, Numbers>,
    description: Option<HashMap<String, String>>,
) -> crate::error::Result<Vec<u8>> {
    let failed = |e: safetensors::SafeTensorError| {
        Error::with_source(ErrorCode::Internal, "the weights cannot be serialized", e)
    };
    let bytes: Vec<(&str, &[usize], Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, numbers))| {
            (name.as_str(), &shape[..], numbers.iter().flat_map(|x| x.to_le_bytes()).collect())
        })
        .collect();
    let mut views = BTreeMap::new();
    for (name, shape, bytes) in &bytes {
        views.insert(*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(failed)?);
    }
    safetensors::serialize(views, description).map_err(failed)
}
