//! Translates `CumSum`.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};

/// The sums of all elements up to each element of an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CumulativeSum {
    axis: usize,
    /// True if an element is left out of its own sum.
    exclusive: bool,
    /// True if the sums begin at the end of the axis.
    reverse: bool,
}

impl CumulativeSum {
    /// Sums `x`, whose shape is `shape`.
    fn sum<T: Copy + Default>(&self, shape: &[usize], x: &[T], add: impl Fn(T, T) -> T) -> Vec<T> {
        let length = shape[self.axis];
        let inner: usize = shape[self.axis + 1..].iter().product();
        let mut sums = vec![T::default(); x.len()];
        let lines = if x.is_empty() { 0 } else { x.len() / length };
        for line in 0..lines {
            let start = line / inner * inner * length + line % inner;
            let mut sum = T::default();
            for step in 0..length {
                let step = if self.reverse { length - 1 - step } else { step };
                let at = start + step * inner;
                let with_own = add(sum, x[at]);
                sums[at] = if self.exclusive { sum } else { with_own };
                sum = with_own;
            }
        }
        sums
    }
}

impl TypedOp for CumulativeSum {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [x] = inputs else { bail!("expected one input") };
        Ok(tvec!(x.datum_type.fact(x.shape.to_tvec())))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let [x] = &*inputs else { bail!("expected one input") };
        let plain = x.try_as_plain_ram()?;
        let shape = x.shape();
        let sums = match x.datum_type() {
            DatumType::I64 => {
                Tensor::from_shape(shape, &self.sum(shape, plain.as_slice()?, i64::wrapping_add))?
            }
            DatumType::I32 => {
                Tensor::from_shape(shape, &self.sum(shape, plain.as_slice()?, i32::wrapping_add))?
            }
            _ => Tensor::from_shape(shape, &self.sum(shape, plain.as_slice()?, |a: f32, b: f32| a + b))?,
        };
        Ok(tvec!(Arc::new(sums)))
    }
}

/// Inputs: x, axis.
pub(crate) fn cumsum(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    if !matches!(x.onnx_type(), DatumType::F32 | DatumType::I64 | DatumType::I32) {
        return Err(ctx.builder.unsupported(format_args!("sums of {:?}", x.onnx_type())));
    }
    let axis = match ctx.constant_integers(1)?[..] {
        [axis] => ctx.axis(axis, x.rank())?,
        _ => return Err(ctx.builder.invalid("the axis is not one number")),
    };
    let exclusive = ctx.node.int_or("exclusive", 0)? != 0;
    let reverse = ctx.node.int_or("reverse", 0)? != 0;
    let x = ctx.builder.cast(&x, x.onnx_type())?;
    Ok(tvec!(ctx.builder.wire(CumulativeSum { axis, exclusive, reverse }, &[&x])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cumulative_sum_adds_along_its_axis() {
        let sum = |axis, exclusive, reverse| {
            CumulativeSum { axis, exclusive, reverse }.sum(&[2, 3], &[1, 2, 3, 4, 5, 6], |a: i64, b| a + b)
        };
        assert_eq!(sum(1, false, false), [1, 3, 6, 4, 9, 15]);
        assert_eq!(sum(0, false, false), [1, 2, 3, 5, 7, 9]);
        assert_eq!(sum(1, true, false), [0, 1, 3, 0, 4, 9]);
        assert_eq!(sum(1, false, true), [6, 5, 3, 15, 11, 6]);
        assert_eq!(sum(1, true, true), [5, 3, 0, 11, 6, 0]);
    }
}
