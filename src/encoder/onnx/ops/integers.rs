//! Computes on integer constants, which may depend on batch or sequence.
//!
//! Exports compute shapes with the same operators as activations. tract could evaluate them, but would panic
//! on an overflow or a division by zero in a damaged file.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Dims, Value, static_length};
use crate::error::Result;

/// The largest absolute value of an integer. Integers in a graph are lengths, indices and masks, and sums and
/// products of two such integers fit into an int64.
const MAX_INTEGER: u64 = 1 << 31;

/// The most integers of a constant that is computed here.
const MAX_ELEMENTS: usize = 1 << 22;

/// Returns true if the absolute value of an integer is at most [`MAX_INTEGER`].
pub(crate) fn is_in_range(x: &TDim) -> bool {
    x.as_i64().is_none_or(|x| x.unsigned_abs() <= MAX_INTEGER)
}

impl TypedGraphBuilder {
    /// Applies `f` element by element to integer constants, with broadcasting. Returns the elements and the
    /// shape, or `None` if an operand is not an integer constant.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the shapes do not broadcast, or `f` returns `None`: for a division by zero, or for a
    /// comparison that depends on the batch.
    pub(crate) fn map_integers<T>(
        &mut self,
        operands: &[&Value],
        mut f: impl FnMut(&[&TDim]) -> Option<T>,
    ) -> Result<Option<(Vec<T>, Vec<usize>)>> {
        let Some(lists) = operands.iter().map(|v| v.integer_elements()).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let shapes: Vec<Dims> = operands.iter().map(|v| v.dims()).collect();
        let shape = self.broadcast(&shapes)?;
        let count = shape.iter().filter_map(static_length).try_fold(1usize, usize::checked_mul);
        let Some(count) = count.filter(|count| *count <= MAX_ELEMENTS) else {
            return Err(self.invalid(format_args!("an integer constant of shape {shape:?} is too large")));
        };
        let shape: Vec<usize> = shape.iter().filter_map(static_length).collect();
        let strides: Vec<Vec<usize>> = operands.iter().map(|v| strides(v, shape.len())).collect();
        let mut results = Vec::with_capacity(count);
        let mut arguments = Vec::with_capacity(lists.len());
        for index in 0..count {
            arguments.clear();
            for (list, strides) in lists.iter().zip(&strides) {
                let (mut rest, mut offset) = (index, 0);
                for (length, stride) in shape.iter().zip(strides).rev() {
                    offset += rest % length * stride;
                    rest /= length;
                }
                let Some(element) = list.get(offset).filter(|x| is_in_range(x)) else {
                    return Err(self.invalid("an integer is out of range"));
                };
                arguments.push(element);
            }
            match f(&arguments) {
                Some(result) => results.push(result),
                None => {
                    return Err(self.invalid(format_args!("it cannot be computed for {arguments:?}")));
                }
            }
        }
        Ok(Some((results, shape)))
    }
}

/// Returns the stride of a constant along each axis of the broadcast shape; 0 for an axis that is broadcast.
fn strides(value: &Value, rank: usize) -> Vec<usize> {
    let dims: Vec<usize> = value.dims().iter().filter_map(static_length).collect();
    let mut strides = vec![0; rank];
    let mut step = 1;
    for (stride, length) in strides.iter_mut().rev().zip(dims.iter().rev()) {
        if *length != 1 {
            *stride = step;
        }
        step *= length;
    }
    strides
}
