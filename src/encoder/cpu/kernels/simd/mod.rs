//! Four vector types of 16 bytes, with the operations that the kernels need.
//!
//! | module | used on |
//! |---|---|
//! | `wasm` | wasm32 with `simd128`; each method is one instruction, rarely two |
//! | `sse2` | x86-64, which always has SSE2, so nothing is detected at run time |
//! | `portable` | all other machines; it also defines the operations, and the tests compare `sse2` with it |
//! | `composed` | all machines: operations that are compositions of others |
//! | `relaxed` | all machines: the operations of relaxed SIMD, emulated outside of relaxed builds |
//!
//! All back ends give the same bits for the same input, except for NaN payloads: no fused multiply-add, no
//! approximate reciprocals, rounding to nearest even, minimum and maximum as in `pmin` and `pmax` of
//! WebAssembly. So native tests are valid for the WebAssembly build. The kernels are written once, with these
//! types, and contain no intrinsics.

// Methods instead of operators, because each of them stands for an instruction.
#![allow(
    clippy::should_implement_trait,
    reason = "plain methods: an operator would hide which instruction it is"
)]

mod composed;
#[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))))]
#[cfg_attr(test, allow(dead_code, reason = "the tests compare with it"))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

pub mod relaxed;

pub use composed::LANES;
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
pub use portable::{F32x4, I8x16, I16x8, I32x4};
#[cfg(target_arch = "x86_64")]
pub use sse2::{F32x4, I8x16, I16x8, I32x4};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::{F32x4, I8x16, I16x8, I32x4};

#[cfg(test)]
mod tests;
