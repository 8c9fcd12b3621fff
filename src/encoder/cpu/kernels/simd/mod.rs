//! Four vector types of 16 bytes, and just the operations that the kernels need.
//!
//! Every back end gives the same bits for the same input (NaN payloads aside): no fused
//! multiply-add, no approximate reciprocals, rounding to nearest even, minimum and maximum as
//! WebAssembly's `pmin` and `pmax` define them. So a native test speaks for the wasm build. The
//! kernels above are written once, against this module, and hold no intrinsics of their own
//! except where relaxed SIMD is the point.
//!
//! | back end | where |
//! |---|---|
//! | `wasm` | wasm32 with `simd128`: each method is one instruction, rarely two |
//! | `sse2` | x86-64, whose baseline SSE2 is, so nothing is detected at run time |
//! | `portable` | everything else, and the yardstick of the other two in tests |

// Methods, not operators: kernels are chains of instructions, and read as such.
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
