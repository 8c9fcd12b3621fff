//! `com.microsoft.MultiHeadAttention`: attention on queries, keys and values.

use tract_core::prelude::*;

use super::heads::Heads;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Value, fixed};

/// Inputs: q, k, v, bias (of all three, one after the other)?, mask?, added scores?, past….
pub(crate) fn multi_head_attention(site: &mut Site) -> Outputs {
    let mut parts = [site.input(0)?, site.input(1)?, site.input(2)?];
    let (bias, mask, added) = (site.optional(3), site.optional(4), site.optional(5));
    if (6..site.inputs.len()).any(|i| site.optional(i).is_some()) || site.node.outputs.len() > 1 {
        return Err(site.build.unsupported("it keeps keys and values of the past"));
    }
    if parts.iter().any(|p| p.rank() != 3) {
        return Err(site.build.unsupported("its inputs are packed"));
    }
    let heads = Heads::of(site)?;
    let build = &mut *site.build;
    if let Some(bias) = bias {
        let widths: Vec<usize> = parts.iter().map(|p| fixed(&p.dims()[2]).unwrap_or(0)).collect();
        if bias.rank() != 1 || fixed(&bias.dims()[0]) != Some(widths.iter().sum()) {
            return Err(build.invalid(format_args!("a bias {:?} for widths {widths:?}", bias.dims())));
        }
        let mut start = 0;
        for (part, width) in parts.iter_mut().zip(widths) {
            let own = build.part(&bias, 0, start.to_dim(), (start + width).to_dim())?;
            *part = build.add_bias(part, &own)?;
            start += width;
        }
    }
    let [q, k, v] = &parts;
    let mut adds: Vec<Value> = added.into_iter().collect();
    if let Some(mask) = mask {
        let keys = k.dims()[1].clone();
        adds.push(heads.mask(build, &mask, &keys)?);
    }
    Ok(tvec!(heads.attend(build, [q, k, v], &adds)?))
}
