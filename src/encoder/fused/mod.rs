//! The fused encoder: a recognised graph of our own ops, which tract runs on rows without padding.
//!
//! Loading takes two steps. The ONNX file alone says what the graph is; then its weights are packed
//! as they come, and their bytes dropped.

mod assemble;
mod forward;
mod load;
mod matrix;
mod ops;
mod pack;
mod room;
mod store;

pub use forward::FusedEncoder;
pub use load::{EncoderLoader, EncoderOptions};
pub use pack::Precision;
