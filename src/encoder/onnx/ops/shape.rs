//! `Shape` and `Size`: always constants here, in terms of batch and sequence.

use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::integers;

pub(crate) fn shape(site: &mut Site) -> Outputs {
    let dims = site.input(0)?.dims();
    let rank = dims.len() as i64;
    let place = |at: i64| if at < 0 { at.saturating_add(rank) } else { at }.clamp(0, rank) as usize;
    let start = place(site.node.int_or("start", 0)?);
    let end = place(site.node.int_or("end", rank)?);
    let dims = dims.get(start..end).unwrap_or_default().to_vec();
    let length = dims.len();
    Ok(tvec!(integers(&dims, &[length]).map_err(|e| site.build.invalid(e))?))
}

pub(crate) fn size(site: &mut Site) -> Outputs {
    let count = site.input(0)?.dims().iter().product();
    Ok(tvec!(integers(&[count], &[]).map_err(|e| site.build.invalid(e))?))
}
