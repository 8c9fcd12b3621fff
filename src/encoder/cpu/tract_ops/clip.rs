//! `Clip`: values clipped to a range, computed in the buffer of `x` if no other op reads it.

use super::floats;
use crate::encoder::cpu::kernels::clip::clip_rows;
use crate::encoder::spec::Activation;
use tract_core::internal::*;

/// See [`reference::clip`](crate::encoder::reference::clip). Inputs: x, and perhaps a value to add.
#[derive(Debug, Clone)]
pub(in crate::encoder::cpu) struct Clip {
    pub(in crate::encoder::cpu) width: usize,
    pub(in crate::encoder::cpu) range: [f32; 2],
    /// `[width]`, or empty.
    pub(in crate::encoder::cpu) shift: Arc<Vec<f32>>,
    pub(in crate::encoder::cpu) activation: Activation,
}

impl PartialEq for Clip {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shift, &other.shift)
            && self.range == other.range
            && self.activation == other.activation
    }
}

impl Eq for Clip {}

impl Op for Clip {
    fn name(&self) -> StaticName {
        "Clip".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Clip {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let plus = if inputs.len() == 2 { inputs.pop() } else { None };
        let Some(x) = inputs.pop() else { bail!("one or two inputs are expected") };
        ensure!(
            plus.as_ref().is_none_or(|plus| plus.shape() == x.shape())
                && x.len().is_multiple_of(self.width.max(1)),
            "matrices of the same shape are expected"
        );
        let plus = plus.as_ref().map_or(Ok(&[][..]), |plus| floats(plus))?;
        let mut x = x.into_tensor();
        let mut plain = x.try_as_plain_ram_mut()?;
        clip_rows(plain.as_slice_mut::<f32>()?, plus, self.range, &self.shift, self.activation);
        Ok(tvec!(x.into_tvalue()))
    }
}

impl TypedOp for Clip {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
