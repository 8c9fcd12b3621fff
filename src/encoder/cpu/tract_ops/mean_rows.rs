//! `MeanRows` and `Normalize`, for graphs that pool by themselves.

use super::{fact, floats, offsets, rows};
use crate::encoder::cpu::kernels::mean_rows::mean_rows;
use crate::l2::divide_by_l2_norm;
use tract_core::internal::*;

/// `[tokens, hidden]`, `cu_seqlens` → `[texts, hidden]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::encoder::cpu) struct MeanRows {
    pub(in crate::encoder::cpu) width: usize,
}

impl Op for MeanRows {
    fn name(&self) -> StaticName {
        "MeanRows".into()
    }

    op_as_typed_op!();
}

impl EvalOp for MeanRows {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [x, cu_seqlens] = &*inputs else { bail!("two inputs are expected") };
        let cu_seqlens = offsets(cu_seqlens)?;
        rows(cu_seqlens.len().saturating_sub(1), self.width, |out| {
            mean_rows(floats(x)?, self.width, &cu_seqlens, out);
            Ok(())
        })
    }
}

impl TypedOp for MeanRows {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(fact(&(inputs[1].shape[0].clone() - 1), self.width))
    }

    as_op!();
}

/// Divides each row by its L2 norm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::encoder::cpu) struct Normalize {
    pub(in crate::encoder::cpu) width: usize,
}

impl Op for Normalize {
    fn name(&self) -> StaticName {
        "Normalize".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Normalize {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let Some(x) = inputs.pop() else { bail!("one input is expected") };
        let mut x = x.into_tensor();
        divide_by_l2_norm(x.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, self.width);
        Ok(tvec!(x.into_tvalue()))
    }
}

impl TypedOp for Normalize {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
