//! Nodes without inputs: the inputs of the graph, and constants.

use crate::encoder::graph::prelude::*;

/// An input of the graph.
#[derive(Debug)]
pub(crate) struct TypedSource;

impl TypedOp for TypedSource {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        bail!("an input has its fact from the start")
    }

    fn eval(&self, _symbols: &SymbolValues, _inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        bail!("an input has no value")
    }
}

/// A constant.
#[derive(Debug)]
pub(crate) struct Const(pub(crate) Arc<Tensor>);

impl TypedOp for Const {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(TypedFact::of(&self.0)))
    }

    fn eval(&self, _symbols: &SymbolValues, _inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        Ok(tvec!(self.0.clone()))
    }
}
