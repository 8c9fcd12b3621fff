//! Runs kernels on zeros, so that an engine has optimized them before they are needed.

use super::kernel::Kernel;
use super::pack_f32::PackF32;
use super::pack_i4::PackI4;
use super::pack_i8::PackI8;
use super::packed_linear::Linear;
use super::weight_format::WeightFormat;
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::spec::{Activation, LinearSpec};
use crate::error::Result;

const SPEC: LinearSpec = LinearSpec { inputs: 256, outputs: 64, activation: Activation::Gelu };
/// Rows, and the number of calls. The first entry is the length of a title. The second one has enough rows
/// for `strassen` and a shorter tile at the end.
const RUNS: [(usize, usize); 2] = [(16, 60), (70, 8)];

impl Kernel {
    /// Runs the kernel on weights of 0, for about ten milliseconds of code that is not optimized. An engine
    /// then optimizes it on another thread while weights are fetched and packed, instead of during the first
    /// texts. Does nothing when there is no memory for the small weights.
    pub fn warm_up(self, format: WeightFormat) {
        let Ok(linear) = zeros(self, format) else { return };
        let mut scratch = Scratch::new();
        for (rows, runs) in RUNS {
            if rows == RUNS[0].0 || matches!(linear, Linear::I8(_)) {
                let (x, mut out) = (vec![0.0; rows * SPEC.inputs], vec![0.0; rows * SPEC.outputs]);
                (0..runs).for_each(|_| linear.forward(&x, rows, &mut out, &mut scratch));
            }
        }
    }
}

/// Returns a `Linear` whose weights are 0.
fn zeros(kernel: Kernel, format: WeightFormat) -> Result<Linear> {
    Ok(match format {
        WeightFormat::I8 => PackI8::new(SPEC, kernel, vec![1.0; SPEC.outputs], Vec::new())?.finish(),
        WeightFormat::I4 => PackI4::new(SPEC, kernel, Vec::new())?.finish(),
        WeightFormat::F32 => PackF32::new(SPEC, kernel, Vec::new())?.finish(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_can_be_warmed_up() {
        for kernel in [Kernel::Exact, Kernel::RelaxedI16, Kernel::RelaxedI32] {
            for format in [WeightFormat::I8, WeightFormat::I4, WeightFormat::F32] {
                kernel.warm_up(format);
            }
        }
    }
}
