//! Translates `com.microsoft.EmbedLayerNormalization`: LayerNorm of the sum of the three embeddings.

use crate::encoder::graph::ops::reduce::Reducer;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::model_sizes::embedding_mismatch;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, static_length};
use crate::error::Result;

/// The inputs of the operator and of its quantized variant.
pub(super) struct EmbedInputs {
    pub(super) token_ids: Value,
    pub(super) token_types: Option<Value>,
    pub(super) words: Value,
    pub(super) positions: Value,
    pub(super) types: Option<Value>,
    pub(super) gamma: Value,
    pub(super) beta: Value,
    pub(super) mask: Option<Value>,
    pub(super) position_ids: Option<Value>,
    pub(super) epsilon: f32,
}

impl EmbedInputs {
    /// Returns the outputs: normalized rows, tokens per text (int32), and the sum before the LayerNorm.
    pub(super) fn build(self, builder: &mut TypedGraphBuilder) -> NodeOutputs {
        let dims = self.token_ids.dims();
        let [batch, sequence] = &*dims else {
            return Err(builder.invalid("the token ids are not [batch, sequence]"));
        };
        let mut sum = builder.gather_rows(&self.words, &self.token_ids)?;
        let positions = match self.position_ids {
            Some(ids) => builder.gather_rows(&self.positions, &ids)?,
            None => {
                let (rows, max_positions) =
                    (static_length(&self.positions.dims()[0]).unwrap_or(0), builder.sizes.max_positions);
                if rows < max_positions {
                    return Err(embedding_mismatch(
                        "position",
                        rows,
                        "max_position_embeddings",
                        max_positions,
                    ));
                }
                let ids = builder.count_to(sequence)?;
                builder.gather_rows(&self.positions, &ids)?
            }
        };
        sum = builder.add(&sum, &positions)?;
        if let (Some(ids), Some(table)) = (&self.token_types, &self.types) {
            let rows = builder.gather_rows(table, ids)?;
            sum = builder.add(&sum, &rows)?;
        }
        let norm = builder.layer_norm(&sum, &self.gamma, Some(&self.beta), self.epsilon)?;
        let lengths = match self.mask {
            Some(mask) => builder.lengths(&mask)?,
            None => builder.broadcast_to(&Value::constant(tensor0(0i32)), std::slice::from_ref(batch))?,
        };
        Ok(tvec!(norm, lengths, sum))
    }
}

impl TypedGraphBuilder {
    /// Returns the number of ones per row of a mask: `[batch]`, int32.
    fn lengths(&mut self, mask: &Value) -> Result<Value> {
        if mask.rank() != 2 {
            return Err(self.invalid("the mask is not [batch, sequence]"));
        }
        let mask = self.cast(mask, DatumType::I32)?;
        let sums = self.reduce(&mask, &[1], Reducer::Sum)?;
        self.wire_axis_op(crate::encoder::graph::ops::axes::AxisOp::Rm(1), &sums)
    }
}

/// Inputs: token ids, token types?, three tables (types?), gamma, beta, mask?, position ids?.
pub(crate) fn embed_layer_normalization(ctx: &mut NodeContext) -> NodeOutputs {
    let embed = EmbedInputs {
        token_ids: ctx.input(0)?,
        token_types: ctx.optional(1),
        words: ctx.input(2)?,
        positions: ctx.input(3)?,
        types: ctx.optional(4),
        gamma: ctx.input(5)?,
        beta: ctx.input(6)?,
        mask: ctx.optional(7),
        position_ids: ctx.optional(8),
        epsilon: ctx.node.float_or("epsilon", 1e-12)?,
    };
    embed.build(ctx.builder)
}
