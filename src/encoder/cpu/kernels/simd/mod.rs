//! The vectors of the kernels, for each instruction set.
//!
//! | module | what |
//! |---|---|
//! | `wasm` | vectors of 16 bytes for wasm32 with `simd128`; each method is one instruction, rarely two |
//! | `sse2` | vectors of 16 bytes for x86-64, which always has SSE2 |
//! | `neon` | vectors of 16 bytes for aarch64, which always has NEON |
//! | `portable` | vectors of 16 bytes for all other machines; it also defines the operations, and the tests compare the others with it |
//! | `composed` | operations of these vectors that are compositions of others |
//! | `relaxed` | the operations of relaxed SIMD, emulated outside of relaxed builds |
//! | `wide` | traits for vectors of any width |
//! | `dispatch` | calls jobs with the current instruction set |
//! | `base` | the traits for the vectors of 16 bytes |
//! | `avx2`, `avx2_vectors` | the traits for AVX2 and AVX-VNNI |
//! | `avx512` | the traits for AVX-512-VNNI |
//! | `neon_sets` | the instruction sets of aarch64: NEON, with and without its dot product |
//! | `instruction_set` | the choice at run time |
//! | `self_check` | compares the products of a set with plain arithmetic before it is used |
//!
//! All of them give the same bits for the same input, except for NaN payloads: no fused multiply-add, no
//! approximate reciprocals, rounding to nearest even, minimum and maximum as in `pmin` and `pmax` of
//! WebAssembly. So native tests are valid for the WebAssembly build. The kernels are written once, with these
//! types, and contain no intrinsics.

// Methods instead of operators, because each of them stands for an instruction.
#![allow(
    clippy::should_implement_trait,
    reason = "plain methods: an operator would hide which instruction it is"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_vectors;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod base;
mod composed;
mod dispatch;
mod instruction_set;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_sets;
#[cfg(any(
    test,
    not(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        all(target_arch = "wasm32", target_feature = "simd128")
    ))
))]
#[cfg_attr(test, allow(dead_code, reason = "the tests compare with it"))]
mod portable;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod self_check;
#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
mod wide;

pub mod relaxed;

#[cfg(target_arch = "x86_64")]
pub use avx2::{Avx2, AvxVnni};
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512Vnni;
pub use base::Base;
pub use composed::LANES;
pub use dispatch::choose;
pub use instruction_set::InstructionSet;
#[cfg(target_arch = "aarch64")]
pub use neon::{F32x4, I8x16, I16x8, I32x4};
#[cfg(target_arch = "aarch64")]
pub use neon_sets::{Neon, NeonDot};
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
pub use portable::{F32x4, I8x16, I16x8, I32x4};
#[cfg(target_arch = "x86_64")]
pub use sse2::{F32x4, I8x16, I16x8, I32x4};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::{F32x4, I8x16, I16x8, I32x4};
pub use wide::{Floats, Ints, Job, MAX_PANELS, Simd, Sums, Wide16, load_two};

#[cfg(test)]
mod tests;
