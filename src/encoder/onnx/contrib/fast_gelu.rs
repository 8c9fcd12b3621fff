//! `com.microsoft.FastGelu`: gelu by tanh, of `x + bias` if there is a bias.

use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};

pub(crate) fn fast_gelu(site: &mut Site) -> Outputs {
    let mut x = site.input(0)?;
    if let Some(bias) = site.optional(1) {
        x = site.build.add_bias(&x, &bias)?;
    }
    Ok(tvec!(site.build.gelu_by_tanh(&x)?))
}
