//! The value that a name of the ONNX graph has while the graph is translated.

/// The shape of a value. A length may be an expression of batch and sequence.
use crate::encoder::graph::prelude::*;

pub(super) type Dims = TVec<TDim>;

/// A constant, or an outlet of the graph that is being built.
///
/// A constant enters the graph only when an operator with a non-constant input needs it.
/// Everything that depends on shapes and weights alone is therefore computed during translation and
/// adds no node. An int64 constant that depends on batch or sequence has the type `TDim`; a `Wire`
/// never has it.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Known during translation.
    Const(Arc<Tensor>),
    /// Known in a run.
    Wire(OutletId, DatumType, Dims),
}

impl Value {
    /// Makes a constant.
    pub(super) fn constant(tensor: impl IntoArcTensor) -> Self {
        Self::Const(tensor.into_arc_tensor())
    }

    /// Makes a float constant without axes.
    pub(super) fn float(x: f32) -> Self {
        Self::constant(tensor0(x))
    }

    /// Returns the element type. `TDim` is the int64 of constants that depend on batch or sequence.
    pub(super) fn datum_type(&self) -> DatumType {
        match self {
            Self::Const(t) => t.datum_type(),
            Self::Wire(_, datum_type, _) => *datum_type,
        }
    }

    /// Returns the element type in ONNX's terms: int64 for `TDim`.
    pub(super) fn onnx_type(&self) -> DatumType {
        if self.datum_type().is_tdim() { DatumType::I64 } else { self.datum_type() }
    }

    /// Returns the shape.
    pub(super) fn dims(&self) -> Dims {
        match self {
            Self::Const(t) => t.shape().iter().map(ToDim::to_dim).collect(),
            Self::Wire(_, _, dims) => dims.clone(),
        }
    }

    /// Returns the number of axes.
    pub(super) fn rank(&self) -> usize {
        match self {
            Self::Const(t) => t.rank(),
            Self::Wire(_, _, dims) => dims.len(),
        }
    }

    /// Returns the tensor of a constant.
    pub(super) fn tensor(&self) -> Option<&Arc<Tensor>> {
        match self {
            Self::Const(t) => Some(t),
            Self::Wire(..) => None,
        }
    }

    /// Returns the elements of an integer constant. (tract-data's cast to `TDim` goes through int32 and would
    /// turn the largest int64, which exporters use for "to the end" of a slice, into -1.)
    pub(super) fn integer_elements(&self) -> Option<Vec<TDim>> {
        let plain = self.tensor()?.try_as_plain_ram().ok()?;
        Some(match self.datum_type() {
            DatumType::I64 => plain.as_slice::<i64>().ok()?.iter().map(|x| TDim::Val(*x)).collect(),
            DatumType::I32 => {
                plain.as_slice::<i32>().ok()?.iter().map(|x| TDim::Val(i64::from(*x))).collect()
            }
            DatumType::TDim => plain.as_slice::<TDim>().ok()?.to_vec(),
            _ => return None,
        })
    }
}

/// Returns the length of an axis, if it does not depend on batch or sequence.
pub(super) fn static_length(dim: &TDim) -> Option<usize> {
    dim.as_i64().and_then(|n| usize::try_from(n).ok())
}

/// Makes an integer constant: int64, or `TDim` if an element depends on batch or sequence.
pub(super) fn integer_constant(elements: &[TDim], shape: &[usize]) -> TractResult<Value> {
    let known: Option<Vec<i64>> = elements.iter().map(TDim::as_i64).collect();
    Ok(Value::constant(match known {
        Some(known) => Tensor::from_shape(shape, &known)?,
        None => tensor1(elements).into_shape(shape)?,
    }))
}
