//! Copies the elements of a tensor in another order, whatever their type: for operators that move, repeat or
//! drop elements.

use super::prelude::*;

/// Calls `visit` with the offset of every index of `shape`, in row-major order, in each of `N` arrays with these
/// strides. The last axis is left to `visit`, which gets the offsets of its first element.
pub(crate) fn walk<const N: usize>(
    shape: &[usize],
    strides: [&[usize]; N],
    mut visit: impl FnMut([usize; N]),
) {
    if shape.contains(&0) {
        return;
    }
    let outer = shape.len().saturating_sub(1);
    let mut index = vec![0; outer];
    let mut offsets = [0; N];
    loop {
        visit(offsets);
        let mut axis = outer;
        loop {
            let Some(next) = axis.checked_sub(1) else { return };
            axis = next;
            index[axis] += 1;
            for (offset, strides) in offsets.iter_mut().zip(strides) {
                *offset += strides[axis];
            }
            if index[axis] < shape[axis] {
                break;
            }
            for (offset, strides) in offsets.iter_mut().zip(strides) {
                *offset -= strides[axis] * shape[axis];
            }
            index[axis] = 0;
        }
    }
}

/// Returns the strides of a row-major array.
pub(crate) fn strides(shape: &[usize]) -> TVec<usize> {
    let mut strides: TVec<usize> = tvec!(1; shape.len());
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Returns the strides of an array that is read as if it had the shape `to`, of as many axes: 0 along an axis of
/// length 1 that is repeated.
///
/// # Errors
/// If `shape` does not broadcast to `to`.
pub(crate) fn broadcast_strides(shape: &[usize], to: &[usize]) -> TractResult<TVec<usize>> {
    ensure!(
        shape.len() == to.len() && shape.iter().zip(to).all(|(have, to)| have == to || *have == 1),
        "{shape:?} does not broadcast to {to:?}"
    );
    let mut strides = strides(shape);
    for (stride, (have, to)) in strides.iter_mut().zip(shape.iter().zip(to)) {
        if have != to {
            *stride = 0;
        }
    }
    Ok(strides)
}

/// Returns a tensor of the shape `shape`, whose elements are those of `x` from `offset` on with these strides.
///
/// # Errors
/// If the elements are neither numbers nor lengths, or an offset is out of range.
pub(crate) fn strided(x: &Tensor, offset: usize, shape: &[usize], strides: &[usize]) -> TractResult<Tensor> {
    if x.datum_type().is_tdim() {
        let plain = x.try_as_plain_ram()?;
        let from = plain.as_slice::<TDim>()?;
        let mut to = Vec::with_capacity(shape.iter().product());
        let mut copied = copy(from, &mut to, offset, shape, strides);
        copied &= to.len() == shape.iter().product::<usize>();
        ensure!(copied, "an element is out of range");
        return tensor1(&to).into_shape(shape);
    }
    let size = x.datum_type().size_of();
    let bytes = x.as_bytes();
    let mut out = Tensor::zero_dt(x.datum_type(), shape)?;
    let copied = match size {
        1 => fill::<1>(bytes, out.as_bytes_mut(), offset, shape, strides),
        2 => fill::<2>(bytes, out.as_bytes_mut(), offset, shape, strides),
        4 => fill::<4>(bytes, out.as_bytes_mut(), offset, shape, strides),
        8 => fill::<8>(bytes, out.as_bytes_mut(), offset, shape, strides),
        _ => bail!("elements of {size} bytes"),
    };
    ensure!(copied, "an element is out of range");
    Ok(out)
}

/// Copies elements of `SIZE` bytes. Returns false if one is out of range.
fn fill<const SIZE: usize>(
    from: &[u8],
    to: &mut [u8],
    offset: usize,
    shape: &[usize],
    strides: &[usize],
) -> bool {
    let (from, to) = (from.as_chunks::<SIZE>().0, to.as_chunks_mut::<SIZE>().0);
    let last = shape.last().copied().unwrap_or(1);
    let step = strides.last().copied().unwrap_or(0);
    let mut rows = to.chunks_exact_mut(last.max(1));
    let mut in_range = true;
    walk(shape, [strides], |[at]| {
        let at = at + offset;
        let Some(row) = rows.next() else { return };
        match (step, from.get(at..at + (last - 1) * step + 1)) {
            (1, Some(run)) => row.copy_from_slice(run),
            (_, Some(run)) => row.iter_mut().enumerate().for_each(|(i, x)| *x = run[i * step]),
            (_, None) => in_range = false,
        }
    });
    in_range
}

/// Copies elements that have to be cloned. Returns false if one is out of range.
fn copy<T: Clone>(from: &[T], to: &mut Vec<T>, offset: usize, shape: &[usize], strides: &[usize]) -> bool {
    let last = shape.last().copied().unwrap_or(1);
    let step = strides.last().copied().unwrap_or(0);
    let mut in_range = true;
    walk(shape, [strides], |[at]| {
        for i in 0..last {
            match from.get(at + offset + i * step) {
                Some(element) => to.push(element.clone()),
                None => in_range = false,
            }
        }
    });
    in_range
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_transposes_and_repeats() {
        let x = Tensor::from_shape(&[2, 3], &[1i64, 2, 3, 4, 5, 6]).unwrap();
        let run = |offset, shape: &[usize], strides: &[usize]| {
            let moved = strided(&x, offset, shape, strides).unwrap();
            moved.try_as_plain_ram().unwrap().as_slice::<i64>().unwrap().to_vec()
        };
        assert_eq!(run(0, &[3, 2], &[1, 3]), [1, 4, 2, 5, 3, 6]);
        assert_eq!(run(1, &[2, 2], &[3, 1]), [2, 3, 5, 6]);
        assert_eq!(run(3, &[2, 3], &[0, 1]), [4, 5, 6, 4, 5, 6]);
        assert_eq!(run(5, &[], &[]), [6]);
        assert!(strided(&x, 0, &[3, 3], &[3, 1]).is_err());
        let lengths = strided(&tensor1(&[1.to_dim(), 2.to_dim()]), 0, &[2, 2], &[1, 0]).unwrap();
        let plain = lengths.try_as_plain_ram().unwrap();
        assert_eq!(
            plain.as_slice::<TDim>().unwrap().iter().map(|d| d.as_i64().unwrap()).collect::<Vec<_>>(),
            [1, 1, 2, 2]
        );
    }
}
