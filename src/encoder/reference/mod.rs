//! The fused ops: what each is, its shapes, and a plain scalar `reference` that reads like the
//! paper. The kernels in [`cpu::kernels`](crate::encoder::cpu::kernels) are tested against these.
//!
//! Shapes are written row-major. Activations are rows of a batch without padding:
//! `[tokens, width]`, where `tokens` is the sum of the sequences' lengths and `cu_seqlens` (the
//! lengths' prefix sums, one more than there are sequences) says where each begins.

pub mod add_norm;
pub mod attention;
pub mod embed;
pub mod linear;
pub mod linear_blocks;
pub mod mean_rows;
pub mod select_rows;
