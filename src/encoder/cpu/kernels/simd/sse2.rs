//! The back end for x86-64. `portable` defines the operations.
#![allow(missing_docs, reason = "`portable` documents the operations")]

use std::arch::x86_64::*;

/// Four `f32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x4(__m128);

/// Four `i32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I32x4(__m128i);

/// Eight `i16`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I16x8(__m128i);

/// Sixteen `i8`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I8x16(__m128i);

super::composed::composed_operations!();

/// Calls intrinsics that access no memory.
macro_rules! sse2 {
    ($call:expr) => {
        // SAFETY: SSE2 is part of x86-64, and these intrinsics only work on registers.
        unsafe { $call }
    };
}

impl F32x4 {
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self(sse2!(_mm_set1_ps(value)))
    }

    #[inline(always)]
    pub fn load(from: &[f32; 4]) -> Self {
        // SAFETY: SSE2 is part of x86-64; `from` is 16 readable bytes, and the load is unaligned.
        Self(unsafe { _mm_loadu_ps(from.as_ptr()) })
    }

    #[inline(always)]
    pub fn store(self, to: &mut [f32; 4]) {
        // SAFETY: SSE2 is part of x86-64; `to` is 16 writable bytes, and the store is unaligned.
        unsafe { _mm_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(sse2!(_mm_add_ps(self.0, other.0)))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(sse2!(_mm_sub_ps(self.0, other.0)))
    }

    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        Self(sse2!(_mm_mul_ps(self.0, other.0)))
    }

    #[inline(always)]
    pub fn div(self, other: Self) -> Self {
        Self(sse2!(_mm_div_ps(self.0, other.0)))
    }

    #[inline(always)]
    pub fn sqrt(self) -> Self {
        Self(sse2!(_mm_sqrt_ps(self.0)))
    }

    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        // `minps` returns its second operand unless the first is less.
        Self(sse2!(_mm_min_ps(other.0, self.0)))
    }

    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self(sse2!(_mm_max_ps(other.0, self.0)))
    }

    #[inline(always)]
    pub fn lt(self, other: Self) -> I32x4 {
        I32x4(sse2!(_mm_castps_si128(_mm_cmplt_ps(self.0, other.0))))
    }

    #[inline(always)]
    pub fn round(self) -> I32x4 {
        // Nearest even is how every Rust program has MXCSR.
        I32x4(sse2!(_mm_cvtps_epi32(self.0)))
    }

    #[inline(always)]
    pub fn to_bits(self) -> I32x4 {
        I32x4(sse2!(_mm_castps_si128(self.0)))
    }
}

impl I32x4 {
    #[inline(always)]
    pub fn splat(value: i32) -> Self {
        Self(sse2!(_mm_set1_epi32(value)))
    }

    #[inline(always)]
    pub fn load(from: &[i32; 4]) -> Self {
        // SAFETY: SSE2 is part of x86-64; `from` is 16 readable bytes, and the load is unaligned.
        Self(unsafe { _mm_loadu_si128(from.as_ptr().cast()) })
    }

    #[inline(always)]
    pub fn store(self, to: &mut [i32; 4]) {
        // SAFETY: SSE2 is part of x86-64; `to` is 16 writable bytes, and the store is unaligned.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    pub fn load_i8(from: &[i8; 4]) -> Self {
        let bytes = i32::from_le_bytes(from.map(|x| x as u8));
        Self(sse2!({
            let bytes = _mm_cvtsi32_si128(bytes);
            let pairs = _mm_unpacklo_epi8(bytes, bytes);
            _mm_srai_epi32::<24>(_mm_unpacklo_epi16(pairs, pairs))
        }))
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(sse2!(_mm_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(sse2!(_mm_sub_epi32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        // SSE2 multiplies only the even lanes, to 64 bits; the low halves are what is wanted.
        Self(sse2!({
            let even = _mm_mul_epu32(self.0, other.0);
            let odd = _mm_mul_epu32(_mm_srli_epi64::<32>(self.0), _mm_srli_epi64::<32>(other.0));
            _mm_unpacklo_epi32(_mm_shuffle_epi32::<0b1000>(even), _mm_shuffle_epi32::<0b1000>(odd))
        }))
    }

    #[inline(always)]
    pub fn load_i16(from: &[i16; 4]) -> Self {
        // SAFETY: SSE2 is part of x86-64; `from` is 8 readable bytes, and the load is unaligned.
        let words = unsafe { _mm_loadl_epi64(from.as_ptr().cast()) };
        Self(sse2!(_mm_srai_epi32::<16>(_mm_unpacklo_epi16(words, words))))
    }

    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(sse2!(_mm_and_si128(self.0, other.0)))
    }

    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(sse2!(_mm_or_si128(self.0, other.0)))
    }

    #[inline(always)]
    pub fn shl<const BITS: i32>(self) -> Self {
        Self(sse2!(_mm_slli_epi32::<BITS>(self.0)))
    }

    #[inline(always)]
    pub fn shr<const BITS: i32>(self) -> Self {
        Self(sse2!(_mm_srai_epi32::<BITS>(self.0)))
    }

    #[inline(always)]
    pub fn gt(self, other: Self) -> Self {
        Self(sse2!(_mm_cmpgt_epi32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn select(self, yes: F32x4, no: F32x4) -> F32x4 {
        let mask = self.to_float().0;
        F32x4(sse2!(_mm_or_ps(_mm_and_ps(mask, yes.0), _mm_andnot_ps(mask, no.0))))
    }

    #[inline(always)]
    pub fn to_f32(self) -> F32x4 {
        F32x4(sse2!(_mm_cvtepi32_ps(self.0)))
    }

    #[inline(always)]
    pub fn to_float(self) -> F32x4 {
        F32x4(sse2!(_mm_castsi128_ps(self.0)))
    }

    #[inline(always)]
    pub fn to_i16_pairs(self) -> I16x8 {
        I16x8(self.0)
    }

    #[inline(always)]
    pub fn to_i8(self) -> I8x16 {
        I8x16(self.0)
    }

    #[inline(always)]
    pub fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        sse2!({
            let (ab, cd) = (_mm_unpacklo_epi32(a.0, b.0), _mm_unpacklo_epi32(c.0, d.0));
            let (xy, zw) = (_mm_unpackhi_epi32(a.0, b.0), _mm_unpackhi_epi32(c.0, d.0));
            [
                Self(_mm_unpacklo_epi64(ab, cd)),
                Self(_mm_unpackhi_epi64(ab, cd)),
                Self(_mm_unpacklo_epi64(xy, zw)),
                Self(_mm_unpackhi_epi64(xy, zw)),
            ]
        })
    }
}

impl I16x8 {
    #[inline(always)]
    pub fn load(from: &[i16; 8]) -> Self {
        // SAFETY: SSE2 is part of x86-64; `from` is 16 readable bytes, and the load is unaligned.
        Self(unsafe { _mm_loadu_si128(from.as_ptr().cast()) })
    }

    #[inline(always)]
    pub fn load_i8(from: &[i8; 8]) -> Self {
        // SAFETY: SSE2 is part of x86-64; `from` is 8 readable bytes, and the load is unaligned.
        let bytes = unsafe { _mm_loadl_epi64(from.as_ptr().cast()) };
        Self(sse2!(_mm_srai_epi16::<8>(_mm_unpacklo_epi8(bytes, bytes))))
    }

    #[inline(always)]
    pub fn splat(value: i16) -> Self {
        Self(sse2!(_mm_set1_epi16(value)))
    }

    #[inline(always)]
    pub fn narrow(low: I32x4, high: I32x4) -> Self {
        Self(sse2!(_mm_packs_epi32(low.0, high.0)))
    }

    #[inline(always)]
    pub fn dot(self, other: Self) -> I32x4 {
        I32x4(sse2!(_mm_madd_epi16(self.0, other.0)))
    }

    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(sse2!(_mm_and_si128(self.0, other.0)))
    }

    #[inline(always)]
    pub fn shr_u<const BITS: i32>(self) -> Self {
        Self(sse2!(_mm_srli_epi16::<BITS>(self.0)))
    }

    #[inline(always)]
    pub fn to_i32(self) -> I32x4 {
        I32x4(self.0)
    }
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(sse2!(_mm_add_epi16(self.0, other.0)))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(sse2!(_mm_sub_epi16(self.0, other.0)))
    }

    #[inline(always)]
    pub fn swap_middle(self) -> Self {
        Self(sse2!(_mm_shufflehi_epi16::<0b11_01_10_00>(_mm_shufflelo_epi16::<0b11_01_10_00>(self.0))))
    }

    #[inline(always)]
    pub fn to_i8(self) -> I8x16 {
        I8x16(self.0)
    }
}

impl I8x16 {
    #[inline(always)]
    pub fn load(from: &[i8; 16]) -> Self {
        // SAFETY: SSE2 is part of x86-64; `from` is 16 readable bytes, and the load is unaligned.
        Self(unsafe { _mm_loadu_si128(from.as_ptr().cast()) })
    }

    #[inline(always)]
    pub fn narrow(low: I16x8, high: I16x8) -> Self {
        Self(sse2!(_mm_packs_epi16(low.0, high.0)))
    }

    #[inline(always)]
    pub fn low(self) -> I16x8 {
        I16x8(sse2!(_mm_srai_epi16::<8>(_mm_unpacklo_epi8(self.0, self.0))))
    }

    #[inline(always)]
    pub fn high(self) -> I16x8 {
        I16x8(sse2!(_mm_srai_epi16::<8>(_mm_unpackhi_epi8(self.0, self.0))))
    }

    #[inline(always)]
    pub fn to_i16(self) -> I16x8 {
        I16x8(self.0)
    }

    #[inline(always)]
    pub fn to_i32(self) -> I32x4 {
        I32x4(self.0)
    }
}
