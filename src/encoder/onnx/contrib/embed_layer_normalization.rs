//! `com.microsoft.EmbedLayerNormalization`: the three embeddings, summed and normalised.

use tract_core::ops::nn::Reducer;
use tract_core::prelude::*;

use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::ops::gather::other_size;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Value, fixed};
use crate::error::Result;

/// What both spellings of the operator have in common.
pub(super) struct Embed {
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

impl Embed {
    /// The outputs: normalised rows, tokens of each text (int32), the sum itself.
    pub(super) fn build(self, build: &mut Builder) -> Outputs {
        let dims = self.token_ids.dims();
        let [batch, sequence] = &*dims else {
            return Err(build.invalid("its token ids are not [batch, sequence]"));
        };
        let mut sum = build.rows(&self.words, &self.token_ids)?;
        let positions = match self.position_ids {
            Some(ids) => build.rows(&self.positions, &ids)?,
            None => {
                let (rows, most) =
                    (fixed(&self.positions.dims()[0]).unwrap_or(0), build.expected.max_positions);
                if rows < most {
                    return Err(other_size("position", rows, "max_position_embeddings", most));
                }
                let ids = build.count_to(sequence)?;
                build.rows(&self.positions, &ids)?
            }
        };
        sum = build.add(&sum, &positions)?;
        if let (Some(ids), Some(table)) = (&self.token_types, &self.types) {
            let rows = build.rows(table, ids)?;
            sum = build.add(&sum, &rows)?;
        }
        let norm = build.layer_norm(&sum, &self.gamma, Some(&self.beta), self.epsilon)?;
        let lengths = match self.mask {
            Some(mask) => build.lengths(&mask)?,
            None => build.broadcast_to(&Value::konst(tensor0(0i32)), std::slice::from_ref(batch))?,
        };
        Ok(tvec!(norm, lengths, sum))
    }
}

impl Builder {
    /// Ones in each row of a mask: `[batch]`, int32.
    fn lengths(&mut self, mask: &Value) -> Result<Value> {
        if mask.rank() != 2 {
            return Err(self.invalid("its mask is not [batch, sequence]"));
        }
        let mask = self.cast(mask, DatumType::I32)?;
        let sums = self.reduce(&mask, &[1], Reducer::Sum)?;
        self.axis(tract_core::internal::AxisOp::Rm(1), &sums)
    }
}

/// Inputs: token ids, token types?, three tables (types?), gamma, beta, mask?, position ids?.
pub(crate) fn embed_layer_normalization(site: &mut Site) -> Outputs {
    let embed = Embed {
        token_ids: site.input(0)?,
        token_types: site.optional(1),
        words: site.input(2)?,
        positions: site.input(3)?,
        types: site.optional(4),
        gamma: site.input(5)?,
        beta: site.input(6)?,
        mask: site.optional(7),
        position_ids: site.optional(8),
        epsilon: site.node.float_or("epsilon", 1e-12)?,
    };
    embed.build(site.build)
}
