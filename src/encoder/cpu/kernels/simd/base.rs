//! The instruction set that every machine of an architecture has, on the vectors of 16 bytes.

use super::wide::{Floats, Ints, Job, Simd, Sums, Wide16};
use super::{F32x4, I16x8, I32x4, relaxed};

/// The token of the base instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Base;

impl Simd for Base {
    type F32 = F32x4;
    type I32 = I32x4;
    type Sums = I32x4;
    type I16 = [I16x8; 2];
    const PANELS: usize = 1;
    const HAS_DOT_QUADS: bool = false;
    const MIN_STRASSEN_ROWS: usize = 64;

    #[inline(always)]
    fn vectorize<J: Job>(self, job: J) -> J::Output {
        #[inline(never)]
        #[cfg_attr(
            all(target_arch = "wasm32", feature = "relaxed-simd"),
            target_feature(enable = "relaxed-simd")
        )]
        fn with_base<J: Job>(job: J) -> J::Output {
            job.run(Base)
        }
        with_base(job)
    }

    #[inline(always)]
    fn dot_pairs(self, sums: I32x4, a: I32x4, b: I32x4) -> I32x4 {
        sums.add(a.to_i16_pairs().dot(b.to_i16_pairs()))
    }

    #[inline(always)]
    fn dot_quads(self, sums: I32x4, signed: I32x4, small: I32x4) -> I32x4 {
        relaxed::dot_add(signed.to_i8(), small.to_i8(), sums)
    }

    #[inline(always)]
    fn dot_i16(self, signed: I32x4, small: I32x4) -> I32x4 {
        relaxed::dot_i16(signed.to_i8(), small.to_i8()).to_i32()
    }

    #[inline(always)]
    fn add_i16(self, a: I32x4, b: I32x4) -> I32x4 {
        a.to_i16_pairs().add(b.to_i16_pairs()).to_i32()
    }

    #[inline(always)]
    fn mul_add(self, a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
        relaxed::mul_add(a, b, c)
    }

    #[inline(always)]
    fn quantize_octets<const QUADS: bool>(
        self,
        rows: [&[f32; 8]; 4],
        inverse_scales: [f32; 4],
    ) -> [[i32; 4]; 4] {
        let pairs = [0, 1, 2, 3].map(|r| {
            let live = I32x4::splat(-i32::from(inverse_scales[r] > 0.0));
            let scale = F32x4::splat(inverse_scales[r]);
            let (halves, _) = rows[r].as_chunks::<4>();
            let round = |v: &[f32; 4]| live.select(F32x4::load(v).mul(scale), F32x4::zero()).round();
            let q = I16x8::narrow(round(&halves[0]), round(&halves[1]));
            if QUADS { q.swap_middle().to_i32() } else { q.to_i32() }
        });
        I32x4::transpose(pairs).map(I32x4::to_array)
    }
}

/// Returns the first four values.
#[inline(always)]
fn four<T>(values: &[T]) -> &[T; 4] {
    &values.as_chunks().0[0]
}

/// Returns the first four values.
#[inline(always)]
fn four_mut<T>(values: &mut [T]) -> &mut [T; 4] {
    &mut values.as_chunks_mut().0[0]
}

/// Implements operations of a trait by the methods of the same names.
macro_rules! forward {
    ($($name:ident($($other:ident)?) -> $result:ty;)*) => {
        $(
            #[inline(always)]
            fn $name(self $(, $other: Self)?) -> $result {
                self.$name($($other)?)
            }
        )*
    };
}

impl Floats for F32x4 {
    type Ints = I32x4;
    const LANES: usize = 4;

    forward! {
        add(other) -> Self;
        sub(other) -> Self;
        mul(other) -> Self;
        div(other) -> Self;
        min(other) -> Self;
        max(other) -> Self;
        lt(other) -> I32x4;
        round() -> I32x4;
        to_bits() -> I32x4;
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self::splat(value)
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        Self::load(four(from))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        self.store(four_mut(to));
    }
}

impl Ints for I32x4 {
    type Floats = F32x4;

    forward! {
        add(other) -> Self;
        sub(other) -> Self;
        mul(other) -> Self;
        and(other) -> Self;
        or(other) -> Self;
        gt(other) -> Self;
        to_f32() -> F32x4;
        to_float() -> F32x4;
    }

    #[inline(always)]
    fn splat(value: i32) -> Self {
        Self::splat(value)
    }

    #[inline(always)]
    fn load(from: &[i32]) -> Self {
        Self::load(four(from))
    }

    #[inline(always)]
    fn load_i8(from: &[i8]) -> Self {
        Self::load_i8(four(from))
    }

    #[inline(always)]
    fn store(self, to: &mut [i32]) {
        self.store(four_mut(to));
    }

    #[inline(always)]
    fn shl<const BITS: i32>(self) -> Self {
        self.shl::<BITS>()
    }

    #[inline(always)]
    fn select(self, yes: F32x4, no: F32x4) -> F32x4 {
        self.select(yes, no)
    }
}

impl Sums for I32x4 {
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(value: i32) -> Self {
        Self::splat(value)
    }

    #[inline(always)]
    fn load(from: &[i32]) -> Self {
        Self::load(four(from))
    }

    #[inline(always)]
    fn store(self, to: &mut [i32]) {
        self.store(four_mut(to));
    }

    #[inline(always)]
    fn add_scaled(self, scale: f32, totals: &mut [f32]) {
        let totals = four_mut(totals);
        F32x4::load(totals).add(self.to_f32().mul(F32x4::splat(scale))).store(totals);
    }

    #[inline(always)]
    fn add_products(self, scales: &[f32], totals: &mut [f32]) {
        let totals = four_mut(totals);
        F32x4::load(totals).add(self.to_f32().mul(F32x4::load(four(scales)))).store(totals);
    }

    #[inline(always)]
    fn add_scaled_products(self, scales: &[f32], scale: f32, totals: &mut [f32]) {
        let totals = four_mut(totals);
        let scales = F32x4::load(four(scales)).mul(F32x4::splat(scale));
        F32x4::load(totals).add(self.to_f32().mul(scales)).store(totals);
    }
}

impl Wide16 for [I16x8; 2] {
    #[inline(always)]
    fn widen(from: &[i8; 16]) -> Self {
        let (halves, _) = from.as_chunks();
        [0, 1].map(|v| I16x8::load_i8(&halves[v]))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        [self[0].add(other[0]), self[1].add(other[1])]
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        [self[0].sub(other[0]), self[1].sub(other[1])]
    }

    #[inline(always)]
    fn store(self, to: &mut [i32; 8]) {
        let (halves, _) = to.as_chunks_mut();
        self[0].to_i32().store(&mut halves[0]);
        self[1].to_i32().store(&mut halves[1]);
    }
}
