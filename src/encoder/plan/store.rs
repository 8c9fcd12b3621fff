//! Keeps the elements of weights while they arrive. Each weight is dropped when the last op that
//! reads it has been packed.

use std::ops::Range;

use super::op::PlanOp;
use super::tensor::{TensorData, TensorRef};
use super::weight::Vector;
use crate::encoder::reserve::{try_copied, try_filled};
use crate::error::{Error, ErrorCode, Result};

/// The weights that have arrived, by index in the graph.
#[derive(Debug)]
pub(crate) struct WeightStore {
    weights: Vec<Option<TensorData>>,
    /// Per weight, how many more times an op will read it.
    pending_uses: Vec<usize>,
}

impl WeightStore {
    /// Returns an empty store for the weights that `ops` read. `weights` is their number in the graph.
    pub(crate) fn new(weights: usize, ops: &[PlanOp]) -> Self {
        let mut pending_uses = vec![0; weights];
        for op in ops {
            op.weights().into_iter().for_each(|weight| pending_uses[weight] += 1);
        }
        Self { weights: (0..weights).map(|_| None).collect(), pending_uses }
    }

    /// Returns an empty store for the listed weights, each of which is read once per mention.
    #[cfg(feature = "convert")]
    pub(crate) fn of(weights: usize, read: &[usize]) -> Self {
        let mut pending_uses = vec![0; weights];
        read.iter().for_each(|weight| pending_uses[*weight] += 1);
        Self { weights: (0..weights).map(|_| None).collect(), pending_uses }
    }

    /// Returns true if the weight is needed and has not arrived.
    pub(crate) fn wants(&self, weight: usize) -> bool {
        self.pending_uses[weight] > 0 && self.weights[weight].is_none()
    }

    /// Takes ownership of a weight's elements.
    pub(crate) fn put(&mut self, weight: usize, data: TensorData) {
        if self.pending_uses[weight] > 0 {
            self.weights[weight] = Some(data);
        }
    }

    /// Returns true if every weight of the op has arrived.
    pub(crate) fn has_all(&self, op: &PlanOp) -> bool {
        op.weights().into_iter().all(|weight| self.weights[weight].is_some())
    }

    /// Drops the weights that no op other than `op`, which has been packed, still needs.
    pub(crate) fn release(&mut self, op: &PlanOp) {
        for weight in op.weights() {
            self.pending_uses[weight] -= 1;
            if self.pending_uses[weight] == 0 {
                self.weights[weight] = None;
            }
        }
    }

    /// Drops a weight that has arrived, if it is still there.
    pub(crate) fn drop_weight(&mut self, weight: usize) {
        self.weights[weight] = None;
    }

    /// Takes back [`release`](Self::release): `op` needs its weights again.
    pub(crate) fn reclaim(&mut self, op: &PlanOp) {
        op.weights().into_iter().for_each(|weight| self.pending_uses[weight] += 1);
    }

    /// Calls `read` with the elements of a tensor.
    pub(super) fn with<T>(&self, tensor: &TensorRef, read: impl FnOnce(&TensorData) -> T) -> Result<T> {
        match tensor {
            TensorRef::Weight(weight) => {
                self.weights[*weight].as_ref().map(read).ok_or_else(|| packing_failed("a weight is missing"))
            }
            TensorRef::Constant(data) => Ok(read(data)),
        }
    }

    /// Returns the elements of a tensor: moves them if no other op needs them, otherwise copies them.
    pub(in crate::encoder) fn take(&mut self, tensor: &TensorRef) -> Result<TensorData> {
        if let TensorRef::Weight(weight) = tensor
            && self.pending_uses[*weight] == 1
            && let Some(data) = self.weights[*weight].take()
        {
            return Ok(data);
        }
        self.with(tensor, |data| data.try_clone("a copy of a weight that several ops share"))?
    }

    /// Returns the `len` elements of a vector as floats. A single number is repeated.
    pub(crate) fn vector(&self, vector: &Vector, len: usize) -> Result<Vec<f32>> {
        match vector {
            Vector::Uniform(x) => try_filled(len, *x, "a vector of weights"),
            Vector::Stored { tensor, part, .. } => {
                let all = self.with(tensor, |data| {
                    data.try_clone("a vector of weights")?.try_into_f32("a vector of weights")
                })??;
                let range = part.clone().unwrap_or(0..all.len());
                match all.get(range) {
                    Some([one]) => try_filled(len, *one, "a vector of weights"),
                    Some(part) if part.len() == len => try_copied(part, "a vector of weights"),
                    _ => Err(packing_failed("a vector does not have the length that its op needs")),
                }
            }
        }
    }

    /// Returns the elementwise product of vectors of `len` elements, or the range `part` of it.
    pub(super) fn product(
        &self,
        vectors: &[Vector],
        len: usize,
        part: Option<&Range<usize>>,
    ) -> Result<Vec<f32>> {
        let mut product = try_filled(len, 1.0, "a vector of weights")?;
        for vector in vectors {
            for (x, factor) in product.iter_mut().zip(self.vector(vector, len)?) {
                *x *= factor;
            }
        }
        Ok(match part {
            Some(part) => try_copied(&product[part.clone()], "a vector of weights")?,
            None => product,
        })
    }
}

/// Returns an `INTERNAL` error: the plan contradicts itself.
pub(crate) fn packing_failed(reason: &str) -> Error {
    Error::new(ErrorCode::Internal, format!("the weights cannot be packed: {reason}"))
}
