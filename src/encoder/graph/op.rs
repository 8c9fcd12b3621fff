//! The contract of an operator.

use std::any::Any;
use std::fmt::Debug;

use super::prelude::*;

/// An operator of the typed graph.
pub(crate) trait TypedOp: Debug + Any + Send + Sync {
    /// Returns the facts of the outputs.
    ///
    /// # Errors
    /// If the operator cannot take such inputs.
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>>;

    /// Computes the outputs. `symbols` has the lengths of batch and sequence in a run, and is empty while
    /// constants are computed during translation.
    ///
    /// # Errors
    /// If the operator needs a symbol without a value, is only a placeholder, or does not take the inputs.
    fn eval(&self, symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>>;

    /// Returns false if a product is too large to compute during translation.
    fn is_quick(&self, _inputs: &[&TypedFact]) -> bool {
        true
    }
}

impl dyn TypedOp {
    /// Returns the operator as type `T`, if it is one.
    pub(crate) fn downcast_ref<T: TypedOp>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}

/// An operator, or one that is shared already.
pub(crate) trait IntoOp {
    /// Returns the operator, shared.
    fn into_op(self) -> Arc<dyn TypedOp>;
}

impl<T: TypedOp> IntoOp for T {
    fn into_op(self) -> Arc<dyn TypedOp> {
        Arc::new(self)
    }
}

impl IntoOp for Arc<dyn TypedOp> {
    fn into_op(self) -> Arc<dyn TypedOp> {
        self
    }
}

/// Returns the only input of an operator.
///
/// # Errors
/// If there is another number of inputs.
pub(crate) fn one<T>(inputs: impl IntoIterator<Item = T>) -> TractResult<T> {
    let mut inputs = inputs.into_iter();
    match (inputs.next(), inputs.next()) {
        (Some(one), None) => Ok(one),
        _ => bail!("one input is expected"),
    }
}

/// Returns a computed tensor as the only output.
pub(crate) fn computed(tensor: Tensor) -> TVec<Arc<Tensor>> {
    tvec!(Arc::new(tensor))
}
