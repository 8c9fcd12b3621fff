//! `AddNorm`: `LayerNorm(a + b)`, computed in the buffer of `a` if no other op reads it.

use super::floats;
use crate::encoder::cpu::kernels::add_norm::LayerNorm;
use tract_core::internal::*;

/// See [`reference::add_norm`](crate::encoder::reference::add_norm).
#[derive(Debug, Clone)]
pub(in crate::encoder::cpu) struct AddNorm(pub(in crate::encoder::cpu) Arc<LayerNorm>);

impl PartialEq for AddNorm {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for AddNorm {}

impl Op for AddNorm {
    fn name(&self) -> StaticName {
        "AddNorm".into()
    }

    op_as_typed_op!();
}

impl EvalOp for AddNorm {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (Some(b), Some(a)) = (inputs.pop(), inputs.pop()) else { bail!("two inputs are expected") };
        ensure!(
            a.shape() == b.shape() && a.len().is_multiple_of(self.0.hidden()),
            "two matrices of the same shape are expected"
        );
        let mut a = a.into_tensor();
        self.0.add_norm(a.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, floats(&b)?);
        Ok(tvec!(a.into_tvalue()))
    }
}

impl TypedOp for AddNorm {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
