//! Translates `MatMul` and `Gemm`.

use super::arithmetic::Arithmetic;
use crate::encoder::graph::ops::einsum::EinSum;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl TypedGraphBuilder {
    /// Computes the matrix product `a · b`. Leading axes broadcast.
    pub(crate) fn matmul(&mut self, a: &Value, b: &Value) -> Result<Value> {
        self.product(a, b, false, false)
    }

    /// Computes the matrix product `a · b`, each side transposed if its flag is set: its last two axes are
    /// swapped. Leading axes broadcast.
    ///
    /// # Errors
    /// `UNSUPPORTED_OPERATOR` for a side with fewer than two axes, `INVALID_MODEL` if the shapes do not match.
    pub(crate) fn product(
        &mut self,
        a: &Value,
        b: &Value,
        a_transposed: bool,
        b_transposed: bool,
    ) -> Result<Value> {
        let (left, right) = (a.dims(), b.dims());
        let (la, lb) = (left.len(), right.len());
        if la < 2 || lb < 2 || a.datum_type() != DatumType::F32 || b.datum_type() != DatumType::F32 {
            let message = format!(
                "the product of {:?} {left:?} and {:?} {right:?} is undefined",
                a.onnx_type(),
                b.onnx_type()
            );
            return Err(if la < 2 || lb < 2 { self.unsupported(message) } else { self.invalid(message) });
        }
        let a_inner = &left[if a_transposed { la - 2 } else { la - 1 }];
        let b_inner = &right[if b_transposed { lb - 1 } else { lb - 2 }];
        if a_inner != b_inner {
            return Err(self.invalid(format_args!(
                "the shapes {left:?} and {right:?} do not match for a matrix product"
            )));
        }
        self.broadcast(&[left[..la - 2].into(), right[..lb - 2].into()])?;
        let rank = la.max(lb);
        let leading: String = ('a'..).take(rank - 2).collect();
        let mk = if a_transposed { "km" } else { "mk" };
        let kn = if b_transposed { "nk" } else { "kn" };
        let inputs = [format!("{}{mk}", &leading[rank - la..]), format!("{}{kn}", &leading[rank - lb..])];
        self.wire(EinSum::new(&inputs, format!("{leading}mn")), &[a, b])
    }
}

pub(crate) fn matmul(ctx: &mut NodeContext) -> NodeOutputs {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    Ok(tvec!(ctx.builder.matmul(&a, &b)?))
}

/// Translates `Gemm`: `alpha · A · B + beta · C`, where A and B may be transposed.
pub(crate) fn gemm(ctx: &mut NodeContext) -> NodeOutputs {
    let (a, b, c) = (ctx.input(0)?, ctx.input(1)?, ctx.optional(2));
    if a.rank() != 2 || b.rank() != 2 {
        return Err(ctx.builder.invalid("the inputs are not matrices"));
    }
    let alpha = ctx.node.float_or("alpha", 1.0)?;
    let beta = ctx.node.float_or("beta", 1.0)?;
    let a_transposed = ctx.node.int_or("transA", 0)? != 0;
    let b_transposed = ctx.node.int_or("transB", 0)? != 0;
    let builder = &mut *ctx.builder;
    let mut result = builder.product(&a, &b, a_transposed, b_transposed)?;
    let dims = result.dims();
    if alpha != 1.0 {
        result = builder.scale(&result, alpha)?;
    }
    if let Some(mut c) = c
        && beta != 0.0
    {
        if beta != 1.0 {
            c = builder.scale(&c, beta)?;
        }
        result = builder.arithmetic(Arithmetic::Add, &result, &c)?;
    }
    if result.dims() != dims {
        return Err(builder.invalid("the third input does not broadcast to the product"));
    }
    Ok(tvec!(result))
}
