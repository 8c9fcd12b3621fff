//! `Attention`: q, k, v and `cu_seqlens` → the context, one row per row of q.

use super::{KernelState, Shared, fact, floats, offsets, rows};
use crate::encoder::cpu::kernels::attention::{Qkv, StridedRows, attention};
use crate::encoder::spec::AttentionSpec;
use tract_core::internal::*;

/// See [`reference::attention`](crate::encoder::reference::attention).
#[derive(Debug, Clone)]
pub(in crate::encoder::cpu) struct Attention {
    pub(in crate::encoder::cpu) spec: AttentionSpec,
    pub(in crate::encoder::cpu) shared: Shared,
}

impl PartialEq for Attention {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Eq for Attention {}

impl Op for Attention {
    fn name(&self) -> StaticName {
        "Attention".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Attention {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [q, k, v, cu_seqlens] = &*inputs else { bail!("four inputs are expected") };
        let (width, count) = (self.spec.hidden(), q.shape()[0]);
        let cu_seqlens = offsets(cu_seqlens)?;
        let tokens = cu_seqlens.last().copied().unwrap_or(0) * width;
        let (q, k, v) = (floats(q)?, floats(k)?, floats(v)?);
        ensure!(
            q.len() == count * width && k.len() == tokens && v.len() == tokens,
            "rows of {width} columns are expected"
        );
        let qkv = Qkv {
            q: StridedRows::new(q, width),
            k: StridedRows::new(k, width),
            v: StridedRows::new(v, width),
        };
        rows(count, width, |out| {
            let KernelState { scratch, autotuner } = &mut *self.shared.lock()?;
            attention(&self.spec, qkv, &cu_seqlens, autotuner.kernel(), out, scratch);
            Ok(())
        })
    }
}

impl TypedOp for Attention {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(fact(&inputs[0].shape[0], self.spec.hidden()))
    }

    as_op!();
}
