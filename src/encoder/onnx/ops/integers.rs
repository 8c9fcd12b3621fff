//! Arithmetic on integer constants, of which some depend on batch or sequence.
//!
//! Exports compute shapes with the same operators as numbers. tract could fold
//! them, but would panic on an overflow or a division by zero in a corrupt file.

use tract_core::prelude::*;

use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Dims, Value, static_length};
use crate::error::Result;

/// Integers in a graph are lengths, indices and masks. Beyond this they are
/// corrupt; kept below it, their sums and products stay within an int64.
const MAX_INTEGER: u64 = 1 << 31;

/// More integers than any computation on shapes or positions has.
const MAX_ELEMENTS: usize = 1 << 22;

/// Whether an integer is of a size that lengths and indices have.
pub(crate) fn is_in_range(x: &TDim) -> bool {
    x.as_i64().is_none_or(|x| x.unsigned_abs() <= MAX_INTEGER)
}

impl TypedGraphBuilder {
    /// Applies `f` element by element to integer constants, broadcast. `None` when
    /// an operand is no integer constant.
    ///
    /// # Errors
    /// `INVALID_MODEL` when the shapes do not go together or `f` gives no result:
    /// it divides by zero, say, or asks whether the batch is greater than seven.
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
            return Err(self.invalid(format_args!("it computes {shape:?} integers")));
        };
        let shape: Vec<usize> = shape.iter().filter_map(static_length).collect();
        let strides: Vec<Vec<usize>> = operands.iter().map(|v| strides(v, shape.len())).collect();
        let mut results = Vec::with_capacity(count);
        let mut arguments = Vec::with_capacity(lists.len());
        for index in 0..count {
            arguments.clear();
            for (list, strides) in lists.iter().zip(&strides) {
                let (mut rest, mut at) = (index, 0);
                for (length, stride) in shape.iter().zip(strides).rev() {
                    at += rest % length * stride;
                    rest /= length;
                }
                let Some(element) = list.get(at).filter(|x| is_in_range(x)) else {
                    return Err(self.invalid("it computes with an integer that is out of range"));
                };
                arguments.push(element);
            }
            match f(&arguments) {
                Some(result) => results.push(result),
                None => {
                    return Err(
                        self.invalid(format_args!("it cannot be computed on {arguments:?} before a run"))
                    );
                }
            }
        }
        Ok(Some((results, shape)))
    }
}

/// The step in a constant's elements along each axis of the broadcast shape.
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
