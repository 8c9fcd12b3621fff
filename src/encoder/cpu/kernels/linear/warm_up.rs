//! Products of zeros, so that an engine has optimised a kernel before it is needed.

use super::kernel::Kernel;
use super::pack_f32::PackF32;
use super::pack_i4::PackI4;
use super::pack_i8::PackI8;
use super::packed_linear::Linear;
use super::weight_format::WeightFormat;
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::spec::{Activation, LinearSpec};

const SPEC: LinearSpec = LinearSpec { inputs: 256, outputs: 64, activation: Activation::Gelu };
/// Rows and how often: as many as a title has, then as many as take another way (see `strassen`), and are a tile
/// and a part of one more.
const RUNS: [(usize, usize); 2] = [(16, 60), (70, 8)];

impl Kernel {
    /// Runs it for some ten milliseconds of unoptimised code. Engines then optimise it on another
    /// thread while weights are fetched and packed; else that happens during the first texts.
    pub fn warm_up(self, format: WeightFormat) {
        let linear = match format {
            WeightFormat::I8 => PackI8::new(SPEC, self, vec![1.0; SPEC.outputs], Vec::new()).finish(),
            WeightFormat::I4 => PackI4::new(SPEC, self, Vec::new()).finish(),
            WeightFormat::F32 => PackF32::new(SPEC, self, Vec::new()).finish(),
        };
        let mut scratch = Scratch::new();
        for (rows, runs) in RUNS {
            if rows == RUNS[0].0 || matches!(linear, Linear::I8(_)) {
                let (x, mut out) = (vec![0.0; rows * SPEC.inputs], vec![0.0; rows * SPEC.outputs]);
                (0..runs).for_each(|_| linear.forward(&x, rows, &mut out, &mut scratch));
            }
        }
    }
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
