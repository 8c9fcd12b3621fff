//! The fused ops on the CPU: SIMD kernels on slices. They know nothing of graphs.
//!
//! - Activations are rows `[tokens, width]` of a batch without padding; `cu_seqlens` holds where
//!   each sequence begins, and the end: `[0, len_0, len_0 + len_1, …]`.
//! - What a kernel needs besides its input and output lives in a [`Scratch`], which grows to the
//!   largest need and stays: a forward pass allocates nothing.
//! - A plain build gives the same bits on every machine, native or wasm: integer sums are exact,
//!   float sums have a fixed order that does not depend on how many rows there are, `exp` and
//!   its kin are our own ([`math`]), and nothing is fused.
//! - Shapes are checked once, where an op begins (a wrong one is the caller's bug, and panics).
//!   This folder is the only place with `unsafe`.

pub mod activation;
pub mod add_norm;
pub mod attention;
pub mod embed;
pub mod linear;
pub mod math;
pub mod mean_rows;
mod scratch;
pub mod select_rows;
pub mod simd;
#[cfg(test)]
pub(in crate::encoder) mod testing;

pub use scratch::Scratch;
