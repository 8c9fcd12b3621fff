//! `com.microsoft.BiasGelu`: exact gelu of `x + bias`.

use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};

pub(crate) fn bias_gelu(site: &mut Site) -> Outputs {
    let (x, bias) = (site.input(0)?, site.input(1)?);
    let sum = site.build.add_bias(&x, &bias)?;
    Ok(tvec!(site.build.gelu(&sum)?))
}
