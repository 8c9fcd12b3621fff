//! A `Linear` with packed weights of any format.

use super::blocked_loop::LinearIo;
use super::f32::LinearF32;
use super::i4::LinearI4;
use super::i8::LinearI8;
use super::i8_relaxed::LinearI8Relaxed;
use super::kernel::Kernel;
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::spec::LinearSpec;

/// A `Linear` with its weights packed for one kernel.
///
/// ```
/// use corom::encoder::cpu::kernels::Scratch;
/// use corom::encoder::cpu::kernels::linear::{Kernel, PackI8};
/// use corom::encoder::spec::{Activation, LinearSpec, WeightOrder};
///
/// let spec = LinearSpec { inputs: 2, outputs: 1, activation: Activation::Relu };
/// let mut pack = PackI8::new(spec, Kernel::Exact, vec![0.5], vec![1.0])?;
/// pack.put_i8(WeightOrder::OutIn, 0, &[2, -4]);
/// let linear = pack.finish();
///
/// // Two rows: 1 · 1 − 0 · 2 + 1 and 0 · 1 − 1 · 2 + 1.
/// let mut out = [0.0; 2];
/// linear.forward(&[1.0, 0.0, 0.0, 1.0], 2, &mut out, &mut Scratch::new());
/// assert_eq!(out, [2.0, 0.0]);
/// # Ok::<(), corom::error::Error>(())
/// ```
#[derive(Debug)]
pub enum Linear {
    /// int8 weights, exact kernel.
    I8(LinearI8),
    /// int8 weights, relaxed kernels.
    I8Relaxed(LinearI8Relaxed),
    /// 4-bit weights, all kernels.
    I4(LinearI4),
    /// f32 weights, all kernels.
    F32(LinearF32),
}

impl Linear {
    /// Returns the shape and the activation function.
    pub fn spec(&self) -> &LinearSpec {
        match self {
            Self::I8(linear) => linear.spec(),
            Self::I8Relaxed(linear) => linear.spec(),
            Self::I4(linear) => linear.spec(),
            Self::F32(linear) => linear.spec(),
        }
    }

    /// Multiplies each input by its factor before it is quantized: for weights that were equalized (see
    /// [`equalize`](crate::encoder::quantize::equalize)). `factors` is `[inputs]`, or empty for factors of 1.
    ///
    /// ```
    /// use corom::encoder::cpu::kernels::Scratch;
    /// use corom::encoder::cpu::kernels::linear::{Kernel, PackI8};
    /// use corom::encoder::spec::{Activation, LinearSpec, WeightOrder};
    ///
    /// let spec = LinearSpec { inputs: 2, outputs: 1, activation: Activation::None };
    /// let mut pack = PackI8::new(spec, Kernel::Exact, vec![1.0], vec![])?;
    /// pack.put_i8(WeightOrder::OutIn, 0, &[3, 5]);
    /// let linear = pack.finish().with_input_factors(vec![1.0, 0.5]);
    ///
    /// let mut out = [0.0];
    /// linear.forward(&[1.0, 2.0], 1, &mut out, &mut Scratch::new());
    /// assert_eq!(out, [3.0 + 0.5 * 2.0 * 5.0]);
    /// # Ok::<(), corom::error::Error>(())
    /// ```
    ///
    /// # Panics
    /// If there is another number of factors than inputs, or if the weights are f32: multiply those instead.
    #[must_use]
    pub fn with_input_factors(mut self, factors: Vec<f32>) -> Self {
        assert!(factors.is_empty() || factors.len() == self.spec().inputs, "factors is [inputs] or empty");
        match &mut self {
            Self::I8(linear) => linear.set_input_factors(factors),
            Self::I8Relaxed(linear) => linear.set_input_factors(factors),
            Self::I4(linear) => linear.set_input_factors(factors),
            Self::F32(_) => assert!(factors.is_empty(), "f32 weights take no input factors"),
        }
        self
    }

    /// Returns the bytes of weights, scales, zero points, bias and input factors.
    pub fn bytes(&self) -> usize {
        match self {
            Self::I8(linear) => linear.bytes(),
            Self::I8Relaxed(linear) => linear.bytes(),
            Self::I4(linear) => linear.bytes(),
            Self::F32(linear) => linear.bytes(),
        }
    }

    /// Computes `out[rows, outputs] = act(x[rows, inputs] · Wᵀ + bias)` with the kernel that the weights were
    /// packed for. The bits of a row do not depend on the other rows.
    ///
    /// # Panics
    /// If the length of a slice does not match its shape.
    pub fn forward(&self, x: &[f32], rows: usize, out: &mut [f32], scratch: &mut Scratch) {
        self.forward_with(self.kernel(), x, rows, out, scratch);
    }

    /// Does what [`Linear::forward`] does with another kernel, if the layout of the weights allows it.
    /// Otherwise uses the kernel that the weights were packed for.
    ///
    /// # Panics
    /// If the length of a slice does not match its shape.
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

    /// Returns the kernel that the weights were packed for.
    pub fn kernel(&self) -> Kernel {
        match self {
            Self::I8(_) => Kernel::Exact,
            Self::I8Relaxed(linear) => linear.kernel(),
            Self::I4(linear) => linear.kernel(),
            Self::F32(linear) => linear.kernel(),
        }
    }
}
