//! The back end for `simd128` of WebAssembly. `portable` defines the operations.
#![allow(missing_docs, reason = "`portable` documents the operations")]

use std::arch::wasm32::*;

/// Four `f32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x4(pub v128);

/// Four `i32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I32x4(pub v128);

/// Eight `i16`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I16x8(pub v128);

/// Sixteen `i8`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I8x16(pub v128);

super::composed::composed_operations!();

impl F32x4 {
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    #[inline(always)]
    pub fn load(from: &[f32; 4]) -> Self {
        // SAFETY: `from` is 16 readable bytes; `v128.load` needs no alignment.
        Self(unsafe { v128_load(from.as_ptr().cast()) })
    }

    #[inline(always)]
    pub fn store(self, to: &mut [f32; 4]) {
        // SAFETY: `to` is 16 writable bytes; `v128.store` needs no alignment.
        unsafe { v128_store(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    pub fn div(self, other: Self) -> Self {
        Self(f32x4_div(self.0, other.0))
    }

    #[inline(always)]
    pub fn sqrt(self) -> Self {
        Self(f32x4_sqrt(self.0))
    }

    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        Self(f32x4_pmin(self.0, other.0))
    }

    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self(f32x4_pmax(self.0, other.0))
    }

    #[inline(always)]
    pub fn lt(self, other: Self) -> I32x4 {
        I32x4(f32x4_lt(self.0, other.0))
    }

    #[inline(always)]
    pub fn round(self) -> I32x4 {
        I32x4(i32x4_trunc_sat_f32x4(f32x4_nearest(self.0)))
    }

    #[inline(always)]
    pub fn to_bits(self) -> I32x4 {
        I32x4(self.0)
    }
}

impl I32x4 {
    #[inline(always)]
    pub fn splat(value: i32) -> Self {
        Self(i32x4_splat(value))
    }

    #[inline(always)]
    pub fn load(from: &[i32; 4]) -> Self {
        // SAFETY: `from` is 16 readable bytes; `v128.load` needs no alignment.
        Self(unsafe { v128_load(from.as_ptr().cast()) })
    }

    #[inline(always)]
    pub fn store(self, to: &mut [i32; 4]) {
        // SAFETY: `to` is 16 writable bytes; `v128.store` needs no alignment.
        unsafe { v128_store(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    pub fn load_i8(from: &[i8; 4]) -> Self {
        // SAFETY: `from` is 4 readable bytes; the load needs no alignment.
        let bytes = unsafe { v128_load32_zero(from.as_ptr().cast()) };
        Self(i32x4_extend_low_i16x8(i16x8_extend_low_i8x16(bytes)))
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(i32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(i32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        Self(i32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    pub fn load_i16(from: &[i16; 4]) -> Self {
        // SAFETY: `from` is 8 readable bytes; the load needs no alignment.
        Self(unsafe { i32x4_load_extend_i16x4(from.as_ptr()) })
    }

    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(v128_and(self.0, other.0))
    }

    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(v128_or(self.0, other.0))
    }

    #[inline(always)]
    pub fn shl<const BITS: i32>(self) -> Self {
        Self(i32x4_shl(self.0, BITS as u32))
    }

    #[inline(always)]
    pub fn shr<const BITS: i32>(self) -> Self {
        Self(i32x4_shr(self.0, BITS as u32))
    }

    #[inline(always)]
    pub fn gt(self, other: Self) -> Self {
        Self(i32x4_gt(self.0, other.0))
    }

    #[inline(always)]
    pub fn select(self, yes: F32x4, no: F32x4) -> F32x4 {
        F32x4(v128_bitselect(yes.0, no.0, self.0))
    }

    #[inline(always)]
    pub fn to_f32(self) -> F32x4 {
        F32x4(f32x4_convert_i32x4(self.0))
    }

    #[inline(always)]
    pub fn to_float(self) -> F32x4 {
        F32x4(self.0)
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
        let (ab, cd) = (i32x4_shuffle::<0, 4, 1, 5>(a.0, b.0), i32x4_shuffle::<0, 4, 1, 5>(c.0, d.0));
        let (xy, zw) = (i32x4_shuffle::<2, 6, 3, 7>(a.0, b.0), i32x4_shuffle::<2, 6, 3, 7>(c.0, d.0));
        [
            Self(i64x2_shuffle::<0, 2>(ab, cd)),
            Self(i64x2_shuffle::<1, 3>(ab, cd)),
            Self(i64x2_shuffle::<0, 2>(xy, zw)),
            Self(i64x2_shuffle::<1, 3>(xy, zw)),
        ]
    }
}

impl I16x8 {
    #[inline(always)]
    pub fn load(from: &[i16; 8]) -> Self {
        // SAFETY: `from` is 16 readable bytes; `v128.load` needs no alignment.
        Self(unsafe { v128_load(from.as_ptr().cast()) })
    }

    #[inline(always)]
    pub fn load_i8(from: &[i8; 8]) -> Self {
        // SAFETY: `from` is 8 readable bytes; the load needs no alignment.
        Self(unsafe { i16x8_load_extend_i8x8(from.as_ptr()) })
    }

    #[inline(always)]
    pub fn splat(value: i16) -> Self {
        Self(i16x8_splat(value))
    }

    #[inline(always)]
    pub fn narrow(low: I32x4, high: I32x4) -> Self {
        Self(i16x8_narrow_i32x4(low.0, high.0))
    }

    #[inline(always)]
    pub fn dot(self, other: Self) -> I32x4 {
        I32x4(i32x4_dot_i16x8(self.0, other.0))
    }

    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(v128_and(self.0, other.0))
    }

    #[inline(always)]
    pub fn shr_u<const BITS: i32>(self) -> Self {
        Self(u16x8_shr(self.0, BITS as u32))
    }

    #[inline(always)]
    pub fn to_i32(self) -> I32x4 {
        I32x4(self.0)
    }
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(i16x8_add(self.0, other.0))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(i16x8_sub(self.0, other.0))
    }

    #[inline(always)]
    pub fn swap_middle(self) -> Self {
        Self(i16x8_shuffle::<0, 2, 1, 3, 4, 6, 5, 7>(self.0, self.0))
    }

    #[inline(always)]
    pub fn to_i8(self) -> I8x16 {
        I8x16(self.0)
    }
}

impl I8x16 {
    #[inline(always)]
    pub fn load(from: &[i8; 16]) -> Self {
        // SAFETY: `from` is 16 readable bytes; `v128.load` needs no alignment.
        Self(unsafe { v128_load(from.as_ptr().cast()) })
    }

    #[inline(always)]
    pub fn narrow(low: I16x8, high: I16x8) -> Self {
        Self(i8x16_narrow_i16x8(low.0, high.0))
    }

    #[inline(always)]
    pub fn low(self) -> I16x8 {
        I16x8(i16x8_extend_low_i8x16(self.0))
    }

    #[inline(always)]
    pub fn high(self) -> I16x8 {
        I16x8(i16x8_extend_high_i8x16(self.0))
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
