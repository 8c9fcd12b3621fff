//! `Cast`: another element type.

use crate::encoder::graph::op::{computed, one};
use crate::encoder::graph::prelude::*;

/// Converts elements to the type `to`. A length (`TDim`) becomes a number in a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cast {
    pub(crate) to: DatumType,
}

impl TypedOp for Cast {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let x = one(inputs)?;
        let mut fact = self.to.fact(x.shape.to_tvec());
        let uniform = x.uniform.as_ref().and_then(|uniform| uniform.cast_to_dt(self.to).ok());
        fact.uniform = uniform.map(|uniform| Arc::new(uniform.into_owned()));
        Ok(tvec!(fact))
    }

    fn eval(&self, symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let x = one(inputs)?;
        if x.datum_type() == self.to {
            return Ok(tvec!(x));
        }
        if !x.datum_type().is_tdim() {
            return Ok(computed(x.cast_to_dt(self.to)?.into_owned()));
        }
        let plain = x.try_as_plain_ram()?;
        let lengths = plain.as_slice::<TDim>()?.iter().map(|dim| Ok(dim.eval(symbols).to_i64()?));
        let integers = Tensor::from_shape(x.shape(), &lengths.collect::<TractResult<Vec<i64>>>()?)?;
        Ok(computed(integers.cast_to_dt(self.to)?.into_owned()))
    }
}
