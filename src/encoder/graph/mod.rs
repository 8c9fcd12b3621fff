//! The typed graph between an ONNX file and a plan: operators with known types and shapes.
//!
//! The translator builds it, the matcher reads it, and masks and constants are evaluated in it. Tensors and
//! symbolic lengths are those of tract-data, the smallest crate of tract; operators are our own, because
//! tract's bring their optimizer and every kernel along: 2.7 MB of WebAssembly that a recognized BERT never
//! runs. `unfused` translates this graph to tract's and runs any of it.
//!
//! | part | content |
//! |---|---|
//! | [`TypedFact`] | the type, the shape and perhaps the value of an outlet |
//! | [`TypedOp`] | an operator: facts of its outputs, evaluation on small tensors |
//! | [`TypedModel`] | nodes in topological order |
//! | [`TypedModel::run`] | evaluates a graph of masks or positions |
//! | `ops` | the operators |

mod fact;
mod model;
mod op;
pub(crate) mod ops;
mod run;
mod strided;

pub(crate) use tract_data::internal::tract_num_traits::Zero;

/// Names that the files which build or read a graph use.
pub(crate) mod prelude {
    pub(crate) use std::sync::Arc;

    pub(crate) use tract_data::internal::{
        Datum, DatumType, DimLike, IntoArcTensor, IntoTensor, Symbol, SymbolScope, SymbolValues, TDim, TVec,
        Tensor, ToDim, TractError, TractResult, bail, ensure, rctensor0, rctensor1, tensor0, tensor1, tvec,
    };

    pub(crate) use super::fact::{FactOf, ShapeFact, TypedFact};
    pub(crate) use super::model::{OutletId, TypedModel, TypedNode};
    pub(crate) use super::op::{IntoOp, TypedOp};
}
