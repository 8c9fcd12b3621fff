//! `Range`.

use tract_core::internal::*;
use tract_core::prelude::tract_num_traits::Zero;

use super::integers::sane;
use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::Value;
use crate::error::Result;

/// `0, 1, … length - 1`, made anew in each run. tract's own `Range` would do, but
/// for its knowing too much: tract concludes from it what is true of a mask at
/// every place, and then loses the mask's shape.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct Count {
    length: TDim,
}

impl Op for Count {
    fn name(&self) -> StaticName {
        "Count".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Count {
    not_out_of_plan!();

    fn eval(&self, ctx: &EvalContext, _inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let length = self.length.eval(ctx.symbols).to_i64()?;
        Ok(tvec!(tensor1(&(0..length).collect::<Vec<i64>>()).into_tvalue()))
    }
}

impl TypedOp for Count {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(DatumType::I64.fact([self.length.clone()])))
    }

    as_op!();
}

impl Builder {
    /// `0, 1, … length - 1`
    pub(crate) fn count_to(&mut self, length: &TDim) -> Result<Value> {
        match length.as_i64() {
            Some(length @ ..=0xf_ffff) => Ok(Value::konst(tensor1(&(0..length).collect::<Vec<i64>>()))),
            Some(length) => Err(self.invalid(format_args!("it counts to {length}"))),
            None => self.wire(Count { length: length.clone() }, &[]),
        }
    }
}

/// Integers from a known start in known steps; the end may depend on batch or sequence.
pub(crate) fn range(site: &mut Site) -> Outputs {
    let scalar = |site: &Site, i: usize| -> Result<TDim> {
        let value = site.input(i)?;
        match value.lengths_of().as_deref() {
            Some([one]) if sane(one) && value.onnx_type() == DatumType::I64 => Ok(one.clone()),
            _ => Err(site.build.unsupported("its bounds are not int64 numbers known before a run")),
        }
    };
    let (start, end, step) = (scalar(site, 0)?, scalar(site, 1)?, scalar(site, 2)?);
    if !step.is_one() {
        return Err(site.build.unsupported(format_args!("steps of {step}")));
    }
    let length = end - start.clone();
    let length = if length.prove_positive_or_zero() {
        length
    } else if length.as_i64().is_some() {
        0.to_dim()
    } else {
        return Err(site.build.unsupported(format_args!("a length of {length}")));
    };
    let counted = site.build.count_to(&length)?;
    if start.is_zero() {
        return Ok(tvec!(counted));
    }
    let start = Value::konst(tensor0(start));
    Ok(tvec!(site.build.add(&counted, &start)?))
}
