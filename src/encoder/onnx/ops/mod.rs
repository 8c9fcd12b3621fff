//! Translators of the operators in the ONNX domain, one file per family. Each translator checks its inputs
//! and attributes and adds tract's operators.

pub(super) mod arithmetic;
pub(super) mod attention;
pub(super) mod blocked;
pub(super) mod cast;
pub(super) mod compare;
pub(super) mod concat;
pub(super) mod constant;
pub(super) mod cumsum;
pub(super) mod einsum;
pub(super) mod expand;
pub(crate) mod gather;
pub(super) mod gelu;
pub(super) mod heads;
pub(super) mod identity;
pub(super) mod integers;
pub(super) mod matmul;
pub(super) mod norm;
pub(crate) mod one_hot;
pub(crate) mod quant;
pub(super) mod range;
pub(super) mod reduce;
pub(super) mod reshape;
pub(super) mod shape;
pub(super) mod slice;
pub(super) mod softmax;
pub(crate) mod static_quantize;
pub(super) mod unary;
