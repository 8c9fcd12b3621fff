//! Softmax of each row: `y = exp(x - max) / Σ exp(x - max)`. Gradient: `∂x = y · (∂y - Σ ∂y · y)`.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::slices::{in_order, numbers, result, width};

/// Applies softmax over the last dimension.
pub(in crate::train) fn softmax(x: &Tensor) -> Result<Tensor> {
    in_order(x)?.apply_op1(Softmax)
}

struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, x: &CpuStorage, xl: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut y = numbers(x, xl)?.to_vec();
        for row in y.chunks_exact_mut(width(xl)) {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|x| *x = (*x - most).exp());
            let inverse = 1.0 / row.iter().sum::<f32>();
            row.iter_mut().for_each(|x| *x *= inverse);
        }
        Ok(result(y, xl))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        y.apply_op2_no_bwd(&in_order(grad)?, &SoftmaxGradient).map(Some)
    }
}

struct SoftmaxGradient;

impl CustomOp2 for SoftmaxGradient {
    fn name(&self) -> &'static str {
        "softmax-gradient"
    }

    fn cpu_fwd(
        &self,
        y: &CpuStorage,
        yl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (y, mut gradient) = (numbers(y, yl)?, numbers(g, gl)?.to_vec());
        let width = width(yl);
        for (y, gradient) in y.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            let dot: f32 = y.iter().zip(&*gradient).map(|(y, g)| y * g).sum();
            gradient.iter_mut().zip(y).for_each(|(g, y)| *g = y * (*g - dot));
        }
        Ok(result(gradient, yl))
    }
}
