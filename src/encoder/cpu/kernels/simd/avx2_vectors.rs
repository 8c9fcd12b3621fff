//! Vectors of 32 bytes. `portable` defines the operations, lane by lane.

use super::wide::{Floats, Ints, Sums, Wide16};
use std::arch::x86_64::*;

/// Calls intrinsics that access no memory.
macro_rules! avx2 {
    ($call:expr) => {
        // SAFETY: vectors exist only in jobs, which get a token, so the machine has AVX2. These intrinsics
        // only work on registers.
        unsafe { $call }
    };
}

pub(super) use avx2;

/// Eight `f32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x8(pub(super) __m256);

/// Eight `i32`, or pairs of `i16`, or quads of `i8`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I32x8(pub(super) __m256i);

/// Sixteen `i16`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I16x16(__m256i);

/// Returns the first eight values.
#[inline(always)]
fn eight<T>(values: &[T]) -> &[T; 8] {
    &values.as_chunks().0[0]
}

/// Returns the first eight values.
#[inline(always)]
fn eight_mut<T>(values: &mut [T]) -> &mut [T; 8] {
    &mut values.as_chunks_mut().0[0]
}

impl Floats for F32x8 {
    type Ints = I32x8;
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(avx2!(_mm256_set1_ps(value)))
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = eight(from);
        // SAFETY: the machine has AVX2 (see `avx2!`); `from` is 32 readable bytes, and the load is unaligned.
        Self(unsafe { _mm256_loadu_ps(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = eight_mut(to);
        // SAFETY: the machine has AVX2 (see `avx2!`); `to` is 32 writable bytes, and the store is unaligned.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx2!(_mm256_add_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(avx2!(_mm256_sub_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(avx2!(_mm256_mul_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(avx2!(_mm256_div_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // `vminps` returns its second operand unless the first is less.
        Self(avx2!(_mm256_min_ps(other.0, self.0)))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(avx2!(_mm256_max_ps(other.0, self.0)))
    }

    #[inline(always)]
    fn lt(self, other: Self) -> I32x8 {
        I32x8(avx2!(_mm256_castps_si256(_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0))))
    }

    #[inline(always)]
    fn round(self) -> I32x8 {
        I32x8(avx2!(_mm256_cvtps_epi32(self.0)))
    }

    #[inline(always)]
    fn to_bits(self) -> I32x8 {
        I32x8(avx2!(_mm256_castps_si256(self.0)))
    }
}

impl Ints for I32x8 {
    type Floats = F32x8;

    #[inline(always)]
    fn splat(value: i32) -> Self {
        Self(avx2!(_mm256_set1_epi32(value)))
    }

    #[inline(always)]
    fn load(from: &[i32]) -> Self {
        let from = eight(from);
        // SAFETY: the machine has AVX2 (see `avx2!`); `from` is 32 readable bytes, and the load is unaligned.
        Self(unsafe { _mm256_loadu_si256(from.as_ptr().cast()) })
    }

    #[inline(always)]
    fn load_i8(from: &[i8]) -> Self {
        let from = eight(from);
        // SAFETY: the machine has AVX2 (see `avx2!`); `from` is 8 readable bytes, and the load is unaligned.
        Self(unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.as_ptr().cast())) })
    }

    #[inline(always)]
    fn store(self, to: &mut [i32]) {
        let to = eight_mut(to);
        // SAFETY: the machine has AVX2 (see `avx2!`); `to` is 32 writable bytes, and the store is unaligned.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx2!(_mm256_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(avx2!(_mm256_sub_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(avx2!(_mm256_mullo_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(avx2!(_mm256_and_si256(self.0, other.0)))
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(avx2!(_mm256_or_si256(self.0, other.0)))
    }

    #[inline(always)]
    fn shl<const BITS: i32>(self) -> Self {
        Self(avx2!(_mm256_slli_epi32::<BITS>(self.0)))
    }

    #[inline(always)]
    fn gt(self, other: Self) -> Self {
        Self(avx2!(_mm256_cmpgt_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn select(self, yes: F32x8, no: F32x8) -> F32x8 {
        // All bits of a lane are equal, so the sign decides.
        F32x8(avx2!(_mm256_blendv_ps(no.0, yes.0, _mm256_castsi256_ps(self.0))))
    }

    #[inline(always)]
    fn to_f32(self) -> F32x8 {
        F32x8(avx2!(_mm256_cvtepi32_ps(self.0)))
    }

    #[inline(always)]
    fn to_float(self) -> F32x8 {
        F32x8(avx2!(_mm256_castsi256_ps(self.0)))
    }
}

impl Sums for I32x8 {
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(value: i32) -> Self {
        Ints::splat(value)
    }

    #[inline(always)]
    fn load(from: &[i32]) -> Self {
        Ints::load(from)
    }

    #[inline(always)]
    fn store(self, to: &mut [i32]) {
        Ints::store(self, to);
    }

    #[inline(always)]
    fn add_scaled(self, scale: f32, totals: &mut [f32]) {
        F32x8::load(totals).add(self.to_f32().mul(F32x8::splat(scale))).store(totals);
    }

    #[inline(always)]
    fn add_products(self, scales: &[f32], totals: &mut [f32]) {
        F32x8::load(totals).add(self.to_f32().mul(F32x8::load(scales))).store(totals);
    }

    #[inline(always)]
    fn add_scaled_products(self, scales: &[f32], scale: f32, totals: &mut [f32]) {
        let scales = F32x8::load(scales).mul(F32x8::splat(scale));
        F32x8::load(totals).add(self.to_f32().mul(scales)).store(totals);
    }
}

impl Wide16 for I16x16 {
    #[inline(always)]
    fn widen(from: &[i8; 16]) -> Self {
        // SAFETY: the machine has AVX2 (see `avx2!`); `from` is 16 readable bytes, and the load is unaligned.
        Self(unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(from.as_ptr().cast())) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx2!(_mm256_add_epi16(self.0, other.0)))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(avx2!(_mm256_sub_epi16(self.0, other.0)))
    }

    #[inline(always)]
    fn store(self, to: &mut [i32; 8]) {
        Ints::store(I32x8(self.0), to);
    }
}
