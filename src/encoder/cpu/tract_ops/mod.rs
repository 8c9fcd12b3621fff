//! The fused ops as ops of tract's typed graph, one per file: shapes, and the call of the kernel.
//!
//! The graph has the inputs `input_ids` and `token_type_ids`, `[tokens]`, and `cu_seqlens`,
//! `[texts + 1]`, all `u32`. Values are `f32`, `[tokens, width]` or `[texts, width]`.

pub(super) mod add_norm;
pub(super) mod attention;
pub(super) mod clip;
pub(super) mod embed;
pub(super) mod linear;
pub(super) mod mean_rows;
pub(super) mod select_rows;

use std::sync::{Arc, Mutex, MutexGuard};

use tract_core::internal::*;

use crate::encoder::cpu::kernels::Scratch;
use crate::encoder::cpu::kernels::linear::{Autotuner, Kernel};

/// The state that all ops of a graph share.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<KernelState>>);

/// The kernels' buffers, and the choice of the kernel.
#[derive(Debug)]
struct KernelState {
    scratch: Scratch,
    autotuner: Autotuner,
}

impl Shared {
    pub(super) fn new(autotuner: Autotuner) -> Self {
        Self(Arc::new(Mutex::new(KernelState { scratch: Scratch::new(), autotuner })))
    }

    /// Returns the kernel that is the fastest so far.
    pub(super) fn kernel(&self) -> TractResult<Kernel> {
        Ok(self.lock()?.autotuner.kernel())
    }

    fn lock(&self) -> TractResult<MutexGuard<'_, KernelState>> {
        self.0.lock().map_err(|_| format_err!("an earlier run failed midway"))
    }
}

fn floats(value: &Tensor) -> TractResult<&[f32]> {
    value.try_as_plain_ram()?.as_slice::<f32>()
}

fn integers(value: &Tensor) -> TractResult<&[u32]> {
    value.try_as_plain_ram()?.as_slice::<u32>()
}

/// Reads `cu_seqlens` as indices.
fn offsets(value: &Tensor) -> TractResult<Vec<usize>> {
    Ok(integers(value)?.iter().map(|x| *x as usize).collect())
}

/// Returns a tensor `[rows, width]` that `fill` writes.
fn rows(
    rows: usize,
    width: usize,
    fill: impl FnOnce(&mut [f32]) -> TractResult<()>,
) -> TractResult<TVec<TValue>> {
    let mut out = Tensor::zero::<f32>(&[rows, width])?;
    fill(out.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?)?;
    Ok(tvec!(out.into_tvalue()))
}

fn fact(rows: &TDim, width: usize) -> TVec<TypedFact> {
    tvec!(DatumType::F32.fact([rows.clone(), width.to_dim()]))
}
