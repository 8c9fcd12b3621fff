//! `com.microsoft.QAttention`: `Attention` with quantised input and weights.

use super::attention::{attend, widths};
use super::heads::Heads;
use crate::encoder::onnx::registry::{Outputs, Site};

/// Inputs: x, weights, bias, x's scale, weights' scale, mask?, x's zero point?,
/// weights' zero point?, past?.
pub(crate) fn q_attention(site: &mut Site) -> Outputs {
    let (x, weights, bias) = (site.input(0)?, site.input(1)?, site.input(2)?);
    let (x_scale, w_scale) = (site.input(3)?, site.input(4)?);
    let (mask, x_zero, w_zero) = (site.optional(5), site.optional(6), site.optional(7));
    if site.optional(8).is_some() || site.node.outputs.len() > 1 {
        return Err(site.build.unsupported("it keeps keys and values of the past"));
    }
    let heads = Heads::of(site)?;
    let widths = widths(site, &weights)?;
    let build = &mut *site.build;
    let product = build.quantized_product(&x, &weights, x_zero.as_ref(), w_zero.as_ref())?;
    let packed = build.rescale(&product, &x_scale, &w_scale)?;
    let packed = build.add_bias(&packed, &bias)?;
    attend(build, &heads, &packed, widths, mask, None)
}
