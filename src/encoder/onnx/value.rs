//! What a name of the ONNX graph stands for while the graph is translated.

use tract_core::prelude::*;

/// The lengths of a tensor's axes, in terms of the batch and the sequence.
pub(super) type Dims = TVec<TDim>;

/// A constant, or an outlet of the graph that is being built.
///
/// Constants stay out of the tract graph until an operator on a variable needs
/// them, so that whatever ONNX computes from shapes and weights alone is worked
/// out on the way and leaves nothing behind. An int64 constant that depends on
/// the batch or the sequence is of type `TDim`; no variable ever is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Known at load.
    Const(Arc<Tensor>),
    /// Known when the encoder runs.
    Wire(OutletId, DatumType, Dims),
}

impl Value {
    /// A constant.
    pub(super) fn constant(tensor: impl IntoArcTensor) -> Self {
        Self::Const(tensor.into_arc_tensor())
    }

    /// A float constant of no axes.
    pub(super) fn float(x: f32) -> Self {
        Self::constant(tensor0(x))
    }

    /// The element type; `TDim` is the int64 of constants that depend on the batch.
    pub(super) fn datum_type(&self) -> DatumType {
        match self {
            Self::Const(t) => t.datum_type(),
            Self::Wire(_, datum_type, _) => *datum_type,
        }
    }

    /// The element type as ONNX has it: int64 for `TDim`.
    pub(super) fn onnx_type(&self) -> DatumType {
        if self.datum_type().is_tdim() { DatumType::I64 } else { self.datum_type() }
    }

    /// The axes.
    pub(super) fn dims(&self) -> Dims {
        match self {
            Self::Const(t) => t.shape().iter().map(ToDim::to_dim).collect(),
            Self::Wire(_, _, dims) => dims.clone(),
        }
    }

    /// How many axes.
    pub(super) fn rank(&self) -> usize {
        match self {
            Self::Const(t) => t.rank(),
            Self::Wire(_, _, dims) => dims.len(),
        }
    }

    /// The tensor, if it is a constant.
    pub(super) fn tensor(&self) -> Option<&Arc<Tensor>> {
        match self {
            Self::Const(t) => Some(t),
            Self::Wire(..) => None,
        }
    }

    /// The elements of an integer constant. (tract's own cast to `TDim` goes
    /// through int32 and turns the "to the end" of a slice into -1.)
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

/// The length of an axis, if it does not depend on batch or sequence.
pub(super) fn static_length(dim: &TDim) -> Option<usize> {
    dim.as_i64().and_then(|n| usize::try_from(n).ok())
}

/// An integer constant: int64, or `TDim` when an element depends on batch or sequence.
pub(super) fn integer_constant(elements: &[TDim], shape: &[usize]) -> TractResult<Value> {
    let known: Option<Vec<i64>> = elements.iter().map(TDim::as_i64).collect();
    Ok(Value::constant(match known {
        Some(known) => Tensor::from_shape(shape, &known)?,
        None => tensor1(elements).into_shape(shape)?,
    }))
}
