//! `Select`: elements of one of two tensors, by a condition.

use crate::encoder::graph::op::computed;
use crate::encoder::graph::prelude::*;
use crate::encoder::graph::strided::{broadcast_strides, strided};

use super::shape::broadcast;

/// Inputs: condition (bool), yes, no, of as many axes each. They broadcast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Select;

impl TypedOp for Select {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [condition, yes, no] = inputs else { bail!("three inputs are expected") };
        ensure!(condition.datum_type == DatumType::Bool, "the condition is {:?}", condition.datum_type);
        ensure!(yes.datum_type == no.datum_type, "{:?} and {:?} differ", yes.datum_type, no.datum_type);
        Ok(tvec!(yes.datum_type.fact(broadcast(&[&condition.shape, &yes.shape, &no.shape])?)))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let [condition, yes, no] = &inputs[..] else { bail!("three inputs are expected") };
        let shapes = [condition, yes, no].map(|tensor| tensor.shape());
        let shape = broadcast(&shapes)?;
        let whole = |x: &Tensor| strided(x, 0, &shape, &broadcast_strides(x.shape(), &shape)?);
        let (condition, mut yes, no) = (whole(condition)?, whole(yes)?, whole(no)?);
        ensure!(yes.datum_type() == no.datum_type(), "the types differ");
        let size = yes.datum_type().size_of();
        ensure!(!yes.datum_type().is_tdim(), "lengths are chosen during translation");
        let flags = condition.try_as_plain_ram()?;
        let target = yes.as_bytes_mut().chunks_exact_mut(size);
        for ((flag, to), from) in
            flags.as_slice::<bool>()?.iter().zip(target).zip(no.as_bytes().chunks_exact(size))
        {
            if !flag {
                to.copy_from_slice(from);
            }
        }
        Ok(computed(yes))
    }
}
