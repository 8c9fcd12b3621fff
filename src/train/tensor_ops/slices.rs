//! The numbers of contiguous tensors.

use candle_core::{CpuStorage, Layout, Result, Tensor, bail};

/// Returns the numbers of a contiguous tensor.
pub(super) fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("the tensor is not contiguous") };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// Returns the number of elements of the last dimension.
pub(super) fn width(layout: &Layout) -> usize {
    layout.dims().last().copied().unwrap_or(1).max(1)
}

/// Returns a storage with its tensor's shape, as an operator returns them.
pub(super) fn result(numbers: Vec<f32>, layout: &Layout) -> (CpuStorage, candle_core::Shape) {
    (CpuStorage::F32(numbers), layout.shape().clone())
}

/// Returns the tensor in row-major order.
pub(super) fn in_order(tensor: &Tensor) -> Result<Tensor> {
    tensor.contiguous()
}
