//! `Linear`: weights packed once into panels of eight outputs, rows of activations through them
//! four at a time.
//!
//! | weights | made by | bytes a weight | activations, exact kernel | relaxed kernels |
//! |---|---|---|---|---|
//! | int8 per output | [`PackI8`] | 1 | up to 13 bits a row | 7 bits in blocks of 64, zero point |
//! | 4 bits in blocks of 32 | [`PackI4`] | 0.66 | 15 bits a row | 8 bits in blocks of 32 |
//! | f32 | [`PackF32`] | 4 | as they are | as they are, fused multiply-add |

mod autotune;
mod blocked_loop;
mod epilogue;
mod f32;
mod i4;
mod i4_relaxed;
mod i8;
mod i8_relaxed;
mod kernel;
mod pack_activation_blocks;
mod pack_activations;
mod pack_i4;
mod pack_i8;
mod packed_size;
pub mod quantize;
mod relaxed_panel;
mod self_check;
mod strassen;
#[cfg(test)]
mod tests;
mod warm_up;

pub use autotune::Autotuner;
pub use f32::{LinearF32, PackF32};
pub(super) use f32::{PanelRow, multiply_tile as multiply_tile_f32};
pub use i4::LinearI4;
pub use i8::LinearI8;
pub use i8_relaxed::LinearI8Relaxed;
pub use kernel::Kernel;
pub(super) use pack_activations::TILE_ROWS;
pub use pack_i4::PackI4;
pub use pack_i8::PackI8;
pub use warm_up::WeightFormat;

use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::spec::LinearSpec;

/// A `Linear` with its weights packed for one kernel.
#[derive(Debug)]
pub enum Linear {
    /// int8 weights, exact.
    I8(LinearI8),
    /// int8 weights, relaxed SIMD.
    I8Relaxed(LinearI8Relaxed),
    /// 4-bit weights.
    I4(LinearI4),
    /// WeightFormat as they are.
    F32(LinearF32),
}

impl Linear {
    /// Its shape and epilogue.
    pub fn spec(&self) -> &LinearSpec {
        match self {
            Self::I8(linear) => linear.spec(),
            Self::I8Relaxed(linear) => linear.spec(),
            Self::I4(linear) => linear.spec(),
            Self::F32(linear) => linear.spec(),
        }
    }

    /// Bytes of weights, scales and bias.
    pub fn bytes(&self) -> usize {
        match self {
            Self::I8(linear) => linear.bytes(),
            Self::I8Relaxed(linear) => linear.bytes(),
            Self::I4(linear) => linear.bytes(),
            Self::F32(linear) => linear.bytes(),
        }
    }

    /// `out[rows, N] = act(x[rows, K] · Wᵀ + bias)`. A row's result does not depend on the rows
    /// around it.
    ///
    /// # Panics
    /// If a slice's length is not its shape's.
    pub fn forward(&self, x: &[f32], rows: usize, out: &mut [f32], scratch: &mut Scratch) {
        self.forward_with(self.kernel(), x, rows, out, scratch);
    }

    /// The same with another kernel, where these weights' layout is also that one's; else with their own.
    ///
    /// # Panics
    /// If a slice's length is not its shape's.
    pub fn forward_with(
        &self,
        kernel: Kernel,
        x: &[f32],
        rows: usize,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let LinearSpec { inputs, outputs, .. } = *self.spec();
        assert_eq!(x.len(), rows * inputs, "x is [rows, inputs]");
        assert_eq!(out.len(), rows * outputs, "out is [rows, outputs]");
        let io = blocked_loop::LinearIo { x, count: rows, out };
        match self {
            Self::I8(linear) => linear.forward(io, scratch),
            Self::I8Relaxed(linear) => linear.forward_with(kernel, io, scratch),
            Self::I4(linear) => linear.forward_with(kernel, io, scratch),
            Self::F32(linear) => linear.forward_with(kernel, io, scratch),
        }
    }

    /// The kernel that the weights were packed for.
    pub fn kernel(&self) -> Kernel {
        match self {
            Self::I8(_) => Kernel::Exact,
            Self::I8Relaxed(linear) => linear.kernel(),
            Self::I4(linear) => linear.kernel(),
            Self::F32(linear) => linear.kernel(),
        }
    }
}

/// Sixteen bytes that a vector load takes without crossing a cache line.
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy)]
struct AlignedI8x16([i8; 16]);

impl AlignedI8x16 {
    const ZERO: Self = Self([0; 16]);
}

/// Reads a value of each cache line of a panel of floats, so that its lines come from memory side by side. A
/// kernel alone has but four or five on the way, which is as far as a processor looks ahead in its
/// loop, and wasm has no prefetch.
#[inline(never)]
fn prefetch_panel(weights: &[PanelRow]) {
    let lines = weights.chunks(CACHE_LINE_BYTES / 32).map(|line| line[0].0[0].to_bits());
    std::hint::black_box(lines.fold(0u32, |sum, bits| sum.wrapping_add(bits)));
}

/// Bytes of a cache line.
const CACHE_LINE_BYTES: usize = 64;
