//! Reads the weights of a plan as rows of floats, as a checkpoint has them.

use super::decode::{floats, order};
use super::op::LinearOp;
use super::store::WeightStore;
use super::tensor::{TensorData, TensorRef};
use super::weight::{Matrix, Vector};
use crate::encoder::reserve::try_filled;
use crate::encoder::spec::WeightOrder;
use crate::encoder::transpose::transpose;
use crate::error::Result;

/// Returns the elements of a weight by its index among the graph's weights.
pub(super) type Load<'a> = &'a dyn Fn(usize) -> Result<TensorData>;

/// Returns the weight of a Linear, `[outputs, inputs]`, multiplied by its input factors.
pub(super) fn linear_weight(linear: &LinearOp, weights: usize, load: Load) -> Result<Vec<f32>> {
    let (matrix, inputs) = (&linear.weight, linear.spec.inputs);
    let mut values = matrix_values(matrix, weights, load)?;
    if order(matrix) == WeightOrder::InOut {
        values = transpose(&values, matrix.used()[1]);
    }
    if let Some(factors) = &linear.input_factors {
        let factors = vector_values(factors, inputs, weights, load)?;
        values.iter_mut().zip(factors.iter().cycle()).for_each(|(x, factor)| *x *= factor);
    }
    Ok(values)
}

/// Returns the bias of a Linear, `[outputs]`. A Linear without one has zeros.
pub(super) fn linear_bias(linear: &LinearOp, weights: usize, load: Load) -> Result<Vec<f32>> {
    match &linear.bias {
        Some(bias) => vector_values(bias, linear.spec.outputs, weights, load),
        None => try_filled(linear.spec.outputs, 0.0, "a bias of zeros"),
    }
}

/// Returns a store with the elements of `tensors`.
fn filled_store(tensors: &[&TensorRef], weights: usize, load: Load) -> Result<WeightStore> {
    let indices: Vec<usize> = tensors
        .iter()
        .filter_map(|tensor| match tensor {
            TensorRef::Weight(index) => Some(*index),
            TensorRef::Constant(_) => None,
        })
        .collect();
    let mut store = WeightStore::of(weights, &indices);
    for index in indices {
        if store.wants(index) {
            store.put(index, load(index)?);
        }
    }
    Ok(store)
}

/// Returns the values of a matrix in the stored order.
pub(super) fn matrix_values(matrix: &Matrix, weights: usize, load: Load) -> Result<Vec<f32>> {
    let mut tensors = Vec::new();
    matrix.tensors(&mut tensors);
    let mut store = filled_store(&tensors, weights, load)?;
    floats(&mut store, matrix)
}

pub(super) fn vector_values(vector: &Vector, len: usize, weights: usize, load: Load) -> Result<Vec<f32>> {
    let mut tensors = Vec::new();
    vector.tensors(&mut tensors);
    filled_store(&tensors, weights, load)?.vector(vector, len)
}
