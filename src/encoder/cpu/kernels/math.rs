//! `exp`, `tanh` and the two forms of gelu, one vector at a time. The functions of the C library differ from
//! machine to machine; these polynomials give the same bits everywhere.
//!
//! The coefficients are minimax fits: Lawson's iteration on 1,200 to 2,000 Chebyshev points in double
//! precision. Each coefficient was rounded to `f32` in turn, and the others were fitted again. The tests
//! below check these bounds against `f64` over the whole range: every magnitude, ±0, denormals and ±∞. NaN
//! stays NaN.
//!
//! | function | maximum error, relative unless stated otherwise |
//! |---|---|
//! | [`Math::exp_negative`] | 1.2e-7 (1 ULP) down to −70; at most 4e-31 absolute below |
//! | [`Math::tanh`] | 2.5e-7 |
//! | [`Math::gelu`] | 1e-6 for x ≥ −4, 6e-6 down to −11.8; everywhere 1.5e-7 · max(1, \|x\|) absolute |
//! | [`Math::gelu_tanh`] | 7e-7 for x ≥ −2; everywhere 3e-7 · max(1, \|x\|) absolute |

use super::simd::{Floats, Ints};

/// The constants of this module.
#[derive(Debug)]
struct Constants {
    one: f32,
    minus_two: f32,
    minus_half: f32,
    magnitude: i32,
    sign: i32,
    exp_least: f32,
    log2_e: f32,
    /// 1.5 · 2²³ + 127. Adding it rounds to an integer, which is then in the low bits, with the bias of an
    /// `f32` exponent.
    rounder: f32,
    /// ln 2 in two parts. The first part has 9 bits, so its product with an exponent is exact.
    ln2: [f32; 2],
    /// eʳ = 1 + r + r²·P(r) for |r| ≤ ln 2 / 2, within 3.7e-9.
    exp: [f32; 5],
    tanh_small: f32,
    /// tanh x = x + x³·P(x²) up to 0.65, within 7.8e-9.
    tanh: [f32; 5],
    gelu_t: f32,
    /// R of [`Math::gelu`] over t, within 1.4e-7 for a ≤ 13.3.
    gelu: [f32; 8],
    /// −2 √(2/π) and 0.044715 times that.
    gelu_tanh: [f32; 2],
}

static CONSTANTS: Constants = Constants {
    one: 1.0,
    minus_two: -2.0,
    minus_half: -0.5,
    magnitude: i32::MAX,
    sign: i32::MIN,
    exp_least: -70.0,
    log2_e: std::f32::consts::LOG2_E,
    rounder: 12_582_912.0 + 127.0,
    ln2: [0.693_359_4, -2.121_944_4e-4],
    exp: [0.499_999_94, 0.166_665_21, 0.041_668_393, 0.008_368_746, 0.001_381_453_7],
    tanh_small: 0.65,
    tanh: [-0.333_332_6, 0.133_308_3, -0.053_688, 0.020_469_345, -0.005_515_082_7],
    gelu_t: 0.3,
    gelu: [
        0.119_625_17,
        0.120_816_88,
        0.099_523_19,
        0.129_843_03,
        -0.056_095_12,
        0.208_963_72,
        -0.158_713_1,
        0.036_036_18,
    ],
    gelu_tanh: [-1.595_769_2, -0.071_354_814],
};

/// The functions. Create a `Math` before a loop. Its constants are then read from memory; otherwise V8 builds
/// each constant from three instructions at every use.
#[derive(Debug, Clone, Copy)]
pub struct Math(&'static Constants);

/// Returns Σ cᵢ·xⁱ by Estrin's scheme. It has a few more products than Horner's, but a third as many
/// dependent additions, whose latency limits these functions.
#[inline(always)]
fn polynomial<V: Floats, const N: usize>(x: V, c: &[f32; N]) -> V {
    const { assert!(N >= 2 && N <= 8) };
    if N <= 2 {
        return linear(x, c, 0);
    }
    let square = x.mul(x);
    if N <= 4 {
        cubic(x, square, c, 0)
    } else {
        cubic(x, square, c, 4).mul(square.mul(square)).add(cubic(x, square, c, 0))
    }
}

/// Returns cᵢ + cᵢ₊₁·x.
#[inline(always)]
fn linear<V: Floats, const N: usize>(x: V, c: &[f32; N], i: usize) -> V {
    let low = V::splat(c[i]);
    if i + 1 < N { x.mul(V::splat(c[i + 1])).add(low) } else { low }
}

/// Returns cᵢ + cᵢ₊₁·x + (cᵢ₊₂ + cᵢ₊₃·x)·x².
#[inline(always)]
fn cubic<V: Floats, const N: usize>(x: V, square: V, c: &[f32; N], i: usize) -> V {
    let low = linear(x, c, i);
    if i + 2 < N { linear(x, c, i + 2).mul(square).add(low) } else { low }
}

impl Math {
    /// Returns the functions.
    #[inline(always)]
    #[allow(
        clippy::new_without_default,
        reason = "a default would hide that it should be created before a loop"
    )]
    pub fn new() -> Self {
        Self(std::hint::black_box(&CONSTANTS))
    }

    /// Returns eˣ for x ≤ 0, which is all that softmax and the functions below need. Below −70 the result
    /// stays at 4e-31. That is as good as 0 in sums and products, and avoids denormal numbers, which cost a
    /// hundred cycles each.
    #[inline(always)]
    pub fn exp_negative<V: Floats>(self, x: V) -> V {
        let c = self.0;
        let x = x.max(V::splat(c.exp_least));
        let rounder = V::splat(c.rounder);
        let shifted = x.mul(V::splat(c.log2_e)).add(rounder);
        let n = shifted.sub(rounder);
        let r = x.sub(n.mul(V::splat(c.ln2[0]))).sub(n.mul(V::splat(c.ln2[1])));
        let power = polynomial(r, &c.exp).mul(r.mul(r)).add(r).add(V::splat(c.one));
        power.mul(shifted.to_bits().shl::<23>().to_float())
    }

    /// Returns the hyperbolic tangent.
    #[inline(always)]
    pub fn tanh<V: Floats>(self, x: V) -> V {
        let c = self.0;
        let magnitude = x.to_bits().and(V::Ints::splat(c.magnitude)).to_float();
        let sign = x.to_bits().and(V::Ints::splat(c.sign));
        let square = x.mul(x);
        let small = polynomial(square, &c.tanh).mul(square.mul(x)).add(x);
        // Large: (1 − e⁻²ˣ) / (1 + e⁻²ˣ).
        let one = V::splat(c.one);
        let power = self.exp_negative(magnitude.mul(V::splat(c.minus_two)));
        let large = one.sub(power).div(one.add(power));
        // A NaN is not less than anything, so `large` is selected, which is NaN.
        magnitude.lt(V::splat(c.tanh_small)).select(small, large).to_bits().or(sign).to_float()
    }

    /// Returns x·Φ(x), with Φ the normal distribution function: the `gelu` of BERT, which the paper writes
    /// with `erf`.
    ///
    /// With a = |x|, Φ(−a) = e^(−a²/2) · R(a), and R is a polynomial in t = 1 / (1 + 0.3·a). So the left tail
    /// keeps its relative accuracy, which would cancel in `1 + erf`.
    #[inline(always)]
    pub fn gelu<V: Floats>(self, x: V) -> V {
        let c = self.0;
        let one = V::splat(c.one);
        let a = x.to_bits().and(V::Ints::splat(c.magnitude)).to_float();
        let t = one.div(a.mul(V::splat(c.gelu_t)).add(one));
        let power = self.exp_negative(x.mul(x).mul(V::splat(c.minus_half)));
        let tail = power.mul(polynomial(t, &c.gelu).mul(t));
        x.mul(x.lt(V::zero()).select(tail, one.sub(tail)))
    }

    /// Returns the `tanh` form of gelu: x / (1 + e^(−2u)), u = √(2/π) · (x + 0.044715 x³).
    #[inline(always)]
    pub fn gelu_tanh<V: Floats>(self, x: V) -> V {
        let c = self.0;
        let one = V::splat(c.one);
        let a = x.to_bits().and(V::Ints::splat(c.magnitude)).to_float();
        let power = self.exp_negative(polynomial(x.mul(x), &c.gelu_tanh).mul(a));
        // For x < 0 numerator and denominator are multiplied by e^(2u).
        x.mul(x.lt(V::zero()).select(power, one)).div(one.add(power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::simd::F32x4;
    use crate::encoder::reference::linear::reference_activation;
    use crate::encoder::spec::Activation;

    /// Returns every 997th float, 2 million floats between −20 and 20, and special values.
    fn inputs() -> impl Iterator<Item = f32> {
        let all = (0..=u32::MAX).step_by(997).map(f32::from_bits);
        let near = (-1_000_000..=1_000_000).map(|i| i as f32 / 50_000.0);
        let special =
            [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-45, -1e-45, f32::NAN];
        all.chain(near).chain(special)
    }

    /// Calls `check` with each input, the result of `f` and the result of `reference`.
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
                    // −∞ · 0 is NaN in the formula of gelu, here and in PyTorch.
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
        // An f32 cannot be closer than half the smallest denormal.
        (absolute(got, expected) - 0.71e-45).max(0.0) / expected.abs().max(f64::MIN_POSITIVE)
    }

    #[test]
    fn exp_stays_within_its_bound() {
        let negative = |x: F32x4| Math::new().exp_negative(x.min(F32x4::zero()));
        compare(
            negative,
            |x| if x > 0.0 { 1.0 } else { x.exp() },
            |x, got, expected| {
                if x >= -70.0 {
                    assert!(relative(got, expected) <= 1.2e-7, "{x}: {got} for {expected}");
                } else {
                    assert!((0.0..4e-31).contains(&got), "{x}: {got}");
                }
            },
        );
        assert_eq!(Math::new().exp_negative(F32x4::splat(0.0)).to_array(), [1.0; 4]);
        assert_eq!(Math::new().exp_negative(F32x4::splat(-0.0)).to_array(), [1.0; 4]);
    }

    #[test]
    fn tanh_stays_within_its_bound() {
        compare(
            |x| Math::new().tanh(x),
            f64::tanh,
            |x, got, expected| {
                assert!(relative(got, expected) <= 2.5e-7, "{x}: {got} for {expected}");
                assert!(got.abs() <= 1.0 && got.is_sign_negative() == x.is_sign_negative());
            },
        );
    }

    #[test]
    fn gelu_stays_within_its_bound() {
        compare(
            |x| Math::new().gelu(x),
            |x| reference_activation(Activation::Gelu, x),
            |x, got, expected| {
                let max_error = if x >= -4.0 {
                    1e-6
                } else if x >= -11.8 {
                    6e-6
                } else {
                    f64::INFINITY
                };
                assert!(relative(got, expected) <= max_error, "{x}: {got} for {expected}");
                assert!(absolute(got, expected) <= 1.5e-7 * x.abs().max(1.0), "{x}: {got} for {expected}");
            },
        );
    }

    #[test]
    fn gelu_tanh_stays_within_its_bound() {
        compare(
            |x| Math::new().gelu_tanh(x),
            |x| reference_activation(Activation::GeluTanh, x),
            |x, got, expected| {
                let max_error = if x >= -2.0 { 7e-7 } else { f64::INFINITY };
                assert!(relative(got, expected) <= max_error, "{x}: {got} for {expected}");
                assert!(absolute(got, expected) <= 3e-7 * x.abs().max(1.0), "{x}: {got} for {expected}");
            },
        );
    }
}
