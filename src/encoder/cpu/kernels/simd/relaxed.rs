//! The three operations of relaxed SIMD that the relaxed kernels use.
//!
//! With the cargo feature `relaxed-simd` on wasm32 they are instructions. Elsewhere they are emulated with
//! the other operations, so native tests run the relaxed kernels too. The integer operations give the same
//! bits everywhere **if the second operand is in 0..=127**, as in all kernels. [`mul_add`] may round once or
//! twice, depending on the machine.
//!
//! A function that calls these operations in a loop has the same `cfg_attr` with `target_feature`. Without it
//! the instructions would not be inlined.
#![allow(missing_docs, reason = "the emulations document the operations")]

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

    /// Returns the products of the bytes, with neighbors added up. 2 · 128 · 127 fits an `i16`.
    #[inline(always)]
    pub fn dot_i16(signed: I8x16, small: I8x16) -> I16x8 {
        I16x8::narrow(signed.low().dot(small.low()), signed.high().dot(small.high()))
    }

    /// Returns `sum` plus the products of the bytes, with each four neighbors added up.
    #[inline(always)]
    pub fn dot_add(signed: I8x16, small: I8x16, sum: I32x4) -> I32x4 {
        sum.add(dot_i16(signed, small).dot(I16x8::splat(1)))
    }

    /// Returns `a · b + c`.
    #[inline(always)]
    pub fn mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
        a.mul(b).add(c)
    }
}

pub use imp::{dot_add, dot_i16, mul_add};
