//! SIMD kernels of the fused ops, on slices. They know neither tract nor graphs.
//!
//! - Activations are rows `[tokens, width]` of a batch without padding. `cu_seqlens` has the first row of
//!   each sequence and the number of rows: `[0, len_0, len_0 + len_1, …]`.
//! - Buffers that a kernel needs while it runs are in a [`Scratch`], which grows to the largest need. So a
//!   forward pass allocates nothing but its outputs.
//! - A build without relaxed SIMD gives the same bits on every machine, native or WebAssembly: integer sums
//!   are exact, sums of floats have a fixed order that does not depend on the number of rows, products are
//!   not fused with sums, and the functions in [`math`] are our own.
//! - An op checks all shapes before it starts. A wrong shape is a bug of the caller and panics.
//! - This folder is the only one with `unsafe` code.
//!
//! The scalar definition of each op is in [`encoder::reference`](crate::encoder::reference).

pub mod activation;
pub mod add_norm;
pub mod attention;
pub mod clip;
pub mod embed;
pub mod linear;
pub mod math;
pub mod mean_rows;
mod scratch;
pub mod select_rows;
pub mod simd;
mod softmax;
#[cfg(test)]
pub(in crate::encoder) mod testing;

pub use scratch::Scratch;
