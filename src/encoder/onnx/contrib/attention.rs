//! `com.microsoft.Attention`: queries, keys and values from one product, then attention.
//!
//! (ONNX's own `Attention` of opset 23 is another operator, which no BERT
//! exporter writes yet.)

use tract_core::prelude::*;

use super::heads::Heads;
use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Value, fixed};
use crate::error::Result;

/// Inputs: x, weights `[width, 3 · hidden]`, bias, mask?, past?, added scores?.
pub(crate) fn attention(site: &mut Site) -> Outputs {
    let (x, weights, bias) = (site.input(0)?, site.input(1)?, site.optional(2));
    let (mask, added) = (site.optional(3), site.optional(5));
    if site.optional(4).is_some() || site.node.outputs.len() > 1 {
        return Err(site.build.unsupported("it keeps keys and values of the past"));
    }
    let heads = Heads::of(site)?;
    let widths = widths(site, &weights)?;
    let mut packed = site.build.matmul(&x, &weights)?;
    if let Some(bias) = bias {
        packed = site.build.add_bias(&packed, &bias)?;
    }
    attend(site.build, &heads, &packed, widths, mask, added)
}

/// The widths of queries, keys and values in a packed projection.
pub(super) fn widths(site: &Site, weights: &Value) -> Result<[usize; 3]> {
    let packed = weights.dims().last().and_then(fixed).unwrap_or(0);
    let widths = match site.node.ints("qkv_hidden_sizes")? {
        None => [packed / 3; 3],
        Some(sizes) => match *sizes {
            [q, k, v] if [q, k, v].iter().all(|s| (1..=1 << 24).contains(s)) => {
                [q as usize, k as usize, v as usize]
            }
            _ => return Err(site.build.invalid(format_args!("qkv_hidden_sizes = {sizes:?}"))),
        },
    };
    if packed == 0 || widths.iter().sum::<usize>() != packed {
        let message = format!("weights {:?} for widths {widths:?}", weights.dims());
        return Err(site.build.invalid(message));
    }
    Ok(widths)
}

/// Attention on a packed projection, `[batch, sequence, q + k + v]`.
pub(super) fn attend(
    build: &mut Builder,
    heads: &Heads,
    packed: &Value,
    [q, k, v]: [usize; 3],
    mask: Option<Value>,
    added: Option<Value>,
) -> Outputs {
    let dims = packed.dims();
    if dims.len() != 3 {
        return Err(build.invalid(format_args!("it attends to {dims:?}")));
    }
    let mut part = |from: usize, to: usize| build.part(packed, 2, from.to_dim(), to.to_dim());
    let (q, k, v) = (part(0, q)?, part(q, q + k)?, part(q + k, q + k + v)?);
    let mut adds: Vec<Value> = added.into_iter().collect();
    if let Some(mask) = mask {
        adds.push(heads.mask(build, &mask, &dims[1])?);
    }
    Ok(tvec!(heads.attend(build, [&q, &k, &v], &adds)?))
}
