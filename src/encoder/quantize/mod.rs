//! Quantization of float weights, for models whose files are not quantized and for the converter.
//!
//! Weights become integers `q` with a scale `s` and, in int4, a zero point `z`:
//!
//! | format | granularity | stored value | range of `q` |
//! |---|---|---|---|
//! | [`int8`] | one scale per row of an embedding table or per output of a `Linear` | `w ≈ s · q` | −127..=127 |
//! | [`int4`] | one scale and one zero point per block of 32 inputs of an output | `w ≈ s · (q − z)` | 0..=15 |
//!
//! Activations are quantized by the kernels while they are packed (see
//! [`cpu::kernels::linear`](crate::encoder::cpu::kernels::linear)).

pub mod equalize;
pub mod int4;
pub mod int8;
