//! `Embed`: `input_ids`, `token_type_ids` and `cu_seqlens` → `[tokens, hidden_size]`.

use super::{fact, integers, offsets, rows};
use crate::encoder::cpu::kernels::embed;
use tract_core::internal::*;

/// See [`reference::embed`](crate::encoder::reference::embed).
#[derive(Debug, Clone)]
pub(in crate::encoder::cpu) struct Embed {
    pub(in crate::encoder::cpu) embed: Arc<embed::Embed>,
    /// True if the graph ignores the token types and gives every token type 0.
    pub(in crate::encoder::cpu) types_always_zero: bool,
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
        let [ids, types, cu_seqlens] = &*inputs else { bail!("three inputs are expected") };
        let (ids, types, cu_seqlens) = (integers(ids)?, integers(types)?, offsets(cu_seqlens)?);
        let ends_with_tokens = cu_seqlens.last() == Some(&ids.len());
        ensure!(ends_with_tokens && types.len() == ids.len(), "the inputs differ in length");
        let zeros = if self.types_always_zero { vec![0; ids.len()] } else { Vec::new() };
        let types = if self.types_always_zero { &zeros } else { types };
        rows(ids.len(), self.embed.hidden(), |out| Ok(self.embed.forward(ids, types, &cu_seqlens, out)?))
    }
}

impl TypedOp for Embed {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(fact(&inputs[0].shape[0], self.embed.hidden()))
    }

    as_op!();
}
