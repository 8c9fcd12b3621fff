//! Which of the two relaxed kernels is the faster one, found out at work.
//!
//! They give the same bits, so a model may run with both: of the products of one shape every other
//! one is run with the other kernel, and their times are compared. A trial before the first text
//! would have to wait for an engine that optimises in the background: 250 milliseconds of one
//! still chose the slower kernel in Chromium on a busy machine.

use super::kernel::Kernel;
use super::packed_linear::Linear;
use super::weight_format::WeightFormat;
use crate::encoder::cpu::kernels::scratch::Scratch;

/// What a window's comparison takes of each kernel.
const MIN_WINDOW_CALLS: u32 = 12;
const MIN_WINDOW_MS: f64 = 20.0;
/// A round ends after so many windows in which neither kernel became faster than it ever was.
const MAX_WINDOWS_WITHOUT_GAIN: u32 = 8;
const MIN_GAIN: f64 = 1.03;
/// Or after so many calls, as it must where no clock runs (in Cloudflare's Workers it stands still).
const MAX_ROUND_CALLS: u32 = 6000;
/// Calls with the first round's winner. Then there is another round: an engine may have been late.
const CALLS_BETWEEN_ROUNDS: u32 = 2000;
/// Smaller products wait for memory whichever kernel runs.
const MIN_TIMED_ROWS: usize = 4;

/// The kernel that products are to run with, as far as is known.
#[derive(Debug, Clone)]
pub struct Autotuner {
    best: Kernel,
    round: Option<TuningRound>,
    /// Calls until the next round.
    idle_calls_left: Option<u32>,
    clock_ms: fn() -> f64,
}

impl Default for Autotuner {
    fn default() -> Self {
        Self::fixed(Kernel::Exact)
    }
}

impl Autotuner {
    /// No tuning: this kernel.
    pub fn fixed(kernel: Kernel) -> Self {
        Self { best: kernel, round: None, idle_calls_left: None, clock_ms: || 0.0 }
    }

    /// What this build runs when nobody asks for another kernel: in a plain build the exact one, in
    /// one with relaxed SIMD the faster of the relaxed ones. `clock_ms`: a clock in milliseconds.
    ///
    /// A relaxed kernel that does not give the bits it must is left out (V8 11.3's baseline
    /// compiler gets `i32x4.relaxed_dot_i8x16_i7x16_add` wrong); without one it is the exact one.
    pub fn for_this_build(clock_ms: fn() -> f64) -> Self {
        if !cfg!(feature = "relaxed-simd") {
            return Self::fixed(Kernel::Exact);
        }
        Self::with_candidates(TuningRound::CANDIDATES.map(Kernel::passes_self_check), clock_ms)
    }

    fn with_candidates(passed: [bool; 2], clock_ms: fn() -> f64) -> Self {
        match passed {
            [false, false] => Self::fixed(Kernel::Exact),
            [true, false] => Self::fixed(TuningRound::CANDIDATES[0]),
            [false, true] => Self::fixed(TuningRound::CANDIDATES[1]),
            [true, true] => {
                let round = Some(TuningRound::default());
                Self {
                    best: TuningRound::CANDIDATES[0],
                    round,
                    idle_calls_left: Some(CALLS_BETWEEN_ROUNDS),
                    clock_ms,
                }
            }
        }
    }

    /// The kernel that is the fastest as far as is known. Whatever it will be, weights are packed as for this one.
    pub fn kernel(&self) -> Kernel {
        self.best
    }

    /// [`Kernel::warm_up`], of every kernel that may run.
    pub fn warm_up(&self, format: WeightFormat) {
        match self.round {
            Some(_) if format != WeightFormat::F32 => {
                TuningRound::CANDIDATES.map(|kernel| kernel.warm_up(format))
            }
            _ => [self.best.warm_up(format), ()],
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
        let is_timed = matches!(linear, Linear::I8Relaxed(_) | Linear::I4(_)) && rows >= MIN_TIMED_ROWS;
        let Some(round) = self.round.as_mut().filter(|_| is_timed) else {
            linear.forward_with(self.best, x, rows, out, scratch);
            if self.round.is_none() {
                self.count_idle_call();
            }
            return;
        };
        let spec = linear.spec();
        let candidate = round.next_candidate((spec.inputs, spec.outputs));
        let start = (self.clock_ms)();
        linear.forward_with(TuningRound::CANDIDATES[candidate], x, rows, out, scratch);
        round.record(
            candidate,
            rows as f64 * spec.inputs as f64 * spec.outputs as f64,
            (self.clock_ms)() - start,
        );
        self.update_best();
    }

    /// A call between two rounds.
    fn count_idle_call(&mut self) {
        self.idle_calls_left = match self.idle_calls_left {
            Some(0) => {
                self.round = Some(TuningRound::default());
                None
            }
            idle_calls_left => idle_calls_left.map(|calls| calls - 1),
        };
    }

    /// Ends the round where it is decided. The winner is looked at again: by now the engine has
    /// compiled it otherwise than when it was first.
    fn update_best(&mut self) {
        let Some(round) = &self.round else { return };
        let leader = round.leader();
        if round.best != [0.0; 2] {
            self.best = TuningRound::CANDIDATES[leader];
        }
        if round.is_finished() {
            self.round = None;
            if !self.best.passes_self_check() {
                *self = Self::with_candidates(
                    TuningRound::CANDIDATES.map(Kernel::passes_self_check),
                    self.clock_ms,
                );
            }
        }
    }
}

/// One comparison of the two.
#[derive(Debug, Clone, Default)]
struct TuningRound {
    /// How often each shape, `(inputs, outputs)`, has come.
    shapes: Vec<((usize, usize), usize)>,
    window: [WindowTotals; 2],
    /// Products a millisecond in each kernel's best window.
    best: [f64; 2],
    windows_without_gain: u32,
    calls: u32,
}

/// What one kernel has done in a window.
#[derive(Debug, Clone, Copy, Default)]
struct WindowTotals {
    calls: u32,
    products: f64,
    ms: f64,
}

impl TuningRound {
    const CANDIDATES: [Kernel; 2] = [Kernel::RelaxedI16, Kernel::RelaxedI32];

    /// Whose turn it is: products of one shape take turns, so that both run the same.
    fn next_candidate(&mut self, shape: (usize, usize)) -> usize {
        self.calls += 1;
        let at = self.shapes.iter().position(|(known, _)| *known == shape).unwrap_or_else(|| {
            self.shapes.push((shape, 0));
            self.shapes.len() - 1
        });
        self.shapes[at].1 += 1;
        self.shapes[at].1 % 2
    }

    fn record(&mut self, candidate: usize, products: f64, ms: f64) {
        let sum = &mut self.window[candidate];
        *sum = WindowTotals { calls: sum.calls + 1, products: sum.products + products, ms: sum.ms + ms };
        if self.window.iter().any(|sum| sum.calls < MIN_WINDOW_CALLS || sum.ms < MIN_WINDOW_MS) {
            return;
        }
        self.windows_without_gain += 1;
        for (sum, best) in self.window.iter().zip(&mut self.best) {
            let rate = sum.products / sum.ms;
            if rate > *best * MIN_GAIN {
                self.windows_without_gain = 0;
            }
            *best = best.max(rate);
        }
        self.window = Default::default();
    }

    fn leader(&self) -> usize {
        usize::from(self.best[1] > self.best[0])
    }

    fn is_finished(&self) -> bool {
        self.windows_without_gain >= MAX_WINDOWS_WITHOUT_GAIN || self.calls >= MAX_ROUND_CALLS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round in which a call of each kernel takes these milliseconds for the first `late` calls and then others.
    fn winner(first: [f64; 2], late: u32, then: [f64; 2]) -> (Kernel, u32) {
        let mut round = TuningRound::default();
        while !round.is_finished() {
            let candidate =
                round.next_candidate((768, if round.calls.is_multiple_of(3) { 768 } else { 3072 }));
            let took = if round.calls <= late { first } else { then }[candidate];
            round.record(candidate, 1e6, took);
        }
        (TuningRound::CANDIDATES[round.leader()], round.calls)
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
        assert_eq!(winner([0.0; 2], 0, [0.0; 2]), (Kernel::RelaxedI16, MAX_ROUND_CALLS), "a dead clock");
        assert!(winner([1.0, 1.0], 0, [1.0, 1.0]).1 < 1000);
    }

    #[test]
    fn both_kernels_run_every_shape() {
        let mut round = TuningRound::default();
        let shapes = [(768, 768), (768, 768), (768, 768), (768, 3072), (3072, 768), (768, 768)];
        let mut runs = [[0; 3]; 2];
        for shape in shapes.iter().cycle().take(120) {
            let kind =
                [(768, 768), (768, 3072), (3072, 768)].iter().position(|known| known == shape).unwrap();
            runs[round.next_candidate(*shape)][kind] += 1;
        }
        assert_eq!(runs, [[40, 10, 10]; 2]);
    }

    #[test]
    fn a_wrong_kernel_does_not_run() {
        let tuner = |passed| Autotuner::with_candidates(passed, || 0.0);
        assert_eq!(tuner([false, true]).kernel(), Kernel::RelaxedI32);
        assert_eq!(tuner([true, false]).kernel(), Kernel::RelaxedI16);
        assert_eq!(tuner([false, false]).kernel(), Kernel::Exact);
        assert!(tuner([true, false]).round.is_none() && tuner([true, true]).round.is_some());
    }

    #[test]
    fn tuning_is_run_twice_and_gives_the_same_bits() {
        use super::super::pack_i8::PackI8;
        use crate::encoder::spec::{Activation, LinearSpec, WeightOrder};
        let spec = LinearSpec { inputs: 64, outputs: 16, activation: Activation::None };
        let mut pack = PackI8::new(spec, Kernel::RelaxedI16, vec![0.5; 16], Vec::new());
        pack.put_i8(
            WeightOrder::OutIn,
            0,
            &(0..64 * 16).map(|i| (i * 7 % 61) as i8 - 30).collect::<Vec<_>>(),
        );
        let linear = pack.finish();
        let x: Vec<f32> = (0..5 * 64).map(|i| (i * 13 % 101) as f32 - 50.0).collect();
        let (mut due, mut out, mut scratch) = (vec![0.0; 80], vec![0.0; 80], Scratch::new());
        linear.forward(&x, 5, &mut due, &mut scratch);
        let mut tuner = Autotuner::with_candidates([true, true], || 0.0);
        let mut rounds = 0;
        for _ in 0..2 * MAX_ROUND_CALLS + CALLS_BETWEEN_ROUNDS + 10 {
            let before = tuner.round.is_some();
            tuner.forward(&linear, &x, 5, &mut out, &mut scratch);
            assert_eq!(out, due);
            rounds += usize::from(before && tuner.round.is_none());
        }
        assert_eq!((rounds, tuner.round.is_none(), tuner.idle_calls_left), (2, true, None));
    }

    #[test]
    fn a_plain_build_is_exact() {
        let kernel = Autotuner::for_this_build(|| 0.0).kernel();
        assert_eq!(kernel, if cfg!(feature = "relaxed-simd") { Kernel::RelaxedI16 } else { Kernel::Exact });
    }
}
