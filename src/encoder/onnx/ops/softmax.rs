//! Translates `Softmax`.

use crate::encoder::graph::ops::reduce::Softmax;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

impl TypedGraphBuilder {
    /// Computes softmax along the last axis.
    pub(crate) fn softmax(&mut self, x: &Value) -> Result<Value> {
        if x.datum_type() != DatumType::F32 || x.rank() == 0 {
            return Err(self.invalid(format_args!(
                "softmax of {:?} {:?}; expected float with at least one axis",
                x.onnx_type(),
                x.dims()
            )));
        }
        self.wire(Softmax { axes: tvec!(x.rank() - 1) }, &[x])
    }
}

/// Translates `Softmax` along the last axis. (Before opset 13 the operator also flattened the axes after `axis`,
/// of which the last axis has none.)
pub(crate) fn softmax(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    let default = if ctx.builder.opset < 13 { 1 } else { -1 };
    let axis = ctx.axis(ctx.node.int_or("axis", default)?, x.rank())?;
    if axis + 1 != x.rank() {
        return Err(ctx
            .builder
            .unsupported(format_args!("axis {axis} of {} axes; only the last axis is supported", x.rank())));
    }
    Ok(tvec!(ctx.builder.softmax(&x)?))
}
