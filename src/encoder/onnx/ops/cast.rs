//! `Cast` and `CastLike`. A cast between float types does nothing: all are f32 here.

use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::tensor::graph_type;

pub(crate) fn cast(site: &mut Site) -> Outputs {
    let x = site.input(0)?;
    let Some(to) = site.node.int("to")? else {
        return Err(site.build.invalid("it does not say to what type"));
    };
    match i32::try_from(to).ok().and_then(graph_type) {
        Some(to) => Ok(tvec!(site.build.cast(&x, to)?)),
        None => Err(site.build.unsupported(format_args!("a cast to ONNX's type {to}"))),
    }
}

pub(crate) fn cast_like(site: &mut Site) -> Outputs {
    let (x, like) = (site.input(0)?, site.input(1)?);
    let to = like.onnx_type();
    Ok(tvec!(site.build.cast(&x, to)?))
}
