//! `ReduceSum`, `ReduceMean`, `ReduceMax`, `ReduceMin`, `ReduceL2`.

use tract_core::internal::*;
use tract_core::ops::math;
use tract_core::ops::nn::{Reduce, Reducer};
use tract_core::prelude::tract_num_traits::Zero;

use super::arithmetic::Arithmetic;
use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl Builder {
    /// Reduces axes to length 1.
    pub(crate) fn reduce(&mut self, x: &Value, axes: &[usize], reducer: Reducer) -> Result<Value> {
        if axes.is_empty() {
            return Ok(x.clone());
        }
        if x.dims().iter().any(Zero::is_zero) {
            return Err(self.invalid("it reduces a value without elements"));
        }
        self.wire(Reduce { axes: axes.into(), reducer }, &[x])
    }

    /// The mean over axes, which stay with length 1.
    pub(crate) fn mean(&mut self, x: &Value, axes: &[usize]) -> Result<Value> {
        let dims = x.dims();
        let count: TDim = axes.iter().map(|a| dims[*a].clone()).product();
        let sum = self.reduce(x, axes, Reducer::Sum)?;
        match count.as_i64() {
            Some(count) => self.scale(&sum, 1.0 / count as f32),
            None => {
                let count = self.cast(&Value::konst(tensor0(count)), DatumType::F32)?;
                self.arithmetic(Arithmetic::Div, &sum, &count)
            }
        }
    }
}

/// The axes, sorted: an attribute before `input_since`, an input from then on.
fn axes(site: &Site, rank: usize, input_since: i64) -> Result<Vec<usize>> {
    let listed = if site.build.opset < input_since {
        site.node.ints("axes")?.map(<[i64]>::to_vec)
    } else if site.optional(1).is_some() {
        Some(site.integers(1)?)
    } else {
        None
    };
    let mut axes = match listed {
        Some(listed) if !listed.is_empty() => {
            listed.into_iter().map(|a| site.axis(a, rank)).collect::<Result<Vec<_>>>()?
        }
        _ if site.node.int_or("noop_with_empty_axes", 0)? != 0 => Vec::new(),
        _ => (0..rank).collect(),
    };
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

fn reduce(
    site: &mut Site,
    input_since: i64,
    compute: impl FnOnce(&mut Builder, &Value, &[usize]) -> Result<Value>,
) -> Outputs {
    let x = site.input(0)?;
    if !matches!(x.datum_type(), DatumType::F32 | DatumType::I64 | DatumType::I32) {
        return Err(site.build.unsupported(format_args!("it reduces {:?}", x.datum_type())));
    }
    let axes = axes(site, x.rank(), input_since)?;
    let keep = site.node.int_or("keepdims", 1)? != 0;
    let mut reduced = compute(site.build, &x, &axes)?;
    if !keep {
        for axis in axes.into_iter().rev() {
            reduced = site.build.axis(AxisOp::Rm(axis), &reduced)?;
        }
    }
    Ok(tvec!(reduced))
}

fn must_be_float(build: &Builder, x: &Value) -> Result<()> {
    if x.datum_type() != DatumType::F32 {
        return Err(build.unsupported(format_args!("it averages {:?}", x.datum_type())));
    }
    Ok(())
}

pub(crate) fn sum(site: &mut Site) -> Outputs {
    reduce(site, 13, |b, x, axes| b.reduce(x, axes, Reducer::Sum))
}

pub(crate) fn max(site: &mut Site) -> Outputs {
    reduce(site, 18, |b, x, axes| b.reduce(x, axes, Reducer::Max))
}

pub(crate) fn min(site: &mut Site) -> Outputs {
    reduce(site, 18, |b, x, axes| b.reduce(x, axes, Reducer::Min))
}

pub(crate) fn mean(site: &mut Site) -> Outputs {
    reduce(site, 18, |b, x, axes| {
        must_be_float(b, x)?;
        b.mean(x, axes)
    })
}

pub(crate) fn l2(site: &mut Site) -> Outputs {
    reduce(site, 18, |b, x, axes| {
        must_be_float(b, x)?;
        let squares = b.wire(math::square(), &[x])?;
        let sum = b.reduce(&squares, axes, Reducer::Sum)?;
        b.wire(math::sqrt(), &[&sum])
    })
}
