//! The back end of plain arrays, which defines every operation.

use std::array::from_fn;

/// Four `f32`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct F32x4([f32; 4]);

/// Four `i32`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct I32x4([i32; 4]);

/// Eight `i16`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct I16x8([i16; 8]);

/// Sixteen `i8`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct I8x16([i8; 16]);

super::composed::composed_operations!();

impl F32x4 {
    /// Returns a vector with `value` in every lane.
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    /// Loads a vector.
    #[inline(always)]
    pub fn load(from: &[f32; 4]) -> Self {
        Self(*from)
    }

    /// Stores the vector.
    #[inline(always)]
    pub fn store(self, to: &mut [f32; 4]) {
        *to = self.0;
    }

    /// Returns `self + other`.
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] + other.0[i]))
    }

    /// Returns `self - other`.
    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] - other.0[i]))
    }

    /// Returns `self * other`.
    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] * other.0[i]))
    }

    /// Returns `self / other`.
    #[inline(always)]
    pub fn div(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] / other.0[i]))
    }

    /// Returns the square roots, correctly rounded.
    #[inline(always)]
    pub fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }

    /// Returns `other` where it is less than `self`, and `self` elsewhere. A NaN in `self` stays.
    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        Self(from_fn(|i| if other.0[i] < self.0[i] { other.0[i] } else { self.0[i] }))
    }

    /// Returns `other` where it is greater than `self`, and `self` elsewhere. A NaN in `self` stays.
    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self(from_fn(|i| if self.0[i] < other.0[i] { other.0[i] } else { self.0[i] }))
    }

    /// Returns a mask with all bits set where `self < other`.
    #[inline(always)]
    pub fn lt(self, other: Self) -> I32x4 {
        I32x4(from_fn(|i| -i32::from(self.0[i] < other.0[i])))
    }

    /// Rounds to the nearest integer, ties to even. Defined for magnitudes below 2³¹.
    #[inline(always)]
    pub fn round(self) -> I32x4 {
        I32x4(self.0.map(|x| x.round_ties_even() as i32))
    }

    /// Returns the bits as integers.
    #[inline(always)]
    pub fn to_bits(self) -> I32x4 {
        I32x4(self.0.map(|x| x.to_bits() as i32))
    }
}

impl I32x4 {
    /// Returns a vector with `value` in every lane.
    #[inline(always)]
    pub fn splat(value: i32) -> Self {
        Self([value; 4])
    }

    /// Loads a vector.
    #[inline(always)]
    pub fn load(from: &[i32; 4]) -> Self {
        Self(*from)
    }

    /// Stores the vector.
    #[inline(always)]
    pub fn store(self, to: &mut [i32; 4]) {
        *to = self.0;
    }

    /// Loads four `i8`, sign extended.
    #[inline(always)]
    pub fn load_i8(from: &[i8; 4]) -> Self {
        Self(from.map(i32::from))
    }

    /// Returns `self + other`, wrapping.
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }

    /// Returns `self - other`, wrapping.
    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_sub(other.0[i])))
    }

    /// Returns `self * other`, wrapping.
    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_mul(other.0[i])))
    }

    /// Loads four `i16`, sign extended.
    #[inline(always)]
    pub fn load_i16(from: &[i16; 4]) -> Self {
        Self(from.map(i32::from))
    }

    /// Returns `self & other`.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] & other.0[i]))
    }

    /// Returns `self | other`.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] | other.0[i]))
    }

    /// Shifts left.
    #[inline(always)]
    pub fn shl<const BITS: i32>(self) -> Self {
        Self(self.0.map(|x| x << BITS))
    }

    /// Shifts right, keeping the sign.
    #[inline(always)]
    pub fn shr<const BITS: i32>(self) -> Self {
        Self(self.0.map(|x| x >> BITS))
    }

    /// Returns a mask with all bits set where `self > other`.
    #[inline(always)]
    pub fn gt(self, other: Self) -> Self {
        Self(from_fn(|i| -i32::from(self.0[i] > other.0[i])))
    }

    /// Returns the bits of `yes` where the mask `self` is set, and those of `no` elsewhere.
    #[inline(always)]
    pub fn select(self, yes: F32x4, no: F32x4) -> F32x4 {
        let (yes, no) = (yes.to_bits(), no.to_bits());
        Self(from_fn(|i| (yes.0[i] & self.0[i]) | (no.0[i] & !self.0[i]))).to_float()
    }

    /// Returns the nearest `f32`, ties to even.
    #[inline(always)]
    pub fn to_f32(self) -> F32x4 {
        F32x4(self.0.map(|x| x as f32))
    }

    /// Returns the bits as `f32`.
    #[inline(always)]
    pub fn to_float(self) -> F32x4 {
        F32x4(self.0.map(|x| f32::from_bits(x as u32)))
    }

    /// Returns the bits as pairs of `i16`, the low half first.
    #[inline(always)]
    pub fn to_i16_pairs(self) -> I16x8 {
        I16x8(from_fn(|i| (self.0[i / 2] >> (16 * (i % 2))) as i16))
    }

    /// Returns the bits as `i8`, the low byte first.
    #[inline(always)]
    pub fn to_i8(self) -> I8x16 {
        I8x16(from_fn(|i| (self.0[i / 4] >> (8 * (i % 4))) as i8))
    }

    /// Transposes four rows of four.
    #[inline(always)]
    pub fn transpose(rows: [Self; 4]) -> [Self; 4] {
        from_fn(|i| Self(from_fn(|j| rows[j].0[i])))
    }
}

impl I16x8 {
    /// Loads a vector.
    #[inline(always)]
    pub fn load(from: &[i16; 8]) -> Self {
        Self(*from)
    }

    /// Loads eight `i8`, sign extended.
    #[inline(always)]
    pub fn load_i8(from: &[i8; 8]) -> Self {
        Self(from.map(i16::from))
    }

    /// Returns a vector with `value` in every lane.
    #[inline(always)]
    pub fn splat(value: i16) -> Self {
        Self([value; 8])
    }

    /// Returns `low` and then `high`, saturated to `i16`.
    #[inline(always)]
    pub fn narrow(low: I32x4, high: I32x4) -> Self {
        let narrow = |x: i32| x.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        Self(from_fn(|i| narrow(if i < 4 { low.0[i] } else { high.0[i - 4] })))
    }

    /// Returns the products of the lanes, with neighbors added up, wrapping.
    #[inline(always)]
    pub fn dot(self, other: Self) -> I32x4 {
        let product = |i: usize| i32::from(self.0[i]) * i32::from(other.0[i]);
        I32x4(from_fn(|i| product(2 * i).wrapping_add(product(2 * i + 1))))
    }

    /// Returns `self & other`.
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] & other.0[i]))
    }

    /// Shifts right, filling with zeros.
    #[inline(always)]
    pub fn shr_u<const BITS: i32>(self) -> Self {
        Self(self.0.map(|x| ((x as u16) >> BITS) as i16))
    }

    /// Returns `self + other`, wrapping.
    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }

    /// Returns `self - other`, wrapping.
    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_sub(other.0[i])))
    }

    /// Exchanges the middle two lanes of each half.
    #[inline(always)]
    pub fn swap_middle(self) -> Self {
        Self([0, 2, 1, 3, 4, 6, 5, 7].map(|i: usize| self.0[i]))
    }

    /// Returns the bits as `i8`.
    #[inline(always)]
    pub fn to_i8(self) -> I8x16 {
        self.to_i32().to_i8()
    }

    /// Returns the bits of each pair as `i32`.
    #[inline(always)]
    pub fn to_i32(self) -> I32x4 {
        I32x4(from_fn(|i| (self.0[2 * i] as u16 as i32) | (i32::from(self.0[2 * i + 1]) << 16)))
    }
}

impl I8x16 {
    /// Loads a vector.
    #[inline(always)]
    pub fn load(from: &[i8; 16]) -> Self {
        Self(*from)
    }

    /// Returns the eight lanes of `low` and then of `high`, saturated to `i8`.
    #[inline(always)]
    pub fn narrow(low: I16x8, high: I16x8) -> Self {
        let narrow = |x: i16| x.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
        Self(from_fn(|i| narrow(if i < 8 { low.0[i] } else { high.0[i - 8] })))
    }

    /// Returns the first eight lanes, sign extended.
    #[inline(always)]
    pub fn low(self) -> I16x8 {
        I16x8(from_fn(|i| self.0[i].into()))
    }

    /// Returns the last eight lanes, sign extended.
    #[inline(always)]
    pub fn high(self) -> I16x8 {
        I16x8(from_fn(|i| self.0[i + 8].into()))
    }

    /// Returns the bits as `i16`.
    #[inline(always)]
    pub fn to_i16(self) -> I16x8 {
        I16x8(from_fn(|i| (self.0[2 * i] as u8 as i16) | (i16::from(self.0[2 * i + 1]) << 8)))
    }

    /// Returns the bits of each quad as `i32`.
    #[inline(always)]
    pub fn to_i32(self) -> I32x4 {
        self.to_i16().to_i32()
    }
}
