//! `SelectRows`: the first row of each text.

use super::{fact, floats, offsets, rows};
use crate::encoder::cpu::kernels::select_rows::first_rows;
use tract_core::internal::*;

/// See [`reference::select_rows`](crate::encoder::reference::select_rows).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::encoder::cpu) struct SelectRows {
    pub(in crate::encoder::cpu) width: usize,
}

impl Op for SelectRows {
    fn name(&self) -> StaticName {
        "SelectRows".into()
    }

    op_as_typed_op!();
}

impl EvalOp for SelectRows {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [x, cu_seqlens] = &*inputs else { bail!("two inputs are expected") };
        let cu_seqlens = offsets(cu_seqlens)?;
        let texts = cu_seqlens.len().saturating_sub(1);
        rows(texts, self.width, |out| {
            first_rows(floats(x)?, self.width, &cu_seqlens, out);
            Ok(())
        })
    }
}

impl TypedOp for SelectRows {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(fact(&(inputs[1].shape[0].clone() - 1), self.width))
    }

    as_op!();
}
