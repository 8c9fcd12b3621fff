//! Which kernel a `Linear` runs.

use super::{Linear, PackI8};
use crate::encoder::cpu::scratch::Scratch;
use crate::encoder::ops::linear::{Activation, LinearSpec, Order};

/// How a `Linear` computes. Packed weights keep the kernel they were packed for; the two relaxed
/// ones share a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kernel {
    /// Integers of up to 15 bits against int8 or 4-bit weights, floats by plain multiply and add:
    /// the same bits on every machine. The fastest that plain `simd128` can do.
    #[default]
    Exact,
    /// Relaxed SIMD, `i16x8.relaxed_dot_i8x16_i7x16`: activations of 7 bits in blocks of 64
    /// inputs (8 bits in blocks of 32 against 4-bit weights), floats fused. Fastest without VNNI.
    RelaxedI16,
    /// Relaxed SIMD, `i32x4.relaxed_dot_i8x16_i7x16_add`: the same integers, so the same bits,
    /// by an instruction that a machine with AVX-VNNI or Arm's dot product has, and others
    /// spell out slowly.
    RelaxedI32,
}

impl Kernel {
    /// Whether it is one of the relaxed ones.
    pub fn is_relaxed(self) -> bool {
        self != Self::Exact
    }

    /// What this build runs when nobody asks for another: in a plain build the exact kernel, in
    /// one with relaxed SIMD the faster of the relaxed ones, by a few milliseconds of timing.
    /// `now` is a clock in milliseconds.
    pub fn fastest(now: impl FnMut() -> f64) -> Self {
        if cfg!(feature = "relaxed-simd") {
            fastest_of([Self::RelaxedI16, Self::RelaxedI32], now)
        } else {
            Self::Exact
        }
    }
}

/// The kernel whose best run is shortest; the first where they tie.
fn fastest_of(kernels: [Kernel; 2], mut now: impl FnMut() -> f64) -> Kernel {
    // 16 rows of 256 × 256: a hundredth of a millisecond or two, far above no clock's step, so
    // each run repeats until two milliseconds are over. The engine's optimising compiler needs
    // the first ones for itself.
    const SIZE: usize = 256;
    const ROWS: usize = 16;
    let spec = LinearSpec { inputs: SIZE, outputs: SIZE, activation: Activation::None };
    let weights: Vec<i8> = (0..SIZE * SIZE).map(|i| (i * 7 % 251) as u8 as i8).collect();
    let x: Vec<f32> = (0..ROWS * SIZE).map(|i| (i * 13 % 101) as f32 - 50.0).collect();
    let mut out = vec![0.0; ROWS * SIZE];
    let mut scratch = Scratch::new();
    let mut linears = kernels.map(|kernel| {
        let mut pack = PackI8::new(spec, kernel, vec![1.0; SIZE], Vec::new());
        pack.put_i8(Order::OutIn, 0, &weights);
        (pack.finish(), f64::INFINITY)
    });
    for _ in 0..3 {
        for (linear, best) in &mut linears {
            let (start, mut runs) = (now(), 0.0);
            let took = loop {
                linear.forward(&x, ROWS, &mut out, &mut scratch);
                runs += 1.0;
                let took = now() - start;
                // A clock that stands still must not hang us.
                if took >= 2.0 || runs >= 2000.0 {
                    break took / runs;
                }
            };
            *best = best.min(took);
        }
    }
    if linears[1].1 < linears[0].1 { kernels[1] } else { kernels[0] }
}

impl Linear {
    /// Lets weights that are packed for one relaxed kernel run the other; the exact kernel's
    /// stay as they are.
    pub fn set_kernel(&mut self, kernel: Kernel) {
        match self {
            Self::I8Relaxed(linear) => linear.set_kernel(kernel),
            Self::I4(linear) => linear.set_kernel(kernel),
            Self::F32(linear) => linear.set_kernel(kernel),
            Self::I8(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faster_by_the_clock_is_chosen() {
        // A clock that moves by 1 ms a look when the second kernel runs, and by 3 for the first.
        let kernels = [Kernel::RelaxedI16, Kernel::RelaxedI32];
        let (mut time, mut looks) = (0.0, 0);
        let chosen = fastest_of(kernels, || {
            looks += 1;
            time += if time == 0.0 || looks % 5 < 2 { 3.0 } else { 1.0 };
            time
        });
        assert!(kernels.contains(&chosen));
        assert_eq!(fastest_of(kernels, || 0.0), Kernel::RelaxedI16, "a dead clock");
    }

    #[test]
    fn a_plain_build_is_exact() {
        if !cfg!(feature = "relaxed-simd") {
            assert_eq!(Kernel::fastest(|| 0.0), Kernel::Exact);
        }
    }
}
