//! The back end for aarch64, which always has NEON. `portable` defines the operations.
#![allow(missing_docs, reason = "`portable` documents the operations")]

use std::arch::aarch64::*;

/// Four `f32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x4(float32x4_t);

/// Four `i32`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I32x4(pub(super) int32x4_t);

/// Eight `i16`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I16x8(pub(super) int16x8_t);

/// Sixteen `i8`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I8x16(pub(super) int8x16_t);

super::composed::composed_operations!();

/// Calls intrinsics that access no memory.
macro_rules! neon {
    ($call:expr) => {{
        #[allow(unused_unsafe, reason = "some of the intrinsics are safe")]
        // SAFETY: NEON is part of aarch64, and these intrinsics only work on registers.
        unsafe {
            $call
        }
    }};
}
pub(super) use neon;

impl F32x4 {
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self(neon!(vdupq_n_f32(value)))
    }

    #[inline(always)]
    pub fn load(from: &[f32; 4]) -> Self {
        // SAFETY: NEON is part of aarch64; `from` is 16 readable bytes, and the load is unaligned.
        Self(unsafe { vld1q_f32(from.as_ptr()) })
    }

    #[inline(always)]
    pub fn store(self, to: &mut [f32; 4]) {
        // SAFETY: NEON is part of aarch64; `to` is 16 writable bytes, and the store is unaligned.
        unsafe { vst1q_f32(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(neon!(vaddq_f32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(neon!(vsubq_f32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        Self(neon!(vmulq_f32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn div(self, other: Self) -> Self {
        Self(neon!(vdivq_f32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn sqrt(self) -> Self {
        Self(neon!(vsqrtq_f32(self.0)))
    }

    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        // `fmin` treats NaN and the signs of zeros in another way.
        Self(neon!(vbslq_f32(vcltq_f32(other.0, self.0), other.0, self.0)))
    }

    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self(neon!(vbslq_f32(vcltq_f32(self.0, other.0), other.0, self.0)))
    }

    #[inline(always)]
    pub fn lt(self, other: Self) -> I32x4 {
        I32x4(neon!(vreinterpretq_s32_u32(vcltq_f32(self.0, other.0))))
    }

    #[inline(always)]
    pub fn round(self) -> I32x4 {
        I32x4(neon!(vcvtnq_s32_f32(self.0)))
    }

    #[inline(always)]
    pub fn to_bits(self) -> I32x4 {
        I32x4(neon!(vreinterpretq_s32_f32(self.0)))
    }
}

impl I32x4 {
    #[inline(always)]
    pub fn splat(value: i32) -> Self {
        Self(neon!(vdupq_n_s32(value)))
    }

    #[inline(always)]
    pub fn load(from: &[i32; 4]) -> Self {
        // SAFETY: NEON is part of aarch64; `from` is 16 readable bytes, and the load is unaligned.
        Self(unsafe { vld1q_s32(from.as_ptr()) })
    }

    #[inline(always)]
    pub fn store(self, to: &mut [i32; 4]) {
        // SAFETY: NEON is part of aarch64; `to` is 16 writable bytes, and the store is unaligned.
        unsafe { vst1q_s32(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    pub fn load_i8(from: &[i8; 4]) -> Self {
        let bytes = u64::from(u32::from_le_bytes(from.map(|x| x as u8)));
        Self(neon!(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(bytes))))))
    }

    #[inline(always)]
    pub fn load_i16(from: &[i16; 4]) -> Self {
        // SAFETY: NEON is part of aarch64; `from` is 8 readable bytes, and the load is unaligned.
        Self(unsafe { vmovl_s16(vld1_s16(from.as_ptr())) })
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(neon!(vaddq_s32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(neon!(vsubq_s32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        Self(neon!(vmulq_s32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(neon!(vandq_s32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(neon!(vorrq_s32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn shl<const BITS: i32>(self) -> Self {
        Self(neon!(vshlq_n_s32::<BITS>(self.0)))
    }

    #[inline(always)]
    pub fn shr<const BITS: i32>(self) -> Self {
        Self(neon!(vshrq_n_s32::<BITS>(self.0)))
    }

    #[inline(always)]
    pub fn gt(self, other: Self) -> Self {
        Self(neon!(vreinterpretq_s32_u32(vcgtq_s32(self.0, other.0))))
    }

    #[inline(always)]
    pub fn select(self, yes: F32x4, no: F32x4) -> F32x4 {
        F32x4(neon!(vbslq_f32(vreinterpretq_u32_s32(self.0), yes.0, no.0)))
    }

    #[inline(always)]
    pub fn to_f32(self) -> F32x4 {
        F32x4(neon!(vcvtq_f32_s32(self.0)))
    }

    #[inline(always)]
    pub fn to_float(self) -> F32x4 {
        F32x4(neon!(vreinterpretq_f32_s32(self.0)))
    }

    #[inline(always)]
    pub fn to_i16_pairs(self) -> I16x8 {
        I16x8(neon!(vreinterpretq_s16_s32(self.0)))
    }

    #[inline(always)]
    pub fn to_i8(self) -> I8x16 {
        I8x16(neon!(vreinterpretq_s8_s32(self.0)))
    }

    #[inline(always)]
    pub fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        neon!({
            let [ac, bd] = [(a, c), (b, d)].map(|(x, y)| (vzip1q_s32(x.0, y.0), vzip2q_s32(x.0, y.0)));
            [
                Self(vzip1q_s32(ac.0, bd.0)),
                Self(vzip2q_s32(ac.0, bd.0)),
                Self(vzip1q_s32(ac.1, bd.1)),
                Self(vzip2q_s32(ac.1, bd.1)),
            ]
        })
    }
}

impl I16x8 {
    #[inline(always)]
    pub fn load(from: &[i16; 8]) -> Self {
        // SAFETY: NEON is part of aarch64; `from` is 16 readable bytes, and the load is unaligned.
        Self(unsafe { vld1q_s16(from.as_ptr()) })
    }

    #[inline(always)]
    pub fn load_i8(from: &[i8; 8]) -> Self {
        // SAFETY: NEON is part of aarch64; `from` is 8 readable bytes, and the load is unaligned.
        Self(unsafe { vmovl_s8(vld1_s8(from.as_ptr())) })
    }

    #[inline(always)]
    pub fn splat(value: i16) -> Self {
        Self(neon!(vdupq_n_s16(value)))
    }

    #[inline(always)]
    pub fn narrow(low: I32x4, high: I32x4) -> Self {
        Self(neon!(vqmovn_high_s32(vqmovn_s32(low.0), high.0)))
    }

    #[inline(always)]
    pub fn dot(self, other: Self) -> I32x4 {
        I32x4(neon!({
            let low = vmull_s16(vget_low_s16(self.0), vget_low_s16(other.0));
            vpaddq_s32(low, vmull_high_s16(self.0, other.0))
        }))
    }

    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(neon!(vandq_s16(self.0, other.0)))
    }

    #[inline(always)]
    pub fn shr_u<const BITS: i32>(self) -> Self {
        Self(neon!(vreinterpretq_s16_u16(vshrq_n_u16::<BITS>(vreinterpretq_u16_s16(self.0)))))
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(neon!(vaddq_s16(self.0, other.0)))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(neon!(vsubq_s16(self.0, other.0)))
    }

    #[inline(always)]
    pub fn swap_middle(self) -> Self {
        Self(neon!({
            let even = vreinterpretq_s32_s16(vuzp1q_s16(self.0, self.0));
            let odd = vreinterpretq_s32_s16(vuzp2q_s16(self.0, self.0));
            vreinterpretq_s16_s32(vzip1q_s32(even, odd))
        }))
    }

    #[inline(always)]
    pub fn to_i8(self) -> I8x16 {
        I8x16(neon!(vreinterpretq_s8_s16(self.0)))
    }

    #[inline(always)]
    pub fn to_i32(self) -> I32x4 {
        I32x4(neon!(vreinterpretq_s32_s16(self.0)))
    }
}

impl I8x16 {
    #[inline(always)]
    pub fn load(from: &[i8; 16]) -> Self {
        // SAFETY: NEON is part of aarch64; `from` is 16 readable bytes, and the load is unaligned.
        Self(unsafe { vld1q_s8(from.as_ptr()) })
    }

    #[inline(always)]
    pub fn narrow(low: I16x8, high: I16x8) -> Self {
        Self(neon!(vqmovn_high_s16(vqmovn_s16(low.0), high.0)))
    }

    #[inline(always)]
    pub fn low(self) -> I16x8 {
        I16x8(neon!(vmovl_s8(vget_low_s8(self.0))))
    }

    #[inline(always)]
    pub fn high(self) -> I16x8 {
        I16x8(neon!(vmovl_high_s8(self.0)))
    }

    #[inline(always)]
    pub fn to_i16(self) -> I16x8 {
        I16x8(neon!(vreinterpretq_s16_s8(self.0)))
    }

    #[inline(always)]
    pub fn to_i32(self) -> I32x4 {
        I32x4(neon!(vreinterpretq_s32_s8(self.0)))
    }
}
