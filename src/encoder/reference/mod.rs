//! A scalar reference of each fused op, which reads like its formula. Sums are in `f64` where the op is one
//! of floats, and exact where it is one of integers. The kernels in
//! [`cpu::kernels`](crate::encoder::cpu::kernels) are tested against these functions, and check themselves
//! against some of them at run time.
//!
//! Matrices are row-major. Activations are rows of a batch without padding, `[tokens, width]`: `tokens` is
//! the sum of the lengths of the sequences. `cu_seqlens` has the first row of each sequence and the number of
//! rows: `[0, len_0, len_0 + len_1, …]`.

pub mod add_norm;
pub mod attention;
pub mod clip;
pub mod embed;
pub mod linear;
pub mod linear_blocks;
pub mod mean_rows;
pub mod select_rows;
