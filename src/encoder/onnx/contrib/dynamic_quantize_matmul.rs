//! `com.microsoft.DynamicQuantizeMatMul`: quantises its left side, then multiplies.

use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};

/// Inputs: a (float), b, b's scale, b's zero point?, bias?.
pub(crate) fn dynamic_quantize_matmul(site: &mut Site) -> Outputs {
    let (a, b, b_scale) = (site.input(0)?, site.input(1)?, site.input(2)?);
    let (b_zero, bias) = (site.optional(3), site.optional(4));
    let build = &mut *site.build;
    let quantized = build.quantize_as_it_runs(&a)?;
    let [a, a_scale, a_zero] = &*quantized else {
        return Err(build.invalid("it cannot be quantised"));
    };
    let product = build.quantized_product(a, &b, Some(a_zero), b_zero.as_ref())?;
    let mut result = build.rescale(&product, a_scale, &b_scale)?;
    if let Some(bias) = bias {
        result = build.add_bias(&result, &bias)?;
    }
    Ok(tvec!(result))
}
