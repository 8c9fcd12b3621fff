//! `y = x + b` for each row `x`. Gradients: `∂x = ∂y`, `∂b = Σ ∂y` over the rows.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::slices::{in_order, numbers, result, width};

/// Adds a bias, `[width]`, to each row.
pub(in crate::train) fn add_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    in_order(x)?.apply_op2(bias, AddBias)
}

struct AddBias;

impl CustomOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, b) = (numbers(x, xl)?, numbers(b, bl)?);
        let mut y = x.to_vec();
        for row in y.chunks_exact_mut(width(xl)) {
            row.iter_mut().zip(b).for_each(|(y, b)| *y += b);
        }
        Ok(result(y, xl))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(grad.clone()), Some(in_order(grad)?.apply_op1_no_bwd(&SumOfRows)?)))
    }
}

struct SumOfRows;

impl CustomOp1 for SumOfRows {
    fn name(&self) -> &'static str {
        "sum-of-rows"
    }

    fn cpu_fwd(&self, x: &CpuStorage, xl: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut sum = vec![0.0; width(xl)];
        for row in numbers(x, xl)?.chunks_exact(width(xl)) {
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        let shape = Shape::from(sum.len());
        Ok((CpuStorage::F32(sum), shape))
    }
}
