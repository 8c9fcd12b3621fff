//! LayerNorm (Ba, Kiros and Hinton, 2016) of each row of width H: `n = (x - mean) / √(variance + ε)`, `y = w · n + b`.
//!
//! Gradients, with `g = ∂y · w`: `∂x = (g - mean(g) - n · mean(g · n)) / √(variance + ε)`, `∂w = Σ ∂y · n` and
//! `∂b = Σ ∂y` over the rows.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::slices::{in_order, numbers, result, width};

/// Normalizes each row, and scales and shifts it by `weight` and `bias`, `[H]`.
pub(in crate::train) fn layer_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
) -> Result<Tensor> {
    in_order(x)?.apply_op3(weight, bias, LayerNorm { epsilon: epsilon as f32 })
}

/// Writes the normalized row to `out` and returns `1 / √(variance + ε)`.
fn normalize(row: &[f32], epsilon: f32, out: &mut [f32]) -> f32 {
    let count = row.len() as f32;
    let mean = row.iter().sum::<f32>() / count;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / count;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    out.iter_mut().zip(row).for_each(|(out, x)| *out = (x - mean) * inverse);
    inverse
}

struct LayerNorm {
    epsilon: f32,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w, b, width) = (numbers(x, xl)?, numbers(w, wl)?, numbers(b, bl)?, width(xl));
        let mut y = vec![0.0; x.len()];
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            normalize(x, self.epsilon, y);
            y.iter_mut().zip(w).zip(b).for_each(|((y, w), b)| *y = *y * w + b);
        }
        Ok(result(y, xl))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = in_order(grad)?;
        let of_x = x.apply_op3_no_bwd(weight, &grad, &InputGradient { epsilon: self.epsilon })?;
        let of_both = x.apply_op2_no_bwd(&grad, &WeightGradient { epsilon: self.epsilon })?;
        Ok((Some(of_x), Some(of_both.get(0)?), Some(of_both.get(1)?)))
    }
}

struct InputGradient {
    epsilon: f32,
}

impl CustomOp3 for InputGradient {
    fn name(&self) -> &'static str {
        "layer-norm-input-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w, mut gradient, width) =
            (numbers(x, xl)?, numbers(w, wl)?, numbers(g, gl)?.to_vec(), width(xl));
        let mut normal = vec![0.0; width];
        for (x, gradient) in x.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            let inverse = normalize(x, self.epsilon, &mut normal);
            gradient.iter_mut().zip(w).for_each(|(g, w)| *g *= w);
            let mean = gradient.iter().sum::<f32>() / width as f32;
            let along = gradient.iter().zip(&normal).map(|(g, n)| g * n).sum::<f32>() / width as f32;
            gradient.iter_mut().zip(&normal).for_each(|(g, n)| *g = inverse * (*g - mean - n * along));
        }
        Ok(result(gradient, xl))
    }
}

/// Returns the gradients of weight and bias, `[2, H]`.
struct WeightGradient {
    epsilon: f32,
}

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "layer-norm-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, g, width) = (numbers(x, xl)?, numbers(g, gl)?, width(xl));
        let (mut sums, mut normal) = (vec![0.0; 2 * width], vec![0.0; width]);
        let (weight, bias) = sums.split_at_mut(width);
        for (x, g) in x.chunks_exact(width).zip(g.chunks_exact(width)) {
            normalize(x, self.epsilon, &mut normal);
            weight.iter_mut().zip(g).zip(&normal).for_each(|((sum, g), n)| *sum += g * n);
            bias.iter_mut().zip(g).for_each(|(sum, g)| *sum += g);
        }
        Ok((CpuStorage::F32(sums), Shape::from((2, width))))
    }
}
