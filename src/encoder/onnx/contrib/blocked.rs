//! A matrix of 4 or 8 bits in blocks along its rows, whose numbers come later (see
//! [`WeightPlaceholder`](crate::encoder::onnx::WeightPlaceholder)): a place in the graph that a fused encoder reads.

use tract_core::internal::*;

/// Inputs: packed numbers, scales `[rows, blocks]`, zero points? Output: `[rows, columns]`.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// Rows of the matrix.
    pub(crate) rows: usize,
    /// Columns of the matrix.
    pub(crate) columns: usize,
    /// Bits of a number, 4 or 8.
    pub(crate) bits: usize,
    /// Columns of a block.
    pub(crate) size: usize,
    /// Whether numbers of 4 bits lie two in a byte, a row's zero points filled up to whole bytes.
    /// Otherwise each has a byte of its own, and as many zero points as scales.
    pub(crate) packed: bool,
    /// Whether zero points are floats, however numbers lie: then they are as many as scales.
    pub(crate) float_zeros: bool,
}

impl Op for Blocked {
    fn name(&self) -> StaticName {
        "Blocked".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Blocked {
    not_out_of_plan!();
}

impl TypedOp for Blocked {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(DatumType::F32.fact([self.rows, self.columns])))
    }

    as_op!();
}
