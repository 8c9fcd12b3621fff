//! Operators that add, remove, move or regroup axes, and how ONNX's `Reshape` and `Transpose` become some.

use crate::encoder::graph::op::{computed, one};
use crate::encoder::graph::prelude::*;
use crate::encoder::graph::strided::{strided, strides};

/// An operator on axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AxisOp {
    /// Inserts an axis of length 1.
    Add(usize),
    /// Removes an axis of length 1.
    Rm(usize),
    /// Takes the axis at the first index out and inserts it at the second.
    Move(usize, usize),
    /// Replaces the axes from an index on, which have the first lengths, with axes of the second lengths.
    Reshape(usize, Vec<TDim>, Vec<TDim>),
}

impl AxisOp {
    /// Returns the shape after the operator.
    ///
    /// # Errors
    /// If the operator does not fit the shape.
    fn apply(&self, shape: &[TDim]) -> TractResult<TVec<TDim>> {
        let mut shape: TVec<TDim> = shape.into();
        match self {
            Self::Add(at) => {
                ensure!(*at <= shape.len(), "there is no place {at} in {shape:?}");
                shape.insert(*at, 1.to_dim());
            }
            Self::Rm(at) => {
                ensure!(shape.get(*at).is_some_and(TDim::is_one), "axis {at} of {shape:?} is not 1");
                shape.remove(*at);
            }
            Self::Move(from, to) => {
                ensure!(*from < shape.len() && *to < shape.len(), "{shape:?} has no axis {from} or {to}");
                let dim = shape.remove(*from);
                shape.insert(*to, dim);
            }
            Self::Reshape(at, from, to) => {
                let have = shape.get(*at..*at + from.len());
                ensure!(have.is_some_and(|have| have == &from[..]), "{shape:?} has no axes {from:?} at {at}");
                let (volume, due) = (from.iter().product::<TDim>(), to.iter().product::<TDim>());
                ensure!(volume == due, "{from:?} has other elements than {to:?}");
                let rest = shape.split_off_at(*at + from.len());
                shape.truncate(*at);
                shape.extend(to.iter().cloned());
                shape.extend(rest);
            }
        }
        Ok(shape)
    }
}

/// Splits a list in two.
trait SplitOff<T> {
    fn split_off_at(&mut self, at: usize) -> TVec<T>;
}

impl<T> SplitOff<T> for TVec<T> {
    fn split_off_at(&mut self, at: usize) -> TVec<T> {
        self.drain(at..).collect()
    }
}

impl TypedOp for AxisOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = one(inputs)?;
        Ok(tvec!(x.datum_type.fact(self.apply(&x.shape)?)))
    }

    fn eval(&self, symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let x = one(inputs)?;
        let dims: TVec<TDim> = x.shape().iter().map(|length| length.to_dim()).collect();
        let numbers =
            |dims: &[TDim]| ShapeFact::from(dims.iter().map(|dim| dim.eval(symbols))).to_tvec().into_vec();
        let shape = match self {
            Self::Reshape(at, from, to) => Self::Reshape(*at, numbers(from), numbers(to)).apply(&dims)?,
            _ => self.apply(&dims)?,
        };
        let shape = ShapeFact::from(shape.iter()).eval(symbols)?;
        let Self::Move(from, to) = *self else {
            return Ok(computed(Arc::unwrap_or_clone(x).into_shape(&shape)?));
        };
        let mut steps = strides(x.shape());
        let step = steps.remove(from);
        steps.insert(to, step);
        Ok(computed(strided(&x, 0, &shape, &steps)?))
    }
}

/// Returns the operators that move the axes of a value to `order`: axis i of the result is axis `order[i]`.
pub(crate) fn transposition(order: &[usize]) -> Vec<AxisOp> {
    let mut axes: Vec<usize> = (0..order.len()).collect();
    let mut moves = Vec::new();
    for (to, axis) in order.iter().enumerate() {
        let Some(from) = axes.iter().position(|have| have == axis).filter(|from| *from != to) else {
            continue;
        };
        // The axis at `to` may be the one that is out of place: moving it there settles all in between.
        let target = order.iter().position(|due| *due == axes[to]).unwrap_or(to);
        let mut shifted = axes.clone();
        let own = shifted.remove(to);
        shifted.insert(target, own);
        if shifted[..=to] == order[..=to] {
            moves.push(AxisOp::Move(to, target));
            axes = shifted;
        } else {
            axes.remove(from);
            axes.insert(to, *axis);
            moves.push(AxisOp::Move(from, to));
        }
    }
    moves
}

/// Returns the shape that ONNX's `Reshape` gives: -1 stands for the rest of the elements, and 0 for the length
/// of the input's axis unless `allow_zero` is set.
///
/// # Errors
/// If the shape does not fit the elements.
fn target_shape(input: &[TDim], shape: &[TDim], allow_zero: bool) -> TractResult<TVec<TDim>> {
    let (zero, rest) = (0.to_dim(), (-1).to_dim());
    let mut target: TVec<TDim> = shape.into();
    if !allow_zero {
        for (axis, dim) in target.iter_mut().enumerate().filter(|(_, dim)| **dim == zero) {
            match input.get(axis) {
                Some(length) => *dim = length.clone(),
                None => bail!("axis {axis} is 0, and the input has {} axes", input.len()),
            }
        }
    }
    let volume: TDim = input.iter().product();
    if let Some(at) = target.iter().position(|dim| *dim == rest) {
        let known: TDim = target.iter().filter(|dim| **dim != rest).product();
        ensure!(known != zero, "-1 beside a length of 0");
        let (quotient, divisor) = volume.maybe_div(&known)?;
        ensure!(divisor == 1, "{known} does not divide {volume} elements");
        target[at] = quotient;
    } else {
        let due: TDim = target.iter().product();
        ensure!(volume == due, "{volume} elements do not make {due}");
    }
    let negative = target.iter().any(|dim| dim.as_i64().is_some_and(|n| n < 0));
    ensure!(!negative, "a length of {target:?} is negative");
    Ok(target)
}

/// Returns the operators that reshape a value of shape `input` as ONNX's `Reshape` does. Axes are regrouped in
/// groups as small as possible, so that the matcher can follow each.
///
/// # Errors
/// If the shape does not fit the elements, or the groups depend on batch and sequence.
pub(crate) fn reshaping(input: &[TDim], shape: &[TDim], allow_zero: bool) -> TractResult<Vec<AxisOp>> {
    let target = target_shape(input, shape, allow_zero)?;
    let mut steps = Vec::new();
    // `at` axes are as they are due. `from` and `to` are the axes that are left.
    let (mut from, mut to) = (input, &target[..]);
    let mut at = 0;
    loop {
        match (from, to) {
            ([], []) => return Ok(steps),
            ([have, rest @ ..], [due, left @ ..]) if have == due => {
                (from, to) = (rest, left);
                at += 1;
            }
            ([have, rest @ ..], _) if have.is_one() => {
                steps.push(AxisOp::Rm(at));
                from = rest;
            }
            (_, [due, left @ ..]) if due.is_one() => {
                steps.push(AxisOp::Add(at));
                to = left;
                at += 1;
            }
            _ => {
                let (taken, made) = group(from, to)?;
                steps.push(AxisOp::Reshape(at, from[..taken].into(), to[..made].into()));
                (from, to) = (&from[taken..], &to[made..]);
                at += made;
            }
        }
    }
}

/// Returns the fewest leading axes of each shape that have as many elements.
fn group(from: &[TDim], to: &[TDim]) -> TractResult<(usize, usize)> {
    let mut volume = 1.to_dim();
    for (taken, dim) in from.iter().enumerate() {
        volume *= dim;
        let mut due = 1.to_dim();
        for (made, dim) in to.iter().enumerate() {
            due *= dim;
            if due == volume {
                return Ok((taken + 1, made + 1));
            }
        }
    }
    bail!("the axes {from:?} cannot be regrouped to {to:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dims(lengths: &[i64]) -> Vec<TDim> {
        lengths.iter().map(ToDim::to_dim).collect()
    }

    #[test]
    fn transposition_moves_axes() {
        for order in
            [vec![0, 2, 1, 3], vec![0, 2, 3, 1], vec![3, 0, 1, 2], vec![3, 2, 1, 0], vec![1, 0], vec![0]]
        {
            let steps = transposition(&order);
            let mut axes: Vec<usize> = (0..order.len()).collect();
            for step in &steps {
                let AxisOp::Move(from, to) = *step else { panic!("{step:?}") };
                let axis = axes.remove(from);
                axes.insert(to, axis);
            }
            assert_eq!(axes, order);
        }
        assert_eq!(transposition(&[0, 2, 3, 1]), [AxisOp::Move(1, 3)]);
        assert_eq!(transposition(&[3, 0, 1, 2]), [AxisOp::Move(3, 0)]);
        assert!(transposition(&[0, 1, 2]).is_empty());
    }

    #[test]
    fn reshaping_regroups_as_little_as_possible() {
        let steps = |from: &[i64], to: &[i64]| reshaping(&dims(from), &dims(to), false).unwrap();
        let reshape = |at, from: &[i64], to: &[i64]| AxisOp::Reshape(at, dims(from), dims(to));
        assert_eq!(steps(&[2, 5, 32], &[0, -1, 4, 8]), [reshape(2, &[32], &[4, 8])]);
        assert_eq!(steps(&[2, 5, 4, 8], &[2, 5, 32]), [reshape(2, &[4, 8], &[32])]);
        assert_eq!(steps(&[2, 5, 32], &[-1, 32]), [reshape(0, &[2, 5], &[10])]);
        assert_eq!(steps(&[1, 5, 1], &[5]), [AxisOp::Rm(0), AxisOp::Rm(1)]);
        assert_eq!(steps(&[5], &[1, 5, 1]), [AxisOp::Add(0), AxisOp::Add(2)]);
        assert!(steps(&[1, 1], &[1, 1]).is_empty());
        assert!(reshaping(&dims(&[2, 3]), &dims(&[4]), false).is_err());
        assert!(reshaping(&dims(&[2, 3]), &dims(&[0, 0, 0]), false).is_err());
    }

    #[test]
    fn axes_are_moved_with_their_elements() {
        let x = Arc::new(Tensor::from_shape(&[2, 3], &[1i64, 2, 3, 4, 5, 6]).unwrap());
        let out = AxisOp::Move(0, 1).eval(&SymbolValues::default(), tvec!(x)).unwrap().remove(0);
        assert_eq!(out.shape(), [3, 2]);
        let plain = out.try_as_plain_ram().unwrap();
        assert_eq!(plain.as_slice::<i64>().unwrap(), [1, 4, 2, 5, 3, 6]);
    }
}
