//! Which of the two relaxed kernels is the faster one, found out at work.
//!
//! They give the same bits, so a model may run with both: of the products of one shape every other
//! one is run with the other kernel, and their times are compared. A trial before the first text
//! would have to wait for an engine that optimises in the background: 250 milliseconds of one
//! still chose the slower kernel in Chromium on a busy machine.

use super::{Kernel, Linear, Weights};
use crate::encoder::cpu::kernels::scratch::Scratch;

/// What a window's comparison takes of each kernel.
const WINDOW_CALLS: u32 = 12;
const WINDOW_MS: f64 = 20.0;
/// A heat ends after so many windows in which neither kernel became faster than it ever was.
const QUIET_WINDOWS: u32 = 8;
const FASTER: f64 = 1.03;
/// Or after so many calls, as it must where no clock runs (in Cloudflare's Workers it stands still).
const HEAT_CALLS: u32 = 6000;
/// Calls with the first heat's winner. Then there is another heat: an engine may have been late.
const PAUSE_CALLS: u32 = 2000;
/// Smaller products wait for memory whichever kernel runs.
const LEAST_ROWS: usize = 4;

/// The kernel that products are to run with, as far as is known.
#[derive(Debug, Clone)]
pub struct Race {
    best: Kernel,
    heat: Option<Heat>,
    /// Calls until the next heat.
    pause: Option<u32>,
    now: fn() -> f64,
}

impl Default for Race {
    fn default() -> Self {
        Self::pinned(Kernel::Exact)
    }
}

impl Race {
    /// No race: this kernel.
    pub fn pinned(kernel: Kernel) -> Self {
        Self { best: kernel, heat: None, pause: None, now: || 0.0 }
    }

    /// What this build runs when nobody asks for another kernel: in a plain build the exact one, in
    /// one with relaxed SIMD the faster of the relaxed ones. `now`: a clock in milliseconds.
    ///
    /// A relaxed kernel that does not give the bits it must is left out (V8 11.3's baseline
    /// compiler gets `i32x4.relaxed_dot_i8x16_i7x16_add` wrong); without one it is the exact one.
    pub fn fastest(now: fn() -> f64) -> Self {
        if !cfg!(feature = "relaxed-simd") {
            return Self::pinned(Kernel::Exact);
        }
        Self::between(Heat::KERNELS.map(Kernel::is_sound), now)
    }

    fn between(sound: [bool; 2], now: fn() -> f64) -> Self {
        match sound {
            [false, false] => Self::pinned(Kernel::Exact),
            [true, false] => Self::pinned(Heat::KERNELS[0]),
            [false, true] => Self::pinned(Heat::KERNELS[1]),
            [true, true] => {
                let heat = Some(Heat::default());
                Self { best: Heat::KERNELS[0], heat, pause: Some(PAUSE_CALLS), now }
            }
        }
    }

    /// The kernel that is the fastest as far as is known. Whatever it will be, weights are packed as for this one.
    pub fn kernel(&self) -> Kernel {
        self.best
    }

    /// [`Kernel::warm_up`], of every kernel that may run.
    pub fn warm_up(&self, weights: Weights) {
        match self.heat {
            Some(_) if weights != Weights::F32 => Heat::KERNELS.map(|kernel| kernel.warm_up(weights)),
            _ => [self.best.warm_up(weights), ()],
        };
    }

    /// [`Linear::forward`], with the kernel whose turn it is.
    ///
    /// # Panics
    /// If a slice's length is not its shape's.
    pub fn forward(
        &mut self,
        linear: &Linear,
        x: &[f32],
        rows: usize,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let raced = matches!(linear, Linear::I8Relaxed(_) | Linear::I4(_)) && rows >= LEAST_ROWS;
        let Some(heat) = self.heat.as_mut().filter(|_| raced) else {
            linear.forward_by(self.best, x, rows, out, scratch);
            if self.heat.is_none() {
                self.rest();
            }
            return;
        };
        let spec = linear.spec();
        let runner = heat.next((spec.inputs, spec.outputs));
        let start = (self.now)();
        linear.forward_by(Heat::KERNELS[runner], x, rows, out, scratch);
        heat.record(runner, rows as f64 * spec.inputs as f64 * spec.outputs as f64, (self.now)() - start);
        self.judge();
    }

    /// A call between two heats.
    fn rest(&mut self) {
        self.pause = match self.pause {
            Some(0) => {
                self.heat = Some(Heat::default());
                None
            }
            pause => pause.map(|calls| calls - 1),
        };
    }

    /// Ends the heat where it is decided. The winner is looked at again: by now the engine has
    /// compiled it otherwise than when it was first.
    fn judge(&mut self) {
        let Some(heat) = &self.heat else { return };
        let leader = heat.leader();
        if heat.best != [0.0; 2] {
            self.best = Heat::KERNELS[leader];
        }
        if heat.is_over() {
            self.heat = None;
            if !self.best.is_sound() {
                *self = Self::between(Heat::KERNELS.map(Kernel::is_sound), self.now);
            }
        }
    }
}

/// One comparison of the two.
#[derive(Debug, Clone, Default)]
struct Heat {
    /// How often each shape, `(inputs, outputs)`, has come.
    shapes: Vec<((usize, usize), usize)>,
    window: [Sum; 2],
    /// Products a millisecond in each kernel's best window.
    best: [f64; 2],
    quiet: u32,
    calls: u32,
}

/// What one kernel has done in a window.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    calls: u32,
    products: f64,
    ms: f64,
}

impl Heat {
    const KERNELS: [Kernel; 2] = [Kernel::RelaxedI16, Kernel::RelaxedI32];

    /// Whose turn it is: products of one shape take turns, so that both run the same.
    fn next(&mut self, shape: (usize, usize)) -> usize {
        self.calls += 1;
        let at = self.shapes.iter().position(|(known, _)| *known == shape).unwrap_or_else(|| {
            self.shapes.push((shape, 0));
            self.shapes.len() - 1
        });
        self.shapes[at].1 += 1;
        self.shapes[at].1 % 2
    }

    fn record(&mut self, runner: usize, products: f64, ms: f64) {
        let sum = &mut self.window[runner];
        *sum = Sum { calls: sum.calls + 1, products: sum.products + products, ms: sum.ms + ms };
        if self.window.iter().any(|sum| sum.calls < WINDOW_CALLS || sum.ms < WINDOW_MS) {
            return;
        }
        self.quiet += 1;
        for (sum, best) in self.window.iter().zip(&mut self.best) {
            let rate = sum.products / sum.ms;
            if rate > *best * FASTER {
                self.quiet = 0;
            }
            *best = best.max(rate);
        }
        self.window = Default::default();
    }

    fn leader(&self) -> usize {
        usize::from(self.best[1] > self.best[0])
    }

    fn is_over(&self) -> bool {
        self.quiet >= QUIET_WINDOWS || self.calls >= HEAT_CALLS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A heat in which a call of each kernel takes these milliseconds for the first `late` calls and then others.
    fn winner(first: [f64; 2], late: u32, then: [f64; 2]) -> (Kernel, u32) {
        let mut heat = Heat::default();
        while !heat.is_over() {
            let runner = heat.next((768, if heat.calls.is_multiple_of(3) { 768 } else { 3072 }));
            let took = if heat.calls <= late { first } else { then }[runner];
            heat.record(runner, 1e6, took);
        }
        (Heat::KERNELS[heat.leader()], heat.calls)
    }

    #[test]
    fn the_faster_kernel_wins() {
        assert_eq!(winner([1.0, 0.7], 0, [1.0, 0.7]).0, Kernel::RelaxedI32);
        assert_eq!(winner([0.7, 1.0], 0, [0.7, 1.0]).0, Kernel::RelaxedI16);
    }

    #[test]
    fn what_is_optimised_late_still_wins() {
        assert_eq!(winner([9.0, 20.0], 30, [1.0, 0.7]).0, Kernel::RelaxedI32);
        assert_eq!(winner([1.0, 9.0], 200, [1.0, 0.7]).0, Kernel::RelaxedI32);
    }

    #[test]
    fn every_heat_ends() {
        assert_eq!(winner([0.0; 2], 0, [0.0; 2]), (Kernel::RelaxedI16, HEAT_CALLS), "a dead clock");
        assert!(winner([1.0, 1.0], 0, [1.0, 1.0]).1 < 1000);
    }

    #[test]
    fn both_kernels_run_every_shape() {
        let mut heat = Heat::default();
        let shapes = [(768, 768), (768, 768), (768, 768), (768, 3072), (3072, 768), (768, 768)];
        let mut runs = [[0; 3]; 2];
        for shape in shapes.iter().cycle().take(120) {
            let kind =
                [(768, 768), (768, 3072), (3072, 768)].iter().position(|known| known == shape).unwrap();
            runs[heat.next(*shape)][kind] += 1;
        }
        assert_eq!(runs, [[40, 10, 10]; 2]);
    }

    #[test]
    fn a_wrong_kernel_does_not_run() {
        let race = |sound| Race::between(sound, || 0.0);
        assert_eq!(race([false, true]).kernel(), Kernel::RelaxedI32);
        assert_eq!(race([true, false]).kernel(), Kernel::RelaxedI16);
        assert_eq!(race([false, false]).kernel(), Kernel::Exact);
        assert!(race([true, false]).heat.is_none() && race([true, true]).heat.is_some());
    }

    #[test]
    fn a_race_is_run_twice_and_gives_the_same_bits() {
        use super::super::PackI8;
        use crate::encoder::reference::linear::{Activation, LinearSpec, Order};
        let spec = LinearSpec { inputs: 64, outputs: 16, activation: Activation::None };
        let mut pack = PackI8::new(spec, Kernel::RelaxedI16, vec![0.5; 16], Vec::new());
        pack.put_i8(Order::OutIn, 0, &(0..64 * 16).map(|i| (i * 7 % 61) as i8 - 30).collect::<Vec<_>>());
        let linear = pack.finish();
        let x: Vec<f32> = (0..5 * 64).map(|i| (i * 13 % 101) as f32 - 50.0).collect();
        let (mut due, mut out, mut scratch) = (vec![0.0; 80], vec![0.0; 80], Scratch::new());
        linear.forward(&x, 5, &mut due, &mut scratch);
        let mut race = Race::between([true, true], || 0.0);
        let mut heats = 0;
        for _ in 0..2 * HEAT_CALLS + PAUSE_CALLS + 10 {
            let before = race.heat.is_some();
            race.forward(&linear, &x, 5, &mut out, &mut scratch);
            assert_eq!(out, due);
            heats += usize::from(before && race.heat.is_none());
        }
        assert_eq!((heats, race.heat.is_none(), race.pause), (2, true, None));
    }

    #[test]
    fn a_plain_build_is_exact() {
        let kernel = Race::fastest(|| 0.0).kernel();
        assert_eq!(kernel, if cfg!(feature = "relaxed-simd") { Kernel::RelaxedI16 } else { Kernel::Exact });
    }
}
