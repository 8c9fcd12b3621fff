//! `exp`, `tanh`, the normal distribution function and the activations made of them, four lanes
//! at a time, with polynomials of our own: the C library's functions differ from machine to
//! machine, these give the same bits everywhere.
//!
//! The coefficients are minimax fits (Lawson's iteration on 1,200 to 2,000 Chebyshev points in
//! double precision, each coefficient rounded to `f32` in turn and the others fitted again).
//! Bounds, which the tests below check against `f64` over the whole range (every finite
//! magnitude, ±0, denormals, ±∞; NaN stays NaN):
//!
//! | function | error, relative unless said |
//! |---|---|
//! | [`exp`] | 1.2e-7 (1 ULP); denormal results: half the smallest denormal besides |
//! | [`tanh`] | 2.2e-7 |
//! | [`gelu`] | 6e-7 for x ≥ −4, 6e-6 below; absolute ≤ 1.8e-7 · max(1, \|x\|) everywhere |
//! | [`gelu_tanh`] | 7e-7 for x ≥ −2; absolute ≤ 3e-7 · max(1, \|x\|) everywhere |

use super::simd::{F32x4, I32x4};

const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// ln 2 in two parts; the first has 9 bits, so that its product with an exponent is exact.
const LN2: [f32; 2] = [0.693_359_375, -2.121_944_4e-4];
/// Adding 1.5 · 2²³ rounds to an integer, which then sits in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// `c[0] + x·(c[1] + x·(…))`.
#[inline(always)]
fn horner<const N: usize>(x: F32x4, c: [f32; N]) -> F32x4 {
    let mut sum = F32x4::splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = sum.mul(x).add(F32x4::splat(c[i]));
    }
    sum
}

/// eˣ. Below −103.98 zero, above 88.73 infinity.
#[inline(always)]
pub fn exp(x: F32x4) -> F32x4 {
    // Beyond these the result is 0 or ∞ anyway, and the exponent stays within two factors.
    let x = x.max(F32x4::splat(-105.0)).min(F32x4::splat(90.0));
    let shifted = x.mul(F32x4::splat(LOG2_E)).add(F32x4::splat(ROUNDER));
    let n = shifted.sub(F32x4::splat(ROUNDER));
    let exponent = shifted.to_bits().sub(I32x4::splat(ROUNDER.to_bits() as i32));
    let r = x.sub(n.mul(F32x4::splat(LN2[0]))).sub(n.mul(F32x4::splat(LN2[1])));
    // eʳ = 1 + r + r²·P(r) for |r| ≤ ln 2 / 2, P within 3.7e-9.
    let p = horner(r, [0.499_999_94, 0.166_665_21, 0.041_668_393, 0.008_368_746, 0.001_381_453_7]);
    let power = p.mul(r).mul(r).add(r).add(F32x4::splat(1.0));
    // 2ⁿ as two factors: one alone would overflow or be denormal at the ends.
    let half = exponent.shr::<1>();
    let two_to = |n: I32x4| n.add(I32x4::splat(127)).shl::<23>().to_float();
    power.mul(two_to(half)).mul(two_to(exponent.sub(half)))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: F32x4) -> F32x4 {
    let magnitude = x.abs();
    let sign = x.to_bits().and(I32x4::splat(i32::MIN));
    // Small: x + x³·P(x²), P within 7.8e-9 up to 0.65.
    let square = x.mul(x);
    let p = horner(square, [-0.333_332_6, 0.133_308_3, -0.053_688, 0.020_469_345, -0.005_515_082_7]);
    let small = p.mul(square).mul(x).add(x);
    // Large: 1 − 2 / (e²ˣ + 1).
    let one = F32x4::splat(1.0);
    let large = one.sub(F32x4::splat(2.0).div(exp(magnitude.add(magnitude)).add(one)));
    let large = large.to_bits().or(sign).to_float();
    // A NaN is not less than anything, and `large` hands it on.
    magnitude.lt(F32x4::splat(0.65)).select(small, large)
}

/// x·Φ(x), Φ the normal distribution function: the `gelu` of BERT, `erf` in the paper's formula.
///
/// With a = |x|, Φ(−a) = e^(−a²/2) · R(a), and R is a polynomial in t = 1 / (1 + a/4): so the
/// left tail keeps its relative accuracy, which `1 + erf` would cancel away.
#[inline(always)]
pub fn gelu(x: F32x4) -> F32x4 {
    let a = x.abs();
    let t = F32x4::splat(1.0).div(a.mul(F32x4::splat(0.25)).add(F32x4::splat(1.0)));
    // R within 4e-8 for a ≤ 14.5, where the product is zero in f32.
    let r = horner(
        t,
        [
            0.099_746_324,
            0.099_521_466,
            0.095_287_85,
            0.073_012_81,
            0.083_851_255,
            0.017_734_589,
            0.022_611_143,
            0.055_879_224,
            -0.064_537_03,
            0.016_892_375,
        ],
    )
    .mul(t);
    let tail = exp(a.mul(a).mul(F32x4::splat(-0.5))).mul(r);
    let phi = x.lt(F32x4::zero()).select(tail, F32x4::splat(1.0).sub(tail));
    x.mul(phi)
}

/// The `tanh` form of gelu: x / (1 + e^(−2u)), u = √(2/π) · (x + 0.044715 x³).
#[inline(always)]
pub fn gelu_tanh(x: F32x4) -> F32x4 {
    // −2 √(2/π) and 0.044715 times that.
    let inner = horner(x.mul(x), [-1.595_769_1, -0.071_354_82]).mul(x);
    x.div(F32x4::splat(1.0).add(exp(inner)))
}
