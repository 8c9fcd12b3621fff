//! GELU (Hendrycks and Gimpel, 2016): `y = x · Φ(x)`, with `Φ(x) = ½ · (1 + erf(x / √2))`.
//! Gradient: `∂x = ∂y · (Φ(x) + x · φ(x))`, with `φ(x) = exp(-x² / 2) / √(2π)`.
//!
//! erf is formula 7.1.26 of Abramowitz and Stegun, with an error of at most 1.5e-7. It needs `exp(-x² / 2)`, as φ does.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::slices::{in_order, numbers, result};

/// The coefficients of the formula, from the highest power on.
const ERF: [f32; 5] = [1.061_405_4, -1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6];
/// The factor of `|x| / √2` in the formula.
const ERF_P: f32 = 0.327_591_1;
const INVERSE_SQRT_TWO_PI: f32 = 0.398_942_3;

/// Applies GELU to each number.
pub(in crate::train) fn gelu(x: &Tensor) -> Result<Tensor> {
    in_order(x)?.apply_op1(Gelu)
}

/// Returns Φ(x) and φ(x).
fn distribution(x: f32) -> (f32, f32) {
    let exp = (-0.5 * x * x).exp();
    let t = 1.0 / (1.0 + ERF_P * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let tail = 0.5 * exp * ERF.into_iter().fold(0.0, |sum, c| (sum + c) * t);
    (if x < 0.0 { tail } else { 1.0 - tail }, INVERSE_SQRT_TWO_PI * exp)
}

struct Gelu;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, xl: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(result(numbers(x, xl)?.iter().map(|&x| x * distribution(x).0).collect(), xl))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&in_order(grad)?, &GeluGradient).map(Some)
    }
}

struct GeluGradient;

impl CustomOp2 for GeluGradient {
    fn name(&self) -> &'static str {
        "gelu-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let pairs = numbers(x, xl)?.iter().zip(numbers(g, gl)?);
        let gradient = pairs.map(|(&x, g)| {
            let (cumulative, density) = distribution(x);
            g * (cumulative + x * density)
        });
        Ok(result(gradient.collect(), xl))
    }
}
