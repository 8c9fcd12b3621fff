//! The plan of a fused encoder: a list of ops that every back end reads.
//!
//! The [matcher](super::matcher) produces a plan from an ONNX graph. The types here depend on
//! neither tract nor wgpu: a back end builds whatever it runs from this list. Weights are
//! placeholders ([`TensorRef::Weight`]), because the plan is known before any weight has arrived.
//! [`WeightStore`] keeps the elements that have arrived until the last op that reads them is packed.
//!
//! | part | content |
//! |---|---|
//! | [`PlanOp`] | one fused op and the values that it reads |
//! | [`Outputs`] | which values are the result, and what they mean |
//! | [`Plan::last_uses`] | the lifetime of each value, for back ends that manage buffers |
//! | [`Matrix`], [`Vector`] | stored tensors, and how their elements become weights |
//! | [`WeightStore`], `decode` | elements while they arrive; conversion to what kernels pack |
//! | `bert` | a plan as the modules of a BERT, with the weights that a checkpoint has |

#[cfg(feature = "convert")]
pub(super) mod bert;
pub(super) mod decode;
mod op;
mod store;
mod tensor;
mod weight;
#[cfg(feature = "convert")]
mod weight_values;

pub(crate) use op::{ClipOp, EmbedOp, LinearOp, NormWeights, PlanOp, PositionTable, TokenTypeTable, ValueId};
pub(crate) use store::{WeightStore, packing_failed};
pub(crate) use tensor::{TensorData, TensorRef};
pub(crate) use weight::{BlockFormat, Matrix, Quantization, Rounding, Vector};

/// A fused encoder as a list of ops.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The ops. Each reads only values of ops before it.
    pub(crate) ops: Vec<PlanOp>,
    /// The results.
    pub(crate) outputs: Outputs,
}

/// The results of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outputs {
    /// Hidden states, `[tokens, hidden_size]`, one value per requested layer in the order of the
    /// request.
    Hidden(Vec<ValueId>),
    /// One row per text, `[texts, hidden_size]`.
    Pooled(ValueId),
    /// The logits of a classifier, `[texts, labels]`: how well the two texts of each pair fit.
    Scores { value: ValueId, labels: usize },
}

impl Outputs {
    /// Returns the values, in order.
    pub(crate) fn values(&self) -> &[ValueId] {
        match self {
            Self::Hidden(values) => values,
            Self::Pooled(value) | Self::Scores { value, .. } => std::slice::from_ref(value),
        }
    }
}

impl Plan {
    /// Returns the number of elements in all matrices, counted once per use.
    pub(crate) fn elements(&self) -> usize {
        self.ops.iter().map(PlanOp::elements).fold(0, usize::saturating_add)
    }

    /// Returns the lifetime of each value: the index of the last op that reads it.
    ///
    /// `None` means that the value lives to the end: it is an output, or nothing reads it. A back
    /// end may reuse the buffer of a value for the result of any op after its last use.
    pub(crate) fn last_uses(&self) -> Vec<Option<usize>> {
        let mut last = vec![None; self.ops.len()];
        for (index, op) in self.ops.iter().enumerate() {
            for value in op.inputs() {
                last[value] = Some(index);
            }
        }
        for value in self.outputs.values() {
            last[*value] = None;
        }
        last
    }

    /// Returns the number of columns of an output row: `hidden_size` for hidden states, the number of labels for
    /// scores.
    pub(crate) fn output_width(&self, hidden_size: usize) -> usize {
        match self.outputs {
            Outputs::Scores { labels, .. } => labels,
            Outputs::Hidden(_) | Outputs::Pooled(_) => hidden_size,
        }
    }

    /// Returns the number of rows of the position table from the first token's row on: the most tokens that a
    /// text can have.
    pub(crate) fn positions(&self) -> Option<usize> {
        self.ops.iter().find_map(|op| match op {
            PlanOp::Embed(embed) => {
                embed.position.as_ref().map(|of| of.table.shape[0].saturating_sub(of.rule.first))
            }
            _ => None,
        })
    }
}
