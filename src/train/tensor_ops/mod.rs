//! Operators with a gradient of their own: candle's general ones take several passes over memory, and its gradient of
//! GELU has six digits.
//!
//! Each file has the formula, the forward pass and the gradient. `rows` are the vectors of the last dimension.

mod add_bias;
mod gelu;
mod layer_norm;
mod slices;
mod softmax;

pub(super) use add_bias::add_bias;
pub(super) use gelu::gelu;
pub(super) use layer_norm::layer_norm;
pub(super) use softmax::softmax;
