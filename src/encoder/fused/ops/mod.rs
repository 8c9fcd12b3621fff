//! The fused ops in tract's graph, one a file: shapes, and the call of the kernel.
//!
//! Rows come without padding: `[tokens, width]`, and the third input of the graph, `cu_seqlens`,
//! says where each text begins. Attention and SelectRows take it too.

pub(super) mod add_norm;
pub(super) mod attention;
pub(super) mod embed;
pub(super) mod linear;
pub(super) mod mean_rows;
pub(super) mod select_rows;

use std::sync::{Arc, Mutex, MutexGuard};

use tract_core::internal::*;

use crate::encoder::cpu::kernels::Scratch;
use crate::encoder::cpu::kernels::linear::{Autotuner, Kernel};

/// What all ops of a graph share: the kernels' buffers, and which kernel is the fastest.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Running>>);

#[derive(Debug)]
struct Running {
    scratch: Scratch,
    autotuner: Autotuner,
}

impl Shared {
    pub(super) fn new(autotuner: Autotuner) -> Self {
        Self(Arc::new(Mutex::new(Running { scratch: Scratch::new(), autotuner })))
    }

    /// The kernel that is the fastest as far as is known.
    pub(super) fn kernel(&self) -> TractResult<Kernel> {
        Ok(self.lock()?.autotuner.kernel())
    }

    fn lock(&self) -> TractResult<MutexGuard<'_, Running>> {
        self.0.lock().map_err(|_| format_err!("another run failed midway"))
    }
}

fn floats(value: &Tensor) -> TractResult<&[f32]> {
    value.try_as_plain_ram()?.as_slice::<f32>()
}

fn indices(value: &Tensor) -> TractResult<Vec<usize>> {
    let plain = value.try_as_plain_ram()?;
    Ok(plain.as_slice::<i64>()?.iter().map(|x| *x as usize).collect())
}

/// A tensor `[rows, width]`, filled in by `fill`.
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
