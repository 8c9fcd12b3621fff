//! Translates `com.microsoft.FusedMatMul`: a product whose sides may be transposed, times a number.

use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};

pub(crate) fn fused_matmul(ctx: &mut NodeContext) -> NodeOutputs {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    for name in ["transBatchA", "transBatchB"] {
        if ctx.node.int_or(name, 0)? != 0 {
            return Err(ctx.builder.unsupported(format_args!("{name} is not 0")));
        }
    }
    let a_transposed = ctx.node.int_or("transA", 0)? != 0;
    let b_transposed = ctx.node.int_or("transB", 0)? != 0;
    let alpha = ctx.node.float_or("alpha", 1.0)?;
    let product = ctx.builder.product(&a, &b, a_transposed, b_transposed)?;
    Ok(tvec!(if alpha == 1.0 { product } else { ctx.builder.scale(&product, alpha)? }))
}
