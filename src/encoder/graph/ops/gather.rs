//! `Gather`, `GatherElements` and `GatherND`. An index that is out of range is an error.

use crate::encoder::graph::op::computed;
use crate::encoder::graph::prelude::*;
use crate::encoder::graph::strided::strides;

/// Takes elements by index. Inputs: data, indices (int64).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gather {
    /// Each index selects a slice along an axis.
    Slices { axis: usize },
    /// Each index selects an element of its own line along an axis. Data and indices have the same lengths
    /// along the other axes.
    Elements { axis: usize },
    /// The last axis of the indices has an index for each of the first axes of the data.
    Nd,
}

impl Gather {
    /// Returns the shape of the result.
    fn shape<D: Clone>(self, data: &[D], indices: &[D], columns: usize) -> TractResult<TVec<D>> {
        Ok(match self {
            Self::Slices { axis } => {
                ensure!(axis < data.len(), "there is no axis {axis}");
                [&data[..axis], indices, &data[axis + 1..]].concat().into()
            }
            Self::Elements { axis } => {
                ensure!(axis < data.len() && data.len() == indices.len(), "the axes do not match");
                indices.into()
            }
            Self::Nd => {
                ensure!(!indices.is_empty() && (1..=data.len()).contains(&columns), "the axes do not match");
                [&indices[..indices.len() - 1], &data[columns..]].concat().into()
            }
        })
    }
}

/// Returns an index counted from the front.
///
/// # Errors
/// If it is out of range. `min` is the least index.
fn index(index: i64, length: usize, min: i64) -> TractResult<usize> {
    ensure!(
        (min..length as i64).contains(&index),
        "index {index} is out of range for an axis of length {length}"
    );
    Ok(if index < 0 { index + length as i64 } else { index } as usize)
}

impl TypedOp for Gather {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [data, indices] = inputs else { bail!("two inputs are expected") };
        ensure!(indices.datum_type == DatumType::I64, "indices are {:?}", indices.datum_type);
        let columns = indices.shape.last().map_or(0, |last| last.to_usize().unwrap_or(0));
        Ok(tvec!(data.datum_type.fact(self.shape(&data.shape, &indices.shape, columns)?)))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let [data, indices] = &inputs[..] else { bail!("two inputs are expected") };
        let (lengths, of_indices) = (data.shape(), indices.shape());
        let columns = of_indices.last().copied().unwrap_or(0);
        let shape = self.shape(lengths, of_indices, columns)?;
        let plain = indices.try_as_plain_ram()?;
        let picks = plain.as_slice::<i64>()?;
        let own = strides(lengths);
        // The offset of each run of elements in the data, and the length of a run.
        let mut offsets: Vec<usize> = Vec::new();
        let run: usize = match *self {
            Self::Slices { axis } => {
                let outer: usize = lengths[..axis].iter().product();
                for block in 0..outer {
                    for pick in picks {
                        let at = index(*pick, lengths[axis], -(lengths[axis] as i64))?;
                        offsets.push(block * lengths[axis] * own[axis] + at * own[axis]);
                    }
                }
                own[axis]
            }
            Self::Elements { axis } => {
                let inner: usize = of_indices[axis + 1..].iter().product();
                for (i, pick) in picks.iter().enumerate() {
                    let at = index(*pick, lengths[axis], -(lengths[axis] as i64))?;
                    let line = i / (inner * of_indices[axis]).max(1);
                    offsets.push(line * inner * lengths[axis] + at * inner + i % inner.max(1));
                }
                1
            }
            Self::Nd => {
                for place in picks.chunks_exact(columns.max(1)) {
                    let mut offset = 0;
                    for ((pick, length), stride) in place.iter().zip(lengths).zip(&own) {
                        offset += index(*pick, *length, 0)? * stride;
                    }
                    offsets.push(offset);
                }
                lengths[columns..].iter().product()
            }
        };
        if data.datum_type().is_tdim() {
            let plain = data.try_as_plain_ram()?;
            let from = plain.as_slice::<TDim>()?;
            let picked: Vec<TDim> =
                offsets.iter().flat_map(|at| from[*at..at + run].iter().cloned()).collect();
            return Ok(computed(tensor1(&picked).into_shape(&shape)?));
        }
        let size = data.datum_type().size_of();
        let mut out = Tensor::zero_dt(data.datum_type(), &shape)?;
        let targets = out.as_bytes_mut().chunks_exact_mut((run * size).max(1));
        for (target, at) in targets.zip(&offsets) {
            match data.as_bytes().get(at * size..(at + run) * size) {
                Some(from) => target.copy_from_slice(from),
                None => bail!("an element is out of range"),
            }
        }
        Ok(computed(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_taken_by_index() {
        let data = Arc::new(Tensor::from_shape(&[2, 3], &[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap());
        let run = |op: Gather, shape: &[usize], indices: &[i64]| {
            let indices = Arc::new(Tensor::from_shape(shape, indices).unwrap());
            let out = op.eval(&SymbolValues::default(), tvec!(data.clone(), indices))?.remove(0);
            let plain = out.try_as_plain_ram()?;
            TractResult::Ok((out.shape().to_vec(), plain.as_slice::<f32>()?.to_vec()))
        };
        let rows = run(Gather::Slices { axis: 0 }, &[2], &[1, -2]).unwrap();
        assert_eq!(rows, (vec![2, 3], vec![4.0, 5.0, 6.0, 1.0, 2.0, 3.0]));
        let columns = run(Gather::Slices { axis: 1 }, &[1, 2], &[2, 0]).unwrap();
        assert_eq!(columns, (vec![2, 1, 2], vec![3.0, 1.0, 6.0, 4.0]));
        let elements = run(Gather::Elements { axis: 1 }, &[2, 2], &[0, -1, 1, 1]).unwrap();
        assert_eq!(elements, (vec![2, 2], vec![1.0, 3.0, 5.0, 5.0]));
        let elements = run(Gather::Elements { axis: 0 }, &[1, 3], &[1, 0, 1]).unwrap();
        assert_eq!(elements, (vec![1, 3], vec![4.0, 2.0, 6.0]));
        let places = run(Gather::Nd, &[2, 2], &[0, 2, 1, 0]).unwrap();
        assert_eq!(places, (vec![2], vec![3.0, 4.0]));
        let rows = run(Gather::Nd, &[1, 1], &[1]).unwrap();
        assert_eq!(rows, (vec![1, 3], vec![4.0, 5.0, 6.0]));
        assert!(run(Gather::Slices { axis: 0 }, &[1], &[2]).is_err());
        assert!(run(Gather::Nd, &[1, 2], &[0, -1]).is_err());
    }
}
