//! `com.microsoft.QEmbedLayerNormalization`: the same with quantised tables.

use super::embed_layer_normalization::Embed;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::Value;
use crate::error::Result;

/// Inputs 0 to 7 are those of the plain one; then scales and zero points of the
/// three tables, gamma and beta.
pub(crate) fn q_embed_layer_normalization(site: &mut Site) -> Outputs {
    let table = |site: &mut Site, i: usize| -> Result<Value> {
        let (numbers, scale, zero) = (site.input(i)?, site.input(i + 6)?, site.input(i + 11)?);
        site.build.dequantize(&numbers, &scale, Some(&zero), 0)
    };
    let types = match site.optional(4) {
        Some(_) => Some(table(site, 4)?),
        None => None,
    };
    let embed = Embed {
        token_ids: site.input(0)?,
        token_types: site.optional(1),
        words: table(site, 2)?,
        positions: table(site, 3)?,
        types,
        gamma: table(site, 5)?,
        beta: table(site, 6)?,
        mask: site.optional(7),
        position_ids: None,
        epsilon: site.node.float_or("epsilon", 1e-12)?,
    };
    embed.build(site.build)
}
