//! Operators that repeat, cut or join: `BroadcastTo`, `Tile`, `Slice`, `Concat`.

use std::fmt::Debug;

use crate::encoder::graph::op::{computed, one};
use crate::encoder::graph::prelude::*;
use crate::encoder::graph::strided::{broadcast_strides, strided, strides};

/// Returns the shape that `shapes`, of as many axes each, broadcast to.
///
/// # Errors
/// If they do not broadcast.
pub(crate) fn broadcast<D: ToDim + Clone + PartialEq + Debug>(shapes: &[&[D]]) -> TractResult<TVec<D>> {
    let Some((first, rest)) = shapes.split_first() else { bail!("no shape") };
    let mut result: TVec<D> = first.iter().cloned().collect();
    for shape in rest {
        ensure!(shape.len() == result.len(), "{shapes:?} have different numbers of axes");
        for (have, dim) in result.iter_mut().zip(*shape) {
            if have.to_dim().is_one() {
                *have = dim.clone();
            } else {
                ensure!(dim.to_dim().is_one() || dim == have, "the shapes {shapes:?} do not broadcast");
            }
        }
    }
    Ok(result)
}

/// Broadcasts to a shape, which may have more axes in front.
#[derive(Debug, Clone)]
pub(crate) struct BroadcastTo {
    pub(crate) shape: TVec<TDim>,
}

impl TypedOp for BroadcastTo {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = one(inputs)?;
        let mut fact = x.datum_type.fact(self.shape.iter());
        fact.uniform.clone_from(&x.uniform);
        Ok(tvec!(fact))
    }

    fn eval(&self, symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let x = one(inputs)?;
        let shape = ShapeFact::from(self.shape.iter()).eval(symbols)?;
        ensure!(x.rank() <= shape.len(), "{:?} does not broadcast to {shape:?}", x.shape());
        let mut from: TVec<usize> = tvec!(1; shape.len() - x.rank());
        from.extend_from_slice(x.shape());
        Ok(computed(strided(&x, 0, &shape, &broadcast_strides(&from, &shape)?)?))
    }
}

/// Repeats a tensor along each axis.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    pub(crate) multipliers: TVec<TDim>,
}

impl TypedOp for Tile {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = one(inputs)?;
        ensure!(x.rank() == self.multipliers.len(), "{} repeats are expected", x.rank());
        let shape = x.shape.iter().zip(&self.multipliers).map(|(dim, times)| dim.clone() * times);
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn eval(&self, symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let x = one(inputs)?;
        let times = ShapeFact::from(self.multipliers.iter()).eval(symbols)?;
        ensure!(x.rank() == times.len(), "{} repeats are expected", x.rank());
        // Each axis is read as two: the repeats, which do not move on, and the elements.
        let own = strides(x.shape());
        let mut shape: TVec<usize> = tvec!();
        let mut steps: TVec<usize> = tvec!();
        for axis in 0..times.len() {
            shape.extend([times[axis], x.shape()[axis]]);
            steps.extend([0, own[axis]]);
        }
        let tiled: TVec<usize> = x.shape().iter().zip(&times).map(|(length, times)| length * times).collect();
        Ok(computed(strided(&x, 0, &shape, &steps)?.into_shape(&tiled)?))
    }
}

/// Takes the elements from `start` to `end` of an axis.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub(crate) axis: usize,
    pub(crate) start: TDim,
    pub(crate) end: TDim,
}

impl TypedOp for Slice {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = one(inputs)?;
        let mut shape = x.shape.to_tvec();
        let Some(dim) = shape.get_mut(self.axis) else { bail!("there is no axis {}", self.axis) };
        if let (Some(start), Some(end), Some(length)) = (self.start.as_i64(), self.end.as_i64(), dim.as_i64())
        {
            ensure!(0 <= start && start <= end && end <= length, "{start} to {end} of {length} elements");
        }
        *dim = self.end.clone() - &self.start;
        Ok(tvec!(x.datum_type.fact(shape)))
    }

    fn eval(&self, symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let x = one(inputs)?;
        let bounds = ShapeFact::from([&self.start, &self.end].into_iter()).eval(symbols)?;
        let (start, end) = (bounds[0], bounds[1]);
        let length = x.shape().get(self.axis).copied().unwrap_or(0);
        ensure!(start <= end && end <= length, "{start} to {end} of {length} elements");
        let own = strides(x.shape());
        let mut shape: TVec<usize> = x.shape().into();
        shape[self.axis] = end - start;
        Ok(computed(strided(&x, start * own[self.axis], &shape, &own)?))
    }
}

/// Joins tensors along an axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Concat {
    pub(crate) axis: usize,
}

impl TypedOp for Concat {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let Some((first, rest)) = inputs.split_first() else { bail!("no input") };
        let mut shape = first.shape.to_tvec();
        for input in rest {
            ensure!(input.rank() == shape.len(), "the inputs have different numbers of axes");
            for (axis, (have, dim)) in shape.iter_mut().zip(input.shape.iter()).enumerate() {
                if axis == self.axis {
                    *have = have.clone() + dim;
                } else {
                    ensure!(have == dim, "{have} and {dim} differ on axis {axis}");
                }
            }
        }
        ensure!(self.axis < shape.len(), "there is no axis {}", self.axis);
        Ok(tvec!(first.datum_type.fact(shape)))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        Ok(computed(Tensor::stack_tensors(self.axis, &inputs)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_repeated_cut_and_joined() {
        let x = Arc::new(Tensor::from_shape(&[2, 2], &[1f32, 2.0, 3.0, 4.0]).unwrap());
        let run = |op: &dyn TypedOp, inputs: &[&Arc<Tensor>]| {
            let inputs = inputs.iter().map(|x| (*x).clone()).collect();
            let out = op.eval(&SymbolValues::default(), inputs).unwrap().remove(0);
            let values = out.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
            (out.shape().to_vec(), values)
        };
        let tile = Tile { multipliers: tvec!(2.to_dim(), 1.to_dim()) };
        assert_eq!(run(&tile, &[&x]), (vec![4, 2], vec![1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]));
        let tile = Tile { multipliers: tvec!(1.to_dim(), 2.to_dim()) };
        assert_eq!(run(&tile, &[&x]).1, [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
        let slice = Slice { axis: 1, start: 1.to_dim(), end: 2.to_dim() };
        assert_eq!(run(&slice, &[&x]), (vec![2, 1], vec![2.0, 4.0]));
        assert_eq!(run(&Concat { axis: 1 }, &[&x, &x]).1, [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
        let to = BroadcastTo { shape: tvec!(2.to_dim(), 1.to_dim(), 2.to_dim()) };
        let row = Arc::new(tensor1(&[5f32, 6.0]));
        assert_eq!(run(&to, &[&row]), (vec![2, 1, 2], vec![5.0, 6.0, 5.0, 6.0]));
    }
}
