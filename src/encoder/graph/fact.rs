//! Facts about an outlet that are known before a run.

use std::ops::Deref;

use super::prelude::*;

/// A shape. A length may be an expression of batch and sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShapeFact {
    dims: TVec<TDim>,
    /// The lengths, if all are numbers.
    concrete: Option<TVec<usize>>,
}

impl ShapeFact {
    /// Returns the lengths if all are numbers.
    pub(crate) fn as_concrete(&self) -> Option<&[usize]> {
        self.concrete.as_deref()
    }

    /// Returns true if all lengths are numbers.
    pub(crate) fn is_concrete(&self) -> bool {
        self.concrete.is_some()
    }

    /// Returns the lengths.
    pub(crate) fn to_tvec(&self) -> TVec<TDim> {
        self.dims.clone()
    }

    /// Returns the number of elements.
    pub(crate) fn volume(&self) -> TDim {
        self.dims.iter().product()
    }

    /// Returns the lengths under `values`.
    ///
    /// # Errors
    /// If a length depends on a symbol without a value, or is negative.
    pub(crate) fn eval(&self, values: &SymbolValues) -> TractResult<TVec<usize>> {
        self.dims.iter().map(|dim| length(dim, values)).collect()
    }
}

/// Returns a length under `values`.
///
/// # Errors
/// If it depends on a symbol without a value, or is negative.
pub(crate) fn length(dim: &TDim, values: &SymbolValues) -> TractResult<usize> {
    Ok(usize::try_from(dim.eval(values).to_i64()?)?)
}

impl Deref for ShapeFact {
    type Target = [TDim];

    fn deref(&self) -> &[TDim] {
        &self.dims
    }
}

impl<D: ToDim, T: IntoIterator<Item = D>> From<T> for ShapeFact {
    fn from(dims: T) -> Self {
        let dims: TVec<TDim> = dims.into_iter().map(|dim| dim.to_dim()).collect();
        let length = |dim: &TDim| dim.as_i64().and_then(|n| usize::try_from(n).ok());
        let concrete = dims.iter().map(length).collect();
        Self { dims, concrete }
    }
}

/// The type and the shape of an outlet, and its value if it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypedFact {
    pub(crate) datum_type: DatumType,
    pub(crate) shape: ShapeFact,
    /// The value of a constant.
    pub(crate) konst: Option<Arc<Tensor>>,
    /// The number that every element equals, as a scalar, if it is known.
    pub(crate) uniform: Option<Arc<Tensor>>,
}

impl TypedFact {
    /// Returns the fact of a value with a type and a shape.
    pub(crate) fn new(datum_type: DatumType, shape: impl Into<ShapeFact>) -> Self {
        Self { datum_type, shape: shape.into(), konst: None, uniform: None }
    }

    /// Returns the number of axes.
    pub(crate) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Returns the fact of a constant.
    pub(crate) fn of(tensor: &Arc<Tensor>) -> Self {
        let mut fact = tensor.datum_type().fact(tensor.shape().iter());
        if tensor.len() > 0 && tensor.is_uniform() {
            fact.uniform = tensor.as_uniform().map(Arc::new);
        }
        fact.konst = Some(tensor.clone());
        fact
    }
}

/// Makes facts of a type.
pub(crate) trait FactOf {
    /// Returns the fact of a value with a shape.
    fn fact(self, shape: impl Into<ShapeFact>) -> TypedFact;
    /// Returns the fact of a value without axes.
    fn scalar_fact(self) -> TypedFact;
}

impl FactOf for DatumType {
    fn fact(self, shape: impl Into<ShapeFact>) -> TypedFact {
        TypedFact::new(self, shape)
    }

    fn scalar_fact(self) -> TypedFact {
        self.fact(std::iter::empty::<TDim>())
    }
}
