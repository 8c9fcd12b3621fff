//! A dispatch, and the buffers that a run has for its dispatches.

use super::buffer::GpuBuffer;
use super::device::Pipeline;
use super::inputs::BatchInputs;
use super::variants::Variants;

/// A dispatch. `buffers` has the output first.
pub(super) struct Dispatch<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) buffers: Vec<&'a GpuBuffer>,
    pub(super) params: [u32; 8],
    pub(super) groups: [u32; 2],
    /// About how many multiplications it is.
    pub(super) work: u64,
}

/// The buffers that a run has for its dispatches.
pub(super) struct RunBuffers<'a> {
    /// The buffer of each value.
    pub(super) values: &'a [&'a GpuBuffer],
    /// Quantized rows.
    pub(super) scratch: &'a GpuBuffer,
    /// Products before their activation function, and the errors of rows, if products are checked.
    pub(super) checked: Option<(&'a GpuBuffer, &'a GpuBuffer)>,
    pub(super) inputs: &'a BatchInputs,
    pub(super) variants: Variants,
    /// True if products that can be computed of quantized blocks are.
    pub(super) uses_blocks: bool,
    /// 1 to make the products of one workgroup wrong, for tests.
    pub(super) fault: u32,
}
