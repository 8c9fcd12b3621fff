//! `com.microsoft.Gelu`: the exact one.

use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};

pub(crate) fn gelu(site: &mut Site) -> Outputs {
    let x = site.input(0)?;
    Ok(tvec!(site.build.gelu(&x)?))
}
