//! `com.microsoft.SkipLayerNormalization`: LayerNorm of `x + skip + bias`.

use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};

/// Inputs: x, skip, gamma, beta?, bias?. Outputs: the norm, and as the fourth the sum.
pub(crate) fn skip_layer_normalization(site: &mut Site) -> Outputs {
    let (x, skip, gamma) = (site.input(0)?, site.input(1)?, site.input(2)?);
    let (beta, bias) = (site.optional(3), site.optional(4));
    let epsilon = site.node.float_or("epsilon", 1e-12)?;
    if site.node.outputs.iter().skip(1).take(2).any(|o| !o.is_empty()) {
        return Err(site.build.unsupported("its mean or deviation is wanted"));
    }
    let mut sum = site.build.add(&x, &skip)?;
    if sum.dims() != x.dims() {
        return Err(site.build.invalid("its second input is larger than the first"));
    }
    if let Some(bias) = bias {
        sum = site.build.add_bias(&sum, &bias)?;
    }
    let norm = site.build.layer_norm(&sum, &gamma, beta.as_ref(), epsilon)?;
    // The two in the middle are not wanted, so any value does.
    Ok(tvec!(norm.clone(), norm.clone(), norm, sum))
}
