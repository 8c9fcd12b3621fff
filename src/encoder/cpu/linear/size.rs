//! How much memory packed weights take, told before any of them is there.

use super::Kernel;
use super::blocks::BLOCK_U7;
use super::columns::COLUMNS;
use super::quantize::BLOCK_I4;
use super::warm::Weights;
use crate::encoder::ops::linear::LinearSpec;

/// A float for each output of a panel.
const FLOATS: usize = size_of::<f32>() * COLUMNS;

impl Weights {
    /// What [`Linear::bytes`](super::Linear::bytes) will say, but for zero points of int8; `usize::MAX`
    /// where that is more than can be counted.
    pub fn packed_bytes(self, kernel: Kernel, spec: &LinearSpec) -> usize {
        // Of a panel: so many bytes for each so many inputs, the last of which are filled up.
        let each = |inputs: usize, bytes: usize| spec.inputs.div_ceil(inputs) as u128 * bytes as u128;
        let weights = match self {
            // With the sum of each block, and whether its products are added in pairs.
            Self::I8 if kernel.is_relaxed() => each(4, 4 * COLUMNS) + each(BLOCK_U7, 2 * COLUMNS + 1),
            Self::I8 => each(2, 2 * COLUMNS),
            // With the scale and the zero point of each block.
            Self::I4 => each(BLOCK_I4, BLOCK_I4 / 2 * COLUMNS + FLOATS + COLUMNS / 2),
            Self::F32 => each(1, FLOATS),
        };
        let bias_and_scales = if self == Self::I8 { 2 * FLOATS } else { FLOATS };
        let panels = spec.outputs.div_ceil(COLUMNS) as u128;
        usize::try_from(panels.saturating_mul(weights + bias_and_scales as u128)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::linear::{PackF32, PackI4, PackI8};
    use crate::encoder::ops::linear::Activation;

    #[test]
    fn is_what_packed_weights_say() {
        for (inputs, outputs) in [(1, 1), (2, 8), (31, 9), (64, 16), (65, 3), (768, 24), (100, 17)] {
            let spec = LinearSpec { inputs, outputs, activation: Activation::None };
            for kernel in [Kernel::Exact, Kernel::RelaxedI16, Kernel::RelaxedI32] {
                let told = |weights: Weights| weights.packed_bytes(kernel, &spec);
                let i8 = PackI8::new(spec, kernel, vec![1.0; outputs], Vec::new()).finish();
                let i4 = PackI4::new(spec, kernel, Vec::new()).finish();
                let f32 = PackF32::new(spec, kernel, Vec::new()).finish();
                let all = [told(Weights::I8), told(Weights::I4), told(Weights::F32)];
                assert_eq!(all, [i8.bytes(), i4.bytes(), f32.bytes()], "{inputs} × {outputs}, {kernel:?}");
            }
        }
    }

    #[test]
    fn counts_no_further_than_it_can() {
        let spec = LinearSpec { inputs: usize::MAX, outputs: usize::MAX, activation: Activation::None };
        for weights in [Weights::I8, Weights::I4, Weights::F32] {
            assert_eq!(weights.packed_bytes(Kernel::Exact, &spec), usize::MAX);
        }
    }
}
