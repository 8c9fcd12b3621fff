//! A matrix with 4 or 8 bits per element, quantized in blocks along its rows. Its elements arrive
//! later (see [`WeightPlaceholder`](crate::encoder::onnx::WeightPlaceholder)): the op cannot be
//! evaluated, it marks a place in the graph that the matcher reads.

use tract_core::internal::*;

use crate::encoder::plan::BlockFormat;

/// Inputs: packed elements, scales `[rows, blocks]`, zero points (optional). Output:
/// `[rows, columns]`.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(crate) struct BlockwiseMatrix(pub(crate) BlockFormat);

impl Op for BlockwiseMatrix {
    fn name(&self) -> StaticName {
        "BlockwiseMatrix".into()
    }

    op_as_typed_op!();
}

impl EvalOp for BlockwiseMatrix {
    not_out_of_plan!();
}

impl TypedOp for BlockwiseMatrix {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(DatumType::F32.fact([self.0.rows, self.0.columns])))
    }

    as_op!();
}
