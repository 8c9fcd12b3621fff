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

#[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))))]
#[cfg_attr(test, allow(dead_code, reason = "the tests compare with it"))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

pub mod relaxed;

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
pub use portable::{F32x4, I8x16, I16x8, I32x4};
#[cfg(target_arch = "x86_64")]
pub use sse2::{F32x4, I8x16, I16x8, I32x4};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::{F32x4, I8x16, I16x8, I32x4};

/// Lanes of [`F32x4`] and [`I32x4`].
pub const LANES: usize = 4;

/// What every back end has beyond its own operations: compositions of them.
macro_rules! common {
    () => {
        impl F32x4 {
            /// All lanes zero.
            #[inline(always)]
            pub fn zero() -> Self {
                Self::splat(0.0)
            }

            /// The lanes' sum in a fixed order: `(0 + 2) + (1 + 3)`.
            #[inline(always)]
            pub fn sum(self) -> f32 {
                let [a, b, c, d] = self.to_array();
                (a + c) + (b + d)
            }

            /// The largest lane; a NaN lane may or may not be seen.
            #[inline(always)]
            pub fn largest(self) -> f32 {
                let [a, b, c, d] = self.to_array();
                let (x, y) = (if a < c { c } else { a }, if b < d { d } else { b });
                if x < y { y } else { x }
            }

            /// The first lanes from a slice of at most four, the others `fill`.
            #[inline(always)]
            pub fn load_part(part: &[f32], fill: f32) -> Self {
                let mut lanes = [fill; 4];
                lanes[..part.len()].copy_from_slice(part);
                Self::load(&lanes)
            }

            /// Writes the first `part.len()` lanes, at most four.
            #[inline(always)]
            pub fn store_part(self, part: &mut [f32]) {
                part.copy_from_slice(&self.to_array()[..part.len()]);
            }

            /// The lanes.
            #[inline(always)]
            pub fn to_array(self) -> [f32; 4] {
                let mut lanes = [0.0; 4];
                self.store(&mut lanes);
                lanes
            }

            /// The magnitude: the sign bit cleared.
            #[inline(always)]
            pub fn abs(self) -> Self {
                self.to_bits().and(I32x4::splat(i32::MAX)).to_float()
            }
        }

        impl I32x4 {
            /// All lanes zero.
            #[inline(always)]
            pub fn zero() -> Self {
                Self::splat(0)
            }

            /// The lanes.
            #[inline(always)]
            pub fn to_array(self) -> [i32; 4] {
                let mut lanes = [0; 4];
                self.store(&mut lanes);
                lanes
            }
        }
    };
}
use common;

#[cfg(test)]
mod tests;
