//! `com.microsoft.FusedMatMul`: a product with either side turned, times a number.

use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};

pub(crate) fn fused_matmul(site: &mut Site) -> Outputs {
    let (a, b) = (site.input(0)?, site.input(1)?);
    for name in ["transBatchA", "transBatchB"] {
        if site.node.int_or(name, 0)? != 0 {
            return Err(site.build.unsupported(format_args!("{name} is not 0")));
        }
    }
    let a_turned = site.node.int_or("transA", 0)? != 0;
    let b_turned = site.node.int_or("transB", 0)? != 0;
    let alpha = site.node.float_or("alpha", 1.0)?;
    let product = site.build.product(&a, &b, a_turned, b_turned)?;
    Ok(tvec!(if alpha == 1.0 { product } else { site.build.scale(&product, alpha)? }))
}
