//! Which kernel a `Linear` runs.

use super::{Linear, PackI8, sound};
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
    /// Its name, as `corom.info` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::RelaxedI16 => "relaxed-i16",
            Self::RelaxedI32 => "relaxed-i32",
        }
    }

    /// Whether it is one of the relaxed ones.
    pub fn is_relaxed(self) -> bool {
        self != Self::Exact
    }

    /// What this build runs when nobody asks for another: in a plain build the exact kernel, in
    /// one with relaxed SIMD the faster of the relaxed ones, by 30 to 250 milliseconds
    /// of timing. `now` is a clock in milliseconds; with one that stands still while code runs (as
    /// in Cloudflare's Workers) the first that is right.
    ///
    /// A relaxed kernel that does not give the bits it must is never chosen (V8 11.3's baseline
    /// compiler gets `i32x4.relaxed_dot_i8x16_i7x16_add` wrong); without one it is the exact one.
    pub fn fastest(now: impl FnMut() -> f64) -> Self {
        if !cfg!(feature = "relaxed-simd") {
            return Self::Exact;
        }
        let sound = [Self::RelaxedI16, Self::RelaxedI32].map(sound::is_sound);
        let mut trial = Trial::new();
        fastest_of(now, |kernel| sound[usize::from(kernel == Self::RelaxedI32)] && trial.run(kernel))
    }
}

/// Rounds of a millisecond for each kernel: at most so many, fewer once neither has become faster
/// for some.
const ROUNDS: usize = 48;
const QUIET_ROUNDS: usize = 16;
/// Milliseconds after which the best so far is good enough. (With 60 Chromium on a busy machine kept
/// a kernel of 35 ms for 16 tokens of a base model where the other takes 26.)
const BUDGET: f64 = 250.0;
/// Runs in which a clock has moved on, if it ever does.
const RUNS: f64 = 250.0;

/// The relaxed kernel whose best run is shortest, the first where they tie; of those whose every
/// run returns that it was right.
fn fastest_of(mut now: impl FnMut() -> f64, mut run: impl FnMut(Kernel) -> bool) -> Kernel {
    let mut candidates = [Kernel::RelaxedI16, Kernel::RelaxedI32].map(|kernel| (kernel, f64::INFINITY, true));
    // Engines optimise in the background, and until that is done for both kernels a round says
    // nothing: with three rounds Chromium on a busy machine often chose a kernel of 65 GMAC/s over
    // one of 94.
    let mut quiet = 0;
    let begun = now();
    for _ in 0..ROUNDS {
        quiet += 1;
        for (kernel, best, right) in &mut candidates {
            // A run takes a hundredth of a millisecond or two, less than a browser's clock sees.
            let (start, mut runs) = (now(), 0.0);
            let took = loop {
                *right = *right && run(*kernel);
                runs += 1.0;
                let took = now() - start;
                if took >= 1.0 || runs >= RUNS {
                    break took / runs;
                }
            };
            if took < *best * 0.97 {
                quiet = 0;
            }
            *best = best.min(took);
        }
        let spent = now() - begun;
        if quiet == QUIET_ROUNDS || spent > BUDGET || spent == 0.0 {
            break;
        }
    }
    let right = candidates.into_iter().filter(|(_, _, right)| *right);
    right.min_by(|(_, a, _), (_, b, _)| a.total_cmp(b)).map_or(Kernel::Exact, |(kernel, _, _)| kernel)
}

/// A small `Linear` whose result is known.
struct Trial {
    linear: Linear,
    x: Vec<f32>,
    out: Vec<f32>,
    scratch: Scratch,
}

impl Trial {
    const SIZE: usize = 256;
    const ROWS: usize = 16;
    /// The sum of the output's bits: integers and one multiplication a block make them, so they
    /// are the same everywhere.
    const RIGHT: u32 = 1693086755;

    fn new() -> Self {
        let spec = LinearSpec { inputs: Self::SIZE, outputs: Self::SIZE, activation: Activation::None };
        let mut pack = PackI8::new(spec, Kernel::RelaxedI16, vec![1.0; Self::SIZE], Vec::new());
        // About normal, as a model's weights are, with a few large ones.
        let weight = |i: usize| ((i * 7 % 61 + i * 13 % 67 + i * 29 % 71) as i32 - 97) as i8;
        let weights: Vec<i8> = (0..Self::SIZE * Self::SIZE).map(weight).collect();
        pack.put_i8(Order::OutIn, 0, &weights);
        Self {
            linear: pack.finish(),
            x: (0..Self::ROWS * Self::SIZE).map(|i| (i * 13 % 101) as f32 - 50.0).collect(),
            out: vec![0.0; Self::ROWS * Self::SIZE],
            scratch: Scratch::new(),
        }
    }

    /// Runs it, and returns whether the result was right.
    fn run(&mut self, kernel: Kernel) -> bool {
        self.linear.set_kernel(kernel);
        self.linear.forward(&self.x, Self::ROWS, &mut self.out, &mut self.scratch);
        self.out.iter().fold(0u32, |sum, y| sum.wrapping_add(y.to_bits())) == Self::RIGHT
    }
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
    use std::cell::Cell;

    /// What is chosen when the kernels take these milliseconds a run and are right or not.
    fn chosen(took: [f64; 2], right: [bool; 2]) -> Kernel {
        let time = Cell::new(0.0);
        let index = |kernel| usize::from(kernel == Kernel::RelaxedI32);
        fastest_of(
            || time.get(),
            |kernel| {
                time.set(time.get() + took[index(kernel)]);
                right[index(kernel)]
            },
        )
    }

    #[test]
    fn the_faster_one_is_chosen_if_it_is_right() {
        assert_eq!(chosen([1.0, 0.5], [true, true]), Kernel::RelaxedI32);
        assert_eq!(chosen([0.5, 1.0], [true, true]), Kernel::RelaxedI16);
        assert_eq!(chosen([1.0, 0.5], [true, false]), Kernel::RelaxedI16);
        assert_eq!(chosen([1.0, 0.5], [false, true]), Kernel::RelaxedI32);
        assert_eq!(chosen([1.0, 0.5], [false, false]), Kernel::Exact);
        assert_eq!(chosen([0.0, 0.0], [true, true]), Kernel::RelaxedI16, "a dead clock");
    }

    #[test]
    fn the_trial_s_result_is_known() {
        let mut trial = Trial::new();
        for kernel in [Kernel::RelaxedI16, Kernel::RelaxedI32] {
            trial.run(kernel);
            let sum = trial.out.iter().fold(0u32, |sum, y| sum.wrapping_add(y.to_bits()));
            assert_eq!(sum, Trial::RIGHT);
            assert!(trial.run(kernel));
        }
    }

    #[test]
    fn a_plain_build_is_exact() {
        let chosen = Kernel::fastest(|| 0.0);
        assert_eq!(chosen, if cfg!(feature = "relaxed-simd") { Kernel::RelaxedI16 } else { Kernel::Exact });
    }
}
