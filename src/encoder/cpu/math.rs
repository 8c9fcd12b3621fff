//! The exponential, `tanh`, the normal distribution function and the activations made of them,
//! four lanes at a time, with polynomials of our own: the C library's functions differ from
//! machine to machine, these give the same bits everywhere.
//!
//! The coefficients are minimax fits (Lawson's iteration on 1,200 to 2,000 Chebyshev points in
//! double precision, each coefficient rounded to `f32` in turn and the others fitted again).
//! Bounds, which the tests below check against `f64` over the whole range (every finite
//! magnitude, ±0, denormals, ±∞; NaN stays NaN):
//!
//! | function | error, relative unless said |
//! |---|---|
//! | [`exp_negative`] | 1.2e-7 (1 ULP) down to −87.3, below at most 1.3e-38 |
//! | [`tanh`] | 2.5e-7 |
//! | [`gelu`] | 1e-6 for x ≥ −4, 6e-6 down to −13; everywhere 1.5e-7 · max(1, \|x\|) absolute |
//! | [`gelu_tanh`] | 7e-7 for x ≥ −2; everywhere 3e-7 · max(1, \|x\|) absolute |

use super::simd::{F32x4, I32x4};

/// ln 2 in two parts; the first has 9 bits, so that its product with an exponent is exact.
const LN2: [f32; 2] = [0.693_359_375, -2.121_944_4e-4];

/// 1.5 · 2²³ + 127: adding it rounds to an integer, and leaves that with the bias of an `f32`'s
/// exponent in the low bits.
const ROUNDER: f32 = 12_582_912.0 + 127.0;

/// `c[0] + x·(c[1] + x·(…))`.
#[inline(always)]
fn horner<const N: usize>(x: F32x4, c: [f32; N]) -> F32x4 {
    let mut sum = F32x4::splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = sum.mul(x).add(F32x4::splat(c[i]));
    }
    sum
}

/// eˣ for x ≤ 0, which is all that softmax and the functions below need. Below −87.3 it stays at
/// that value's 1.2e-38: whoever adds that up or multiplies with it won't notice.
#[inline(always)]
pub fn exp_negative(x: F32x4) -> F32x4 {
    let x = x.max(F32x4::splat(-87.3));
    let shifted = x.mul(F32x4::splat(std::f32::consts::LOG2_E)).add(F32x4::splat(ROUNDER));
    let n = shifted.sub(F32x4::splat(ROUNDER));
    let r = x.sub(n.mul(F32x4::splat(LN2[0]))).sub(n.mul(F32x4::splat(LN2[1])));
    // eʳ = 1 + r + r²·P(r) for |r| ≤ ln 2 / 2, P within 3.7e-9.
    let p = horner(r, [0.499_999_94, 0.166_665_21, 0.041_668_393, 0.008_368_746, 0.001_381_453_7]);
    let power = p.mul(r).mul(r).add(r).add(F32x4::splat(1.0));
    power.mul(shifted.to_bits().shl::<23>().to_float())
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
    // Large: (1 − e⁻²ˣ) / (1 + e⁻²ˣ).
    let one = F32x4::splat(1.0);
    let power = exp_negative(magnitude.mul(F32x4::splat(-2.0)));
    let large = one.sub(power).div(one.add(power));
    // A NaN is not less than anything, and `large` hands it on.
    magnitude.lt(F32x4::splat(0.65)).select(small, large).to_bits().or(sign).to_float()
}

/// x·Φ(x), Φ the normal distribution function: the `gelu` of BERT, `erf` in the paper's formula.
///
/// With a = |x|, Φ(−a) = e^(−a²/2) · R(a), and R is a polynomial in t = 1 / (1 + 0.3·a): so the
/// left tail keeps its relative accuracy, which `1 + erf` would cancel away.
#[inline(always)]
pub fn gelu(x: F32x4) -> F32x4 {
    let (a, one) = (x.abs(), F32x4::splat(1.0));
    let t = one.div(a.mul(F32x4::splat(0.3)).add(one));
    // R within 1.4e-7 for a ≤ 13.3; beyond, the exponential is 1e-38.
    let r = horner(
        t,
        [
            0.119_625_17,
            0.120_816_88,
            0.099_523_19,
            0.129_843_03,
            -0.056_095_12,
            0.208_963_72,
            -0.158_713_1,
            0.036_036_18,
        ],
    );
    let tail = exp_negative(a.mul(a).mul(F32x4::splat(-0.5))).mul(r.mul(t));
    x.mul(x.lt(F32x4::zero()).select(tail, one.sub(tail)))
}

/// The `tanh` form of gelu: x / (1 + e^(−2u)), u = √(2/π) · (x + 0.044715 x³).
#[inline(always)]
pub fn gelu_tanh(x: F32x4) -> F32x4 {
    // −2 √(2/π) and 0.044715 times that.
    let (a, one) = (x.abs(), F32x4::splat(1.0));
    let power = exp_negative(horner(x.mul(x), [-1.595_769_1, -0.071_354_82]).mul(a));
    // Left of 0 the fraction is expanded by e^(2u).
    x.mul(x.lt(F32x4::zero()).select(power, one)).div(one.add(power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::ops::linear::{Activation, reference_activation};

    /// Every 997th float, and 2 million over where things happen.
    fn inputs() -> impl Iterator<Item = f32> {
        let all = (0..=u32::MAX).step_by(997).map(f32::from_bits);
        let near = (-1_000_000..=1_000_000).map(|i| i as f32 / 50_000.0);
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-45, -1e-45, f32::NAN];
        all.chain(near).chain(special)
    }

    /// Hands each input, what the function makes of it and what it should be to `check`.
    fn compare(f: impl Fn(F32x4) -> F32x4, reference: impl Fn(f64) -> f64, check: impl Fn(f64, f64, f64)) {
        let mut lanes = inputs();
        loop {
            let x: Vec<f32> = lanes.by_ref().take(4).collect();
            if x.is_empty() {
                return;
            }
            let got = f(F32x4::load_part(&x, 0.0)).to_array();
            for (x, got) in x.into_iter().zip(got) {
                let expected = reference(f64::from(x));
                if x.is_nan() || expected.is_nan() {
                    // −∞ · 0 is NaN in gelu's formula, here and in PyTorch alike.
                    assert!(got.is_nan() || x == f32::NEG_INFINITY, "{x}: {got}");
                    assert!(x.is_infinite() || got.is_nan(), "{x}: {got}");
                } else {
                    assert!(!got.is_nan(), "{x}: NaN for {expected}");
                    check(f64::from(x), f64::from(got), expected);
                }
            }
        }
    }

    fn absolute(got: f64, expected: f64) -> f64 {
        if got == expected { 0.0 } else { (got - expected).abs() }
    }

    fn relative(got: f64, expected: f64) -> f64 {
        // Half the smallest denormal is as near as an f32 gets.
        (absolute(got, expected) - 0.71e-45).max(0.0) / expected.abs().max(f64::MIN_POSITIVE)
    }

    #[test]
    fn exponential() {
        let negative = |x: F32x4| exp_negative(x.min(F32x4::zero()));
        compare(negative, |x| if x > 0.0 { 1.0 } else { x.exp() }, |x, got, expected| {
            if x >= -87.3 {
                assert!(relative(got, expected) <= 1.2e-7, "{x}: {got} for {expected}");
            } else {
                assert!((0.0..1.3e-38).contains(&got), "{x}: {got}");
            }
        });
        assert_eq!(exp_negative(F32x4::splat(0.0)).to_array(), [1.0; 4]);
        assert_eq!(exp_negative(F32x4::splat(-0.0)).to_array(), [1.0; 4]);
    }

    #[test]
    fn hyperbolic_tangent() {
        compare(tanh, f64::tanh, |x, got, expected| {
            assert!(relative(got, expected) <= 2.5e-7, "{x}: {got} for {expected}");
            assert!(got.abs() <= 1.0 && got.is_sign_negative() == x.is_sign_negative());
        });
    }

    #[test]
    fn gelu_of_erf() {
        compare(gelu, |x| reference_activation(Activation::Gelu, x), |x, got, expected| {
            let most = if x >= -4.0 { 1e-6 } else if x >= -13.0 { 6e-6 } else { f64::INFINITY };
            assert!(relative(got, expected) <= most, "{x}: {got} for {expected}");
            assert!(absolute(got, expected) <= 1.5e-7 * x.abs().max(1.0), "{x}: {got} for {expected}");
        });
    }

    #[test]
    fn gelu_of_tanh() {
        compare(gelu_tanh, |x| reference_activation(Activation::GeluTanh, x), |x, got, expected| {
            let most = if x >= -2.0 { 7e-7 } else { f64::INFINITY };
            assert!(relative(got, expected) <= most, "{x}: {got} for {expected}");
            assert!(absolute(got, expected) <= 3e-7 * x.abs().max(1.0), "{x}: {got} for {expected}");
        });
    }

    #[test]
    fn activations_over_slices_of_every_length() {
        use crate::encoder::cpu::activation::apply;
        for activation in
            [Activation::None, Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Tanh]
        {
            for len in 0..20 {
                let x: Vec<f32> = (0..len).map(|i| i as f32 * 0.7 - 5.0).collect();
                let mut y = x.clone();
                apply(activation, &mut y);
                for (x, y) in x.iter().zip(y) {
                    let expected = reference_activation(activation, f64::from(*x));
                    assert!((f64::from(y) - expected).abs() < 1e-6, "{activation:?}({x}) = {y}");
                }
            }
        }
        let mut nan = [f32::NAN; 5];
        apply(Activation::Relu, &mut nan);
        assert!(nan.iter().all(|x| x.is_nan()));
    }
}
