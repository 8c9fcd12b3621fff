//! The fused `Linear`, whatever the format of its weights.

use super::blocked_loop::LinearIo;
use super::f32::LinearF32;
use super::i4::LinearI4;
use super::i8::LinearI8;
use super::i8_relaxed::LinearI8Relaxed;
use super::kernel::Kernel;
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
        let io = LinearIo { x, count: rows, out };
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
