//! The operators of the typed graph. Each evaluates itself on small tensors: masks, positions, constants.

pub(crate) mod axes;
pub(crate) mod binary;
pub(crate) mod cast;
pub(crate) mod constant;
pub(crate) mod einsum;
pub(crate) mod gather;
pub(crate) mod reduce;
pub(crate) mod select;
pub(crate) mod shape;
pub(crate) mod unary;
