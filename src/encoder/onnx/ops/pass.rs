//! Operators that give back what they are given.

use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::Value;

pub(crate) fn identity(site: &mut Site) -> Outputs {
    Ok(tvec!(site.input(0)?))
}

/// `Dropout` outside training; its mask, if wanted, is all true.
pub(crate) fn dropout(site: &mut Site) -> Outputs {
    if let Some(training) = site.optional(2)
        && !training.tensor().is_some_and(|t| t.is_all_zero().unwrap_or(false))
    {
        return Err(site.build.unsupported("it is in training mode"));
    }
    let x = site.input(0)?;
    let mut outputs = tvec!(x.clone());
    if site.node.outputs.len() > 1 {
        outputs.push(site.build.broadcast_to(&Value::konst(tensor0(true)), &x.dims())?);
    }
    Ok(outputs)
}
