//! Operators on each element by itself.

use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::logic::not as tract_not;
use tract_core::ops::{math, nn};
use tract_core::prelude::*;

use super::arithmetic::Arithmetic;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Value, integers};

fn on_floats(site: &mut Site, op: ElementWiseOp) -> Outputs {
    let x = site.input(0)?;
    if x.datum_type() != DatumType::F32 {
        return Err(site.build.invalid(format_args!("it is given {:?}", x.onnx_type())));
    }
    Ok(tvec!(site.build.wire(op, &[&x])?))
}

pub(crate) fn abs(site: &mut Site) -> Outputs {
    on_floats(site, math::abs())
}

pub(crate) fn erf(site: &mut Site) -> Outputs {
    on_floats(site, math::erf())
}

pub(crate) fn exp(site: &mut Site) -> Outputs {
    on_floats(site, math::exp())
}

pub(crate) fn reciprocal(site: &mut Site) -> Outputs {
    on_floats(site, math::recip())
}

pub(crate) fn sigmoid(site: &mut Site) -> Outputs {
    on_floats(site, nn::sigmoid())
}

pub(crate) fn sqrt(site: &mut Site) -> Outputs {
    on_floats(site, math::sqrt())
}

pub(crate) fn tanh(site: &mut Site) -> Outputs {
    on_floats(site, math::tanh())
}

pub(crate) fn is_nan(site: &mut Site) -> Outputs {
    on_floats(site, math::is_nan())
}

pub(crate) fn neg(site: &mut Site) -> Outputs {
    let x = site.input(0)?;
    if let Some((elements, shape)) = site.build.on_integers(&[&x], |x| Some(TDim::Val(0) - x[0].clone()))? {
        return Ok(tvec!(integers(&elements, &shape).map_err(|e| site.build.invalid(e))?));
    }
    on_floats(site, math::neg())
}

pub(crate) fn not(site: &mut Site) -> Outputs {
    let x = site.input(0)?;
    if x.datum_type() != DatumType::Bool {
        return Err(site.build.invalid(format_args!("it is given {:?}", x.onnx_type())));
    }
    Ok(tvec!(site.build.wire(tract_not(), &[&x])?))
}

pub(crate) fn relu(site: &mut Site) -> Outputs {
    let x = site.input(0)?;
    Ok(tvec!(site.build.arithmetic(Arithmetic::Max, &x, &Value::float(0.0))?))
}

/// `Clip`: bounds are attributes up to opset 10 and inputs after.
pub(crate) fn clip(site: &mut Site) -> Outputs {
    let mut x = site.input(0)?;
    let bound = |site: &Site, name: &str, input: usize| {
        if site.build.opset < 11 {
            let there = site.node.has(name);
            Ok(there.then_some(Value::float(site.node.float_or(name, 0.0)?)))
        } else {
            Ok(site.optional(input))
        }
    };
    if let Some(least) = bound(site, "min", 1)? {
        x = site.build.arithmetic(Arithmetic::Max, &x, &least)?;
    }
    if let Some(most) = bound(site, "max", 2)? {
        x = site.build.arithmetic(Arithmetic::Min, &x, &most)?;
    }
    Ok(tvec!(x))
}
