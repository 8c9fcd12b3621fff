//! `LayerNormalization`.

use tract_core::ops::nn::RmsNorm;
use tract_core::prelude::*;

use super::arithmetic::Arithmetic;
use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl Builder {
    /// LayerNorm over the last axis: `(x - mean) / √(variance + ε) · gamma + beta`.
    pub(crate) fn layer_norm(
        &mut self,
        x: &Value,
        gamma: &Value,
        beta: Option<&Value>,
        epsilon: f32,
    ) -> Result<Value> {
        let dims = x.dims();
        if x.datum_type() != DatumType::F32 || dims.is_empty() {
            return Err(self.invalid(format_args!("LayerNorm of {:?} {dims:?}", x.onnx_type())));
        }
        if !(epsilon.is_finite() && epsilon >= 0.0) {
            return Err(self.invalid(format_args!("epsilon = {epsilon}")));
        }
        let width = &dims[dims.len() - 1..];
        for parameter in std::iter::once(gamma).chain(beta) {
            if parameter.dims().as_slice() != width || parameter.datum_type() != DatumType::F32 {
                let message = format!("LayerNorm of {dims:?} with parameters {:?}", parameter.dims());
                return Err(self.invalid(message));
            }
        }
        let mean = self.mean(x, &[dims.len() - 1])?;
        let centred = self.arithmetic(Arithmetic::Sub, x, &mean)?;
        // The root of the mean square of what is centred is the standard deviation.
        let norm = RmsNorm { axis: dims.len() - 1, eps: rctensor0(epsilon) };
        let unit = self.wire(norm, &[&centred])?;
        let scaled = self.mul(&unit, gamma)?;
        match beta {
            Some(beta) => self.add(&scaled, beta),
            None => Ok(scaled),
        }
    }
}

pub(crate) fn layer_normalization(site: &mut Site) -> Outputs {
    let (x, gamma, beta) = (site.input(0)?, site.input(1)?, site.optional(2));
    let axis = site.axis(site.node.int_or("axis", -1)?, x.rank())?;
    if axis + 1 != x.rank() {
        return Err(site.build.unsupported(format_args!("axis {axis} of {} axes", x.rank())));
    }
    if site.node.outputs.len() > 1 {
        return Err(site.build.unsupported("its mean or deviation is wanted"));
    }
    let epsilon = site.node.float_or("epsilon", 1e-5)?;
    Ok(tvec!(site.build.layer_norm(&x, &gamma, beta.as_ref(), epsilon)?))
}
