//! Products of zeros, so that an engine has optimised a kernel before it is needed.

use super::{Kernel, Linear, PackF32, PackI4, PackI8};
use crate::encoder::cpu::scratch::Scratch;
use crate::encoder::ops::linear::{Activation, LinearSpec};

const SPEC: LinearSpec = LinearSpec { inputs: 256, outputs: 64, activation: Activation::Gelu };
const ROWS: usize = 16;
const RUNS: usize = 60;

/// Which weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// int8 per output.
    I8,
    /// 4 bits in blocks.
    I4,
    /// As they are.
    F32,
}

impl Kernel {
    /// Runs it for some ten milliseconds of unoptimised code. Engines then optimise it on another
    /// thread while weights are fetched and packed; else that happens during the first texts.
    pub fn warm_up(self, weights: Weights) {
        let linear = match weights {
            Weights::I8 => PackI8::new(SPEC, self, vec![1.0; SPEC.outputs], Vec::new()).finish(),
            Weights::I4 => PackI4::new(SPEC, self, Vec::new()).finish(),
            Weights::F32 => PackF32::new(SPEC, self, Vec::new()).finish(),
        };
        let (x, mut out) = (vec![0.0; ROWS * SPEC.inputs], vec![0.0; ROWS * SPEC.outputs]);
        run(&linear, &x, &mut out);
    }
}

fn run(linear: &Linear, x: &[f32], out: &mut [f32]) {
    let mut scratch = Scratch::new();
    for _ in 0..RUNS {
        linear.forward(x, ROWS, out, &mut scratch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_can_be_warmed_up() {
        for kernel in [Kernel::Exact, Kernel::RelaxedI16, Kernel::RelaxedI32] {
            for weights in [Weights::I8, Weights::I4, Weights::F32] {
                kernel.warm_up(weights);
            }
        }
    }
}
