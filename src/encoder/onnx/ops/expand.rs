//! `Expand`, `Tile`, `Where`: broadcasting said aloud.

use tract_core::ops::array::{MultiBroadcastTo, Tile};
use tract_core::ops::logic::Iff;
use tract_core::prelude::tract_num_traits::Zero;
use tract_core::prelude::*;

use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Dims, Value, integers};
use crate::error::Result;

impl Builder {
    /// Broadcasts to a shape, which must be one that the value broadcasts to.
    pub(crate) fn broadcast_to(&mut self, value: &Value, dims: &[TDim]) -> Result<Value> {
        if let Some(bad) = dims.iter().find(|d| d.as_i64().is_some_and(|d| !(0..=1 << 30).contains(&d))) {
            return Err(self.invalid(format_args!("a length of {bad}")));
        }
        let dims: Dims = dims.into();
        if self.broadcast(&[value.dims(), dims.clone()])? != dims {
            return Err(self.invalid(format_args!("{:?} does not broadcast to {dims:?}", value.dims())));
        }
        if value.dims() == dims {
            return Ok(value.clone());
        }
        self.wire(MultiBroadcastTo::new(dims.into()), &[value])
    }
}

/// `Expand`: the shape may have ones where the value has more.
pub(crate) fn expand(site: &mut Site) -> Outputs {
    let (x, shape) = (site.input(0)?, site.input(1)?);
    let Some(shape) = shape.lengths_of() else {
        return Err(site.build.unsupported("its shape is not known before a run"));
    };
    let dims = site.build.broadcast(&[x.dims(), shape.into()])?;
    Ok(tvec!(site.build.broadcast_to(&x, &dims)?))
}

pub(crate) fn tile(site: &mut Site) -> Outputs {
    let (x, repeats) = (site.input(0)?, site.input(1)?);
    let Some(repeats) = repeats.lengths_of() else {
        return Err(site.build.unsupported("its repeats are not known before a run"));
    };
    let sane = |r: &TDim| r.as_i64().is_none_or(|r| (0..=1 << 30).contains(&r));
    if repeats.len() != x.rank() || !repeats.iter().all(sane) {
        return Err(site.build.invalid(format_args!("{repeats:?} repeats of {} axes", x.rank())));
    }
    if repeats.iter().all(TDim::is_one) {
        return Ok(tvec!(x));
    }
    Ok(tvec!(site.build.wire(Tile { multipliers: repeats.into() }, &[&x])?))
}

/// `Where`
pub(crate) fn select(site: &mut Site) -> Outputs {
    let (condition, yes, no) = (site.input(0)?, site.input(1)?, site.input(2)?);
    if condition.datum_type() != DatumType::Bool || yes.onnx_type() != no.onnx_type() {
        return Err(site.build.invalid("its inputs are not a condition and two values of one type"));
    }
    // A choice between lengths: tract has no such operator on them.
    if let Some(tensor) = condition.tensor() {
        let flags = tensor.cast_to::<i64>().map_err(|e| site.build.invalid(e))?.into_owned();
        let flags = Value::konst(flags);
        let choose = |x: &[&TDim]| Some(if x[0].is_zero() { x[2].clone() } else { x[1].clone() });
        if let Some((elements, shape)) = site.build.on_integers(&[&flags, &yes, &no], choose)? {
            return Ok(tvec!(integers(&elements, &shape).map_err(|e| site.build.invalid(e))?));
        }
    }
    let rank = site.build.broadcast(&[condition.dims(), yes.dims(), no.dims()])?.len();
    let condition = site.build.with_rank(&condition, rank)?;
    let yes = site.build.with_rank(&yes, rank)?;
    let no = site.build.with_rank(&no, rank)?;
    Ok(tvec!(site.build.wire(Iff, &[&condition, &yes, &no])?))
}
