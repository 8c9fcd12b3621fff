//! What a translator gets and what it returns.

use tract_core::prelude::{TDim, TVec};

use super::node::Node;
use super::typed_graph_builder::TypedGraphBuilder;
use super::value::Value;
use crate::error::Result;

/// A node while it is translated: its inputs are values, and the graph grows.
pub(super) struct NodeContext<'a> {
    pub(super) node: &'a Node,
    pub(super) inputs: Vec<Option<Value>>,
    pub(super) builder: &'a mut TypedGraphBuilder,
}

impl NodeContext<'_> {
    /// An input that must be there.
    pub(super) fn input(&self, i: usize) -> Result<Value> {
        match self.optional(i) {
            Some(value) => Ok(value),
            None => Err(self.builder.invalid(format_args!("input {i} is missing"))),
        }
    }

    /// An input that may be left out.
    pub(super) fn optional(&self, i: usize) -> Option<Value> {
        self.inputs.get(i).cloned().flatten()
    }

    /// An axis that counts from the end when negative. `rank` itself is not an axis.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        match counted.and_then(|a| usize::try_from(a).ok()).filter(|a| *a < rank) {
            Some(axis) => Ok(axis),
            None => Err(self.builder.invalid(format_args!("axis {axis} of a value with {rank} axes"))),
        }
    }

    /// The elements of an integer input that must be known at load.
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

/// What a translator returns: one value for each output.
pub(super) type NodeOutputs = Result<TVec<Value>>;
