//! Operators along axes: `Reduce`, `Softmax`, `RmsNorm`.

use crate::encoder::graph::op::{computed, one};
use crate::encoder::graph::prelude::*;
use crate::encoder::graph::strided::{strided, strides};

use super::binary::narrow;

/// The operation that reduces elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reducer {
    Sum,
    Max,
    Min,
    #[cfg(feature = "cli")]
    MeanOfSquares,
}

/// Reduces axes to length 1.
#[derive(Debug, Clone)]
pub(crate) struct Reduce {
    pub(crate) axes: TVec<usize>,
    pub(crate) reducer: Reducer,
}

/// Returns the elements of `x` as rows: the axes `axes` come last. Also returns the length of a row.
fn rows(x: &Tensor, axes: &[usize]) -> TractResult<(Tensor, usize)> {
    ensure!(axes.iter().all(|axis| *axis < x.rank()), "{axes:?} of {} axes", x.rank());
    let own = strides(x.shape());
    let kept = (0..x.rank()).filter(|axis| !axes.contains(axis));
    let order: TVec<usize> = kept.chain(axes.iter().copied()).collect();
    let shape: TVec<usize> = order.iter().map(|axis| x.shape()[*axis]).collect();
    let steps: TVec<usize> = order.iter().map(|axis| own[*axis]).collect();
    let length = axes.iter().map(|axis| x.shape()[*axis]).product();
    Ok((strided(x, 0, &shape, &steps)?, length))
}

impl TypedOp for Reduce {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = one(inputs)?;
        let mut shape = x.shape.to_tvec();
        for axis in &self.axes {
            match shape.get_mut(*axis) {
                Some(dim) => *dim = 1.to_dim(),
                None => bail!("there is no axis {axis}"),
            }
        }
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let x = one(inputs)?;
        let (moved, length) = rows(&x, &self.axes)?;
        ensure!(length > 0, "nothing to reduce");
        let mut shape: TVec<usize> = x.shape().into();
        self.axes.iter().for_each(|axis| shape[*axis] = 1);
        if x.datum_type() == DatumType::F32 {
            let plain = moved.try_as_plain_ram()?;
            let reduce = |row: &[f32]| match self.reducer {
                Reducer::Sum => row.iter().sum(),
                Reducer::Max => row.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                Reducer::Min => row.iter().copied().fold(f32::INFINITY, f32::min),
                #[cfg(feature = "cli")]
                Reducer::MeanOfSquares => row.iter().map(|x| x * x).sum::<f32>() / row.len() as f32,
            };
            let reduced: Vec<f32> = plain.as_slice::<f32>()?.chunks_exact(length).map(reduce).collect();
            return Ok(computed(Tensor::from_shape(&shape, &reduced)?));
        }
        let wide = moved.cast_to::<i64>()?;
        let plain = wide.try_as_plain_ram()?;
        let reduce = |row: &[i64]| match self.reducer {
            Reducer::Sum => Some(row.iter().copied().fold(0, i64::wrapping_add)),
            Reducer::Max => row.iter().copied().max(),
            Reducer::Min => row.iter().copied().min(),
            #[cfg(feature = "cli")]
            Reducer::MeanOfSquares => None,
        };
        let reduced: Option<Vec<i64>> = plain.as_slice::<i64>()?.chunks_exact(length).map(reduce).collect();
        let Some(reduced) = reduced else { bail!("{:?} of integers", self.reducer) };
        Ok(computed(narrow(Tensor::from_shape(&shape, &reduced)?, x.datum_type())?))
    }
}

/// Softmax over axes.
#[derive(Debug, Clone)]
pub(crate) struct Softmax {
    pub(crate) axes: TVec<usize>,
}

/// Divides by the root of the mean square along an axis: `x / √(mean(x²) + eps)`.
#[derive(Debug, Clone)]
pub(crate) struct RmsNorm {
    pub(crate) axis: usize,
    pub(crate) eps: f32,
}

/// Returns `x` with `f` applied to each row along the last axis.
fn on_rows(x: &Tensor, axes: &[usize], f: impl Fn(&mut [f32])) -> TractResult<TVec<Arc<Tensor>>> {
    ensure!(axes.len() == 1 && axes[0] + 1 == x.rank(), "only the last axis is computed here");
    let length = x.shape()[axes[0]];
    let mut floats = x.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
    floats.chunks_exact_mut(length.max(1)).for_each(f);
    Ok(computed(Tensor::from_shape(x.shape(), &floats)?))
}

impl TypedOp for Softmax {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = one(inputs)?;
        Ok(tvec!(x.datum_type.fact(x.shape.to_tvec())))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        on_rows(&*one(inputs)?, &self.axes, |row| {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|x| *x = (*x - max).exp());
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= sum);
        })
    }
}

impl TypedOp for RmsNorm {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = one(inputs)?;
        Ok(tvec!(x.datum_type.fact(x.shape.to_tvec())))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        on_rows(&*one(inputs)?, &[self.axis], |row| {
            let mean = row.iter().map(|x| x * x).sum::<f32>() / row.len() as f32;
            let factor = (mean + self.eps).sqrt().recip();
            row.iter_mut().for_each(|x| *x *= factor);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_reduced_to_one() {
        let x = Arc::new(Tensor::from_shape(&[2, 3], &[1i64, 5, 3, -4, 0, 2]).unwrap());
        let run = |reducer, axes: &[usize]| {
            let op = Reduce { axes: axes.into(), reducer };
            let out = op.eval(&SymbolValues::default(), tvec!(x.clone())).unwrap().remove(0);
            let values = out.try_as_plain_ram().unwrap().as_slice::<i64>().unwrap().to_vec();
            (out.shape().to_vec(), values)
        };
        assert_eq!(run(Reducer::Sum, &[0]), (vec![1, 3], vec![-3, 5, 5]));
        assert_eq!(run(Reducer::Max, &[1]), (vec![2, 1], vec![5, 2]));
        assert_eq!(run(Reducer::Min, &[0, 1]), (vec![1, 1], vec![-4]));
    }
}
