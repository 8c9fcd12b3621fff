//! `com.microsoft.MatMulIntegerToFloat`: a product of quantised matrices, scaled, plus a bias.

use tract_core::prelude::*;

use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl Builder {
    /// A quantised product times the scales of its sides; the right one's may be
    /// one for each column.
    pub(super) fn rescale(&mut self, product: &Value, left: &Value, right: &Value) -> Result<Value> {
        let last = product.rank().saturating_sub(1);
        let left = self.along(left, product, last.saturating_sub(1))?;
        let right = self.along(right, product, last)?;
        let scale = self.mul(&left, &right)?;
        self.mul(product, &scale)
    }
}

/// Inputs: a, b, a's scale, b's scale, a's zero point?, b's zero point?, bias?.
pub(crate) fn matmul_integer_to_float(site: &mut Site) -> Outputs {
    let (a, b, a_scale, b_scale) = (site.input(0)?, site.input(1)?, site.input(2)?, site.input(3)?);
    let (a_zero, b_zero, bias) = (site.optional(4), site.optional(5), site.optional(6));
    let build = &mut *site.build;
    let product = build.quantized_product(&a, &b, a_zero.as_ref(), b_zero.as_ref())?;
    let mut result = build.rescale(&product, &a_scale, &b_scale)?;
    if let Some(bias) = bias {
        result = build.add_bias(&result, &bias)?;
    }
    Ok(tvec!(result))
}
