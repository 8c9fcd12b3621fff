//! How much memory packed weights take, told before any of them is there.

use super::kernel::Kernel;
use super::layout::PANEL_COLUMNS;
use super::pack_activation_blocks::BLOCK_U7;
use super::quantize::BLOCK_I4;
use super::weight_format::WeightFormat;
use crate::encoder::spec::LinearSpec;

/// A float for each output of a panel.
const FLOATS: usize = size_of::<f32>() * PANEL_COLUMNS;

impl WeightFormat {
    /// The bytes that [`Linear::bytes`](super::packed_linear::Linear::bytes) will say, zero points of int8 aside: of the
    /// weights, of what each block has (scales, sums), and of the rest. `usize::MAX` is as many or more.
    pub fn packed_sizes(self, kernel: Kernel, spec: &LinearSpec) -> [usize; 3] {
        let panels = spec.outputs.div_ceil(PANEL_COLUMNS) as u128;
        // Of a panel: so many bytes for each so many inputs, the last of which are filled up.
        let each = |inputs: usize, bytes: usize| spec.inputs.div_ceil(inputs) as u128 * bytes as u128;
        let floats = FLOATS as u128;
        let sizes = match self {
            // Last, whether a block's products are added in pairs.
            Self::I8 if kernel.is_relaxed() => {
                let block = |bytes: usize| each(BLOCK_U7, bytes);
                [each(4, 4 * PANEL_COLUMNS), block(size_of::<i16>() * PANEL_COLUMNS), block(1) + 2 * floats]
            }
            Self::I8 => [each(2, 2 * PANEL_COLUMNS), 0, 2 * floats],
            // Last, the zero points of a block.
            Self::I4 => {
                let block = |bytes: usize| each(BLOCK_I4, bytes);
                [block(BLOCK_I4 / 2 * PANEL_COLUMNS), block(FLOATS), block(PANEL_COLUMNS / 2) + floats]
            }
            Self::F32 => [each(1, FLOATS), 0, floats],
        };
        sizes.map(|size| usize::try_from(size.saturating_mul(panels)).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::linear::{PackF32, PackI4, PackI8};
    use crate::encoder::spec::Activation;

    #[test]
    fn is_what_packed_weights_say() {
        for (inputs, outputs) in [(1, 1), (2, 8), (31, 9), (64, 16), (65, 3), (768, 24), (100, 17)] {
            let spec = LinearSpec { inputs, outputs, activation: Activation::None };
            for kernel in [Kernel::Exact, Kernel::RelaxedI16, Kernel::RelaxedI32] {
                let told = |format: WeightFormat| format.packed_sizes(kernel, &spec).iter().sum();
                let i8 = PackI8::new(spec, kernel, vec![1.0; outputs], Vec::new()).finish();
                let i4 = PackI4::new(spec, kernel, Vec::new()).finish();
                let f32 = PackF32::new(spec, kernel, Vec::new()).finish();
                let all: [usize; 3] = [WeightFormat::I8, WeightFormat::I4, WeightFormat::F32].map(told);
                assert_eq!(all, [i8.bytes(), i4.bytes(), f32.bytes()], "{inputs} × {outputs}, {kernel:?}");
            }
        }
    }

    #[test]
    fn counts_no_further_than_it_can() {
        let spec = LinearSpec { inputs: usize::MAX, outputs: usize::MAX, activation: Activation::None };
        for format in [WeightFormat::I8, WeightFormat::I4, WeightFormat::F32] {
            assert_eq!(format.packed_sizes(Kernel::Exact, &spec)[0], usize::MAX);
        }
    }
}
