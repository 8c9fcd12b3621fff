//! The three operations of relaxed SIMD that the relaxed kernels stand on.
//!
//! With the cargo feature `relaxed-simd` on wasm they are the instructions; elsewhere they are
//! twins made of plain operations. The integer ones give the same bits everywhere **while the
//! second operand is 0..=127**, which is all that the kernels pass; [`mul_add`] rounds once or
//! twice as the machine likes.
//!
//! Functions that call these in a loop carry the same `cfg_attr`: without it the instructions
//! would not be inlined.
#![allow(
    missing_docs,
    reason = "what each means is said once, in the module's documentation and in `portable`"
)]

#[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
mod imp {
    use crate::encoder::cpu::kernels::simd::{F32x4, I8x16, I16x8, I32x4};
    use std::arch::wasm32::*;

    #[inline]
    #[target_feature(enable = "relaxed-simd")]
    pub fn dot_i16(signed: I8x16, small: I8x16) -> I16x8 {
        I16x8(i16x8_relaxed_dot_i8x16_i7x16(signed.0, small.0))
    }

    #[inline]
    #[target_feature(enable = "relaxed-simd")]
    pub fn dot_add(signed: I8x16, small: I8x16, sum: I32x4) -> I32x4 {
        I32x4(i32x4_relaxed_dot_i8x16_i7x16_add(signed.0, small.0, sum.0))
    }

    #[inline]
    #[target_feature(enable = "relaxed-simd")]
    pub fn mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
        F32x4(f32x4_relaxed_madd(a.0, b.0, c.0))
    }
}

#[cfg(not(all(target_arch = "wasm32", feature = "relaxed-simd")))]
mod imp {
    use crate::encoder::cpu::kernels::simd::{F32x4, I8x16, I16x8, I32x4};

    /// Products of bytes, pairs of neighbours summed: 2 · 128 · 127 fits `i16`.
    #[inline(always)]
    pub fn dot_i16(signed: I8x16, small: I8x16) -> I16x8 {
        I16x8::narrow(signed.low().dot(small.low()), signed.high().dot(small.high()))
    }

    /// `sum` plus products of bytes, quads of neighbours summed.
    #[inline(always)]
    pub fn dot_add(signed: I8x16, small: I8x16, sum: I32x4) -> I32x4 {
        sum.add(dot_i16(signed, small).dot(I16x8::splat(1)))
    }

    /// `a · b + c`.
    #[inline(always)]
    pub fn mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
        a.mul(b).add(c)
    }
}

pub use imp::{dot_add, dot_i16, mul_add};
