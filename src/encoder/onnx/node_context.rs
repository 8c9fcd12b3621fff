//! The arguments and the result of a translator, the function that translates an operator.

use super::node::Node;
use super::typed_graph_builder::TypedGraphBuilder;
use super::value::Value;
use crate::encoder::graph::prelude::*;
use crate::error::Result;

/// The node that is translated, the values of its inputs, and the graph that grows.
pub(super) struct NodeContext<'a> {
    pub(super) node: &'a Node,
    pub(super) inputs: Vec<Option<Value>>,
    pub(super) builder: &'a mut TypedGraphBuilder,
}

impl NodeContext<'_> {
    /// Returns a required input.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the node does not have it.
    pub(super) fn input(&self, i: usize) -> Result<Value> {
        match self.optional(i) {
            Some(value) => Ok(value),
            None => Err(self.builder.invalid(format_args!("input {i} is missing"))),
        }
    }

    /// Returns an optional input.
    pub(super) fn optional(&self, i: usize) -> Option<Value> {
        self.inputs.get(i).cloned().flatten()
    }

    /// Returns true if an input is a stored tensor of 4-bit integers. In tract's graph each of them has a byte.
    pub(super) fn has_four_bits(&self, i: usize) -> bool {
        self.node.inputs.get(i).is_some_and(|name| self.builder.four_bit_tensors.contains(name))
    }

    /// Returns an axis as an index. A negative axis counts from the last one.
    ///
    /// # Errors
    /// `INVALID_MODEL` if there is no such axis.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        match counted.and_then(|a| usize::try_from(a).ok()).filter(|a| *a < rank) {
            Some(axis) => Ok(axis),
            None => Err(self
                .builder
                .invalid(format_args!("axis {axis} is out of range for a value of {rank} axes"))),
        }
    }

    /// Returns the elements of a constant integer input.
    ///
    /// # Errors
    /// `UNSUPPORTED_OPERATOR` if the input is not a constant, or depends on batch or sequence.
    pub(super) fn constant_integers(&self, i: usize) -> Result<Vec<i64>> {
        let lengths = self.input(i)?.integer_elements();
        match lengths.and_then(|l| l.iter().map(TDim::as_i64).collect()) {
            Some(integers) => Ok(integers),
            None => {
                Err(self.builder.unsupported(format_args!("input {i} is not a constant list of integers")))
            }
        }
    }
}

/// The result of a translator: one value per output.
pub(super) type NodeOutputs = Result<TVec<Value>>;
