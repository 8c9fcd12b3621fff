//! A matrix with 4 or 8 bits per element, quantized in blocks along its rows. Its elements arrive
//! later (see [`WeightPlaceholder`](crate::encoder::onnx::WeightPlaceholder)): the op cannot be
//! evaluated, it marks a place in the graph that the matcher reads.

use crate::encoder::graph::prelude::*;
use crate::encoder::plan::BlockFormat;

/// Inputs: packed elements, scales `[rows, blocks]`, zero points (optional). Output:
/// `[rows, columns]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockwiseMatrix(pub(crate) BlockFormat);

impl TypedOp for BlockwiseMatrix {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(DatumType::F32.fact([self.0.rows, self.0.columns])))
    }

    fn eval(&self, _symbols: &SymbolValues, _inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        bail!("the elements have not arrived")
    }
}
