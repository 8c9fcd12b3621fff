//! `Linear`: `[rows, inputs]` → `[rows, outputs]`.

use super::{KernelState, Shared, fact, floats, rows};
use crate::encoder::cpu::kernels::linear;
use tract_core::internal::*;

/// See [`reference::linear`](crate::encoder::reference::linear).
#[derive(Debug, Clone)]
pub(in crate::encoder::cpu) struct Linear {
    pub(in crate::encoder::cpu) linear: Arc<linear::Linear>,
    pub(in crate::encoder::cpu) shared: Shared,
}

impl PartialEq for Linear {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.linear, &other.linear)
    }
}

impl Eq for Linear {}

impl Op for Linear {
    fn name(&self) -> StaticName {
        "Linear".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Linear {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [x] = &*inputs else { bail!("one input is expected") };
        let spec = self.linear.spec();
        let (x, count) = (floats(x)?, x.shape()[0]);
        ensure!(x.len() == count * spec.inputs, "rows of {} columns are expected", spec.inputs);
        rows(count, spec.outputs, |out| {
            let KernelState { scratch, autotuner } = &mut *self.shared.lock()?;
            autotuner.forward(&self.linear, x, count, out, scratch);
            Ok(())
        })
    }
}

impl TypedOp for Linear {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(fact(&inputs[0].shape[0], self.linear.spec().outputs))
    }

    as_op!();
}
