//! The fused ops of a plan.
//!
//! Rows carry no padding: a value is `[tokens, width]`, or `[texts, width]` after the last tokens
//! but the first of each text were dropped or averaged. `cu_seqlens` of the batch says where each
//! text begins. The `reference` module defines each op by a scalar implementation.

use super::tensor::TensorRef;
use super::weight::{Matrix, Vector};
use crate::encoder::spec::{Activation, AttentionSpec, LinearSpec, PositionRule};

/// A value of the plan: the result of the op with this index.
pub(crate) type ValueId = usize;

/// A fused op. It computes one value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PlanOp {
    /// Token ids → `[tokens, width]`.
    Embed(Box<EmbedOp>),
    /// `activation(x · factors · W + bias)`.
    Linear(Box<LinearOp>),
    /// Multi-head attention: `[queries, width]` from `q`, `k` and `v`.
    Attention { q: ValueId, k: ValueId, v: ValueId, spec: AttentionSpec },
    /// `LayerNorm(a + b)`.
    AddNorm { a: ValueId, b: ValueId, norm: NormWeights },
    /// `activation(clip(x + plus))`.
    Clip(Box<ClipOp>),
    /// The first row of each text: `[tokens, width]` → `[texts, width]`.
    SelectRows { x: ValueId, width: usize },
    /// The mean of each text's rows: `[tokens, width]` → `[texts, width]`.
    MeanRows { x: ValueId, width: usize },
    /// Each row divided by its L2 norm.
    Normalize { x: ValueId, width: usize },
}

/// See [`PlanOp::Embed`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EmbedOp {
    pub(crate) word: Matrix,
    pub(crate) token_type: Option<TokenTypeTable>,
    /// A table whose first row is added to every token.
    pub(crate) constant: Option<Matrix>,
    pub(crate) position: Option<PositionTable>,
    pub(crate) norm: NormWeights,
}

/// The table of token types.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TokenTypeTable {
    pub(crate) table: Matrix,
    /// True if the graph ignores `token_type_ids` and gives every token type 0.
    pub(crate) always_zero: bool,
}

/// The table of positions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PositionTable {
    pub(crate) table: Matrix,
    pub(crate) rule: PositionRule,
}

/// See [`PlanOp::Linear`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LinearOp {
    pub(crate) x: ValueId,
    pub(crate) spec: LinearSpec,
    pub(crate) weight: Matrix,
    pub(crate) bias: Option<Vector>,
    /// One factor per input, by which `x` is multiplied first: the weight is equalized.
    pub(crate) input_factors: Option<Vector>,
    /// The LayerNorm that `x` comes from, if the weight is stored as floats. It says which inputs are large,
    /// for a back end that quantizes the weight.
    pub(crate) input_norm: Option<NormWeights>,
}

/// `activation(min(max(x + plus, low + shift), high + shift))`, with `[low, high]` the range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClipOp {
    pub(crate) x: ValueId,
    pub(crate) plus: Option<ValueId>,
    pub(crate) width: usize,
    pub(crate) range: [f32; 2],
    /// One number per column. `None` is 0.
    pub(crate) shift: Option<Vector>,
    pub(crate) activation: Activation,
}

/// The weights of a LayerNorm over rows of `width` columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NormWeights {
    pub(crate) width: usize,
    pub(crate) eps: f32,
    pub(crate) gamma: Vector,
    pub(crate) beta: Vector,
}

impl PlanOp {
    /// Returns the name of the op.
    #[cfg(test)]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Embed(_) => "Embed",
            Self::Linear(_) => "Linear",
            Self::Attention { .. } => "Attention",
            Self::AddNorm { .. } => "AddNorm",
            Self::Clip(_) => "Clip",
            Self::SelectRows { .. } => "SelectRows",
            Self::MeanRows { .. } => "MeanRows",
            Self::Normalize { .. } => "Normalize",
        }
    }

    /// Returns the values that the op reads.
    pub(crate) fn inputs(&self) -> Vec<ValueId> {
        match self {
            Self::Embed(_) => Vec::new(),
            Self::Linear(linear) => vec![linear.x],
            Self::Attention { q, k, v, .. } => vec![*q, *k, *v],
            Self::AddNorm { a, b, .. } => vec![*a, *b],
            Self::Clip(clip) => [Some(clip.x), clip.plus].into_iter().flatten().collect(),
            Self::SelectRows { x, .. } | Self::MeanRows { x, .. } | Self::Normalize { x, .. } => vec![*x],
        }
    }

    /// Returns the weights that the op reads, by index. A weight that it reads twice appears twice.
    pub(crate) fn weights(&self) -> Vec<usize> {
        let mut tensors: Vec<&TensorRef> = Vec::new();
        match self {
            Self::Embed(embed) => {
                let EmbedOp { word, token_type, constant, position, norm } = &**embed;
                let token_type = token_type.as_ref().map(|types| &types.table);
                let position = position.as_ref().map(|positions| &positions.table);
                let tables = [Some(word), token_type, constant.as_ref(), position];
                tables.into_iter().flatten().for_each(|table| table.tensors(&mut tensors));
                norm.tensors(&mut tensors);
            }
            Self::Linear(linear) => {
                linear.weight.tensors(&mut tensors);
                let vectors = [&linear.bias, &linear.input_factors];
                vectors.into_iter().flatten().for_each(|vector| vector.tensors(&mut tensors));
                linear.input_norm.iter().for_each(|norm| norm.tensors(&mut tensors));
            }
            Self::AddNorm { norm, .. } => norm.tensors(&mut tensors),
            Self::Clip(clip) => clip.shift.iter().for_each(|shift| shift.tensors(&mut tensors)),
            Self::Attention { .. }
            | Self::SelectRows { .. }
            | Self::MeanRows { .. }
            | Self::Normalize { .. } => {}
        }
        let weight = |tensor: &TensorRef| match tensor {
            TensorRef::Weight(index) => Some(*index),
            TensorRef::Constant(_) => None,
        };
        tensors.into_iter().filter_map(weight).collect()
    }

    /// Returns the number of elements in the matrices of the op.
    pub(super) fn elements(&self) -> usize {
        let size = |matrix: &Matrix| {
            let [rows, columns] = matrix.used();
            rows.saturating_mul(columns)
        };
        match self {
            Self::Linear(linear) => size(&linear.weight),
            Self::Embed(embed) => {
                let types = embed.token_type.as_ref().map(|types| &types.table);
                let position = embed.position.as_ref().map(|positions| &positions.table);
                let tables = [Some(&embed.word), types, embed.constant.as_ref(), position];
                tables.into_iter().flatten().map(size).fold(0, usize::saturating_add)
            }
            _ => 0,
        }
    }
}

impl NormWeights {
    fn tensors<'a>(&'a self, tensors: &mut Vec<&'a TensorRef>) {
        self.gamma.tensors(tensors);
        self.beta.tensors(tensors);
    }
}
