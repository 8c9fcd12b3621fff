//! `Embed`: token ids, token types, `cu_seqlens` → `[tokens, hidden]`.

use super::{fact, indices, rows};
use crate::encoder::cpu::kernels::embed;
use tract_core::internal::*;

/// See [`reference::embed`](crate::encoder::reference::embed).
#[derive(Debug, Clone)]
pub(in crate::encoder::fused) struct Embed {
    pub(in crate::encoder::fused) embed: Arc<embed::Embed>,
    /// Whether the graph takes every token for one of type 0.
    pub(in crate::encoder::fused) one_type: bool,
}

impl PartialEq for Embed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.embed, &other.embed)
    }
}

impl Eq for Embed {}

impl Op for Embed {
    fn name(&self) -> StaticName {
        "Embed".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Embed {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [ids, types, cu_seqlens] = &*inputs else { bail!("three inputs are due") };
        let narrow = |ids: &Tensor| -> TractResult<Vec<u32>> {
            Ok(indices(ids)?.into_iter().map(|id| u32::try_from(id).unwrap_or(u32::MAX)).collect())
        };
        let ids = narrow(ids)?;
        let types = if self.one_type { vec![0; ids.len()] } else { narrow(types)? };
        let cu_seqlens = indices(cu_seqlens)?;
        ensure!(cu_seqlens.last() == Some(&ids.len()) && types.len() == ids.len(), "lists of other lengths");
        rows(ids.len(), self.embed.hidden(), |out| Ok(self.embed.forward(&ids, &types, &cu_seqlens, out)?))
    }
}

impl TypedOp for Embed {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(fact(&inputs[0].shape[0], self.embed.hidden()))
    }

    as_op!();
}
