//! `Equal`, `Less`, … and `And`, `Or`.

use tract_core::ops::binary::BinMiniOp;
use tract_core::ops::logic::{And, CompEq, CompGT, CompGTE, CompLT, CompLTE, Or};
use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::Value;

/// Compares two values; `on_lengths` does so for integers that may depend on
/// batch or sequence, and says `None` when it cannot tell.
fn compare(site: &mut Site, op: Box<dyn BinMiniOp>, on_lengths: fn(&TDim, &TDim) -> Option<bool>) -> Outputs {
    let (a, b) = (site.input(0)?, site.input(1)?);
    if a.onnx_type() != b.onnx_type() {
        let message = format!("it compares {:?} with {:?}", a.onnx_type(), b.onnx_type());
        return Err(site.build.invalid(message));
    }
    if let Some((elements, shape)) = site.build.on_integers(&[&a, &b], |x| on_lengths(x[0], x[1]))? {
        let tensor = Tensor::from_shape(&shape, &elements).map_err(|e| site.build.invalid(e))?;
        return Ok(tvec!(Value::konst(tensor)));
    }
    let (mut a, mut b) = (a, b);
    if a.onnx_type() == DatumType::Bool {
        a = site.build.cast(&a, DatumType::I32)?;
        b = site.build.cast(&b, DatumType::I32)?;
    }
    // A constant that depends on the batch enters the graph as int64 (`Builder::outlet`).
    Ok(tvec!(site.build.binary(op, &a, &b)?))
}

fn less_than(a: &TDim, b: &TDim) -> Option<bool> {
    if (b.clone() - a).prove_strict_positive() {
        Some(true)
    } else if (a.clone() - b).prove_positive_or_zero() {
        Some(false)
    } else {
        None
    }
}

fn equals(a: &TDim, b: &TDim) -> Option<bool> {
    if a == b {
        Some(true)
    } else if (a.clone() - b).prove_strict_positive() || (b.clone() - a).prove_strict_positive() {
        Some(false)
    } else {
        None
    }
}

pub(crate) fn equal(site: &mut Site) -> Outputs {
    compare(site, Box::new(CompEq), equals)
}

pub(crate) fn less(site: &mut Site) -> Outputs {
    compare(site, Box::new(CompLT), less_than)
}

pub(crate) fn less_or_equal(site: &mut Site) -> Outputs {
    compare(site, Box::new(CompLTE), |a, b| less_than(b, a).map(|greater| !greater))
}

pub(crate) fn greater(site: &mut Site) -> Outputs {
    compare(site, Box::new(CompGT), |a, b| less_than(b, a))
}

pub(crate) fn greater_or_equal(site: &mut Site) -> Outputs {
    compare(site, Box::new(CompGTE), |a, b| less_than(a, b).map(|less| !less))
}

fn logic(site: &mut Site, op: Box<dyn BinMiniOp>) -> Outputs {
    let (a, b) = (site.input(0)?, site.input(1)?);
    if a.datum_type() != DatumType::Bool || b.datum_type() != DatumType::Bool {
        return Err(site.build.invalid("it is given what is not true or false"));
    }
    Ok(tvec!(site.build.binary(op, &a, &b)?))
}

pub(crate) fn and(site: &mut Site) -> Outputs {
    logic(site, Box::new(And))
}

pub(crate) fn or(site: &mut Site) -> Outputs {
    logic(site, Box::new(Or))
}
