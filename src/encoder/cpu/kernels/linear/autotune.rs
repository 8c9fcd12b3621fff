//! Picks the faster of the two relaxed kernels by timing real calls.
//!
//! Which kernel is faster depends on the processor and the engine. Both give the same bits, so a model may
//! run either. A tuning round works like this:
//!
//! 1. Calls with the same shape alternate between the two kernels.
//! 2. A window ends when each kernel has run for 12 calls and 20 ms. Its products per millisecond are
//!    compared with the best window of each kernel.
//! 3. The round ends after eight windows in a row in which no kernel became 3 % faster, or after 6,000 calls.
//!    The winner has to pass the self-check again, because the engine may have compiled it anew.
//!
//! A second and last round follows 2,000 calls later, for engines that optimize late. A trial before the
//! first text, tried instead, chose the slower kernel in Chromium on a busy machine even when it took 250 ms.

use super::kernel::Kernel;
use super::packed_linear::Linear;
use super::weight_format::WeightFormat;
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::cpu::kernels::simd::InstructionSet;

/// The minimum number of calls of each kernel in a window.
const MIN_WINDOW_CALLS: u32 = 12;
/// The minimum time of each kernel in a window.
const MIN_WINDOW_MS: f64 = 20.0;
/// Windows in a row without a gain that end a round.
const MAX_WINDOWS_WITHOUT_GAIN: u32 = 8;
/// The factor by which a window must be faster than the best window to count as a gain.
const MIN_GAIN: f64 = 1.03;
/// Calls that end a round in any case: in Cloudflare Workers the clock stands still during a request.
const MAX_ROUND_CALLS: u32 = 6000;
/// Calls with the winner of the first round before the second round starts.
const CALLS_BETWEEN_ROUNDS: u32 = 2000;
/// Calls with fewer rows are not timed, because they wait for memory with either kernel.
const MIN_TIMED_ROWS: usize = 4;

/// Runs each `Linear` with the kernel that is the fastest so far.
#[derive(Debug, Clone)]
pub struct Autotuner {
    best: Kernel,
    round: Option<TuningRound>,
    /// Calls until the second round.
    idle_calls_left: Option<u32>,
    clock_ms: fn() -> f64,
}

impl Default for Autotuner {
    fn default() -> Self {
        Self::fixed(Kernel::Exact)
    }
}

impl Autotuner {
    /// Returns an autotuner that always uses `kernel`.
    pub fn fixed(kernel: Kernel) -> Self {
        Self { best: kernel, round: None, idle_calls_left: None, clock_ms: || 0.0 }
    }

    /// Returns the default of this build: the exact kernel without relaxed SIMD, the faster relaxed kernel
    /// with it. A native build has no choice to make: [`Kernel::RelaxedI16`] is the fastest one with every
    /// instruction set that multiplies bytes, and the exact kernel with the others. `clock_ms` returns a time in
    /// milliseconds.
    ///
    /// A relaxed kernel that fails the self-check is not used: V8 11.3's baseline compiler compiles
    /// `i32x4.relaxed_dot_i8x16_i7x16_add_s` wrongly. If both fail, the exact kernel is used.
    pub fn for_this_build(clock_ms: fn() -> f64) -> Self {
        if !cfg!(feature = "relaxed-simd") {
            let multiplies_bytes = InstructionSet::current() != InstructionSet::Base;
            return Self::fixed(if multiplies_bytes { Kernel::RelaxedI16 } else { Kernel::Exact });
        }
        Self::with_candidates(TuningRound::CANDIDATES.map(Kernel::passes_self_check), clock_ms)
    }

    /// Returns an autotuner for the relaxed kernels that passed the self-check.
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

    /// Returns the fastest kernel so far. Weights that are packed for it suit every later choice.
    pub fn kernel(&self) -> Kernel {
        self.best
    }

    /// Warms up every kernel that may run. See [`Kernel::warm_up`].
    pub fn warm_up(&self, format: WeightFormat) {
        match self.round {
            Some(_) if format != WeightFormat::F32 => {
                TuningRound::CANDIDATES.map(|kernel| kernel.warm_up(format))
            }
            _ => [self.best.warm_up(format), ()],
        };
    }

    /// Calls [`Linear::forward_with`] with the best kernel, or during a round with the one whose turn it is.
    ///
    /// # Panics
    /// If the length of a slice does not match its shape.
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

    /// Counts a call between the two rounds, and starts the second round after the last one.
    fn count_idle_call(&mut self) {
        self.idle_calls_left = match self.idle_calls_left {
            Some(0) => {
                self.round = Some(TuningRound::default());
                None
            }
            idle_calls_left => idle_calls_left.map(|calls| calls - 1),
        };
    }

    /// Sets the best kernel, and ends the round if it is finished.
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

/// One comparison of the two kernels.
#[derive(Debug, Clone, Default)]
struct TuningRound {
    /// The number of calls of each shape, `(inputs, outputs)`.
    shapes: Vec<((usize, usize), usize)>,
    window: [WindowTotals; 2],
    /// Products per millisecond in the best window of each kernel.
    best: [f64; 2],
    windows_without_gain: u32,
    calls: u32,
}

/// The calls of one kernel in a window.
#[derive(Debug, Clone, Copy, Default)]
struct WindowTotals {
    calls: u32,
    products: f64,
    ms: f64,
}

impl TuningRound {
    const CANDIDATES: [Kernel; 2] = [Kernel::RelaxedI16, Kernel::RelaxedI32];

    /// Returns the kernel of the next call. Calls of one shape alternate, so that both kernels do the same
    /// work.
    fn next_candidate(&mut self, shape: (usize, usize)) -> usize {
        self.calls += 1;
        let at = self.shapes.iter().position(|(known, _)| *known == shape).unwrap_or_else(|| {
            self.shapes.push((shape, 0));
            self.shapes.len() - 1
        });
        self.shapes[at].1 += 1;
        self.shapes[at].1 % 2
    }

    /// Adds a call to the window, and ends the window if it is long enough.
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

    /// Returns the faster kernel.
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

    /// Returns the winner of a round and the number of its calls. A call of each kernel takes `first`
    /// milliseconds for the first `late` calls, and `then` milliseconds after them.
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
    fn a_kernel_that_is_optimized_late_still_wins() {
        assert_eq!(winner([9.0, 20.0], 30, [1.0, 0.7]).0, Kernel::RelaxedI32);
        assert_eq!(winner([1.0, 9.0], 200, [1.0, 0.7]).0, Kernel::RelaxedI32);
    }

    #[test]
    fn every_round_ends() {
        assert_eq!(
            winner([0.0; 2], 0, [0.0; 2]),
            (Kernel::RelaxedI16, MAX_ROUND_CALLS),
            "a clock that stands still"
        );
        assert!(winner([1.0, 1.0], 0, [1.0, 1.0]).1 < 1000);
    }

    #[test]
    fn both_kernels_run_every_shape_equally_often() {
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
    fn a_kernel_that_fails_the_self_check_is_not_used() {
        let tuner = |passed| Autotuner::with_candidates(passed, || 0.0);
        assert_eq!(tuner([false, true]).kernel(), Kernel::RelaxedI32);
        assert_eq!(tuner([true, false]).kernel(), Kernel::RelaxedI16);
        assert_eq!(tuner([false, false]).kernel(), Kernel::Exact);
        assert!(tuner([true, false]).round.is_none() && tuner([true, true]).round.is_some());
    }

    #[test]
    fn autotuner_runs_two_rounds_and_gives_the_same_bits() {
        use super::super::pack_i8::PackI8;
        use crate::encoder::spec::{Activation, LinearSpec, WeightOrder};
        let spec = LinearSpec { inputs: 64, outputs: 16, activation: Activation::None };
        let mut pack = PackI8::new(spec, Kernel::RelaxedI16, vec![0.5; 16], Vec::new()).unwrap();
        pack.put_i8(
            WeightOrder::OutIn,
            0,
            &(0..64 * 16).map(|i| (i * 7 % 61) as i8 - 30).collect::<Vec<_>>(),
        );
        let linear = pack.finish();
        let x: Vec<f32> = (0..5 * 64).map(|i| (i * 13 % 101) as f32 - 50.0).collect();
        let (mut expected, mut out, mut scratch) = (vec![0.0; 80], vec![0.0; 80], Scratch::new());
        linear.forward(&x, 5, &mut expected, &mut scratch);
        let mut tuner = Autotuner::with_candidates([true, true], || 0.0);
        let mut rounds = 0;
        for _ in 0..2 * MAX_ROUND_CALLS + CALLS_BETWEEN_ROUNDS + 10 {
            let before = tuner.round.is_some();
            tuner.forward(&linear, &x, 5, &mut out, &mut scratch);
            assert_eq!(out, expected);
            rounds += usize::from(before && tuner.round.is_none());
        }
        assert_eq!((rounds, tuner.round.is_none(), tuner.idle_calls_left), (2, true, None));
    }

    #[test]
    fn the_plain_build_uses_the_exact_kernel_where_bytes_have_no_product() {
        for set in InstructionSet::available() {
            let kernel = set.with(|| Autotuner::for_this_build(|| 0.0).kernel());
            let exact = set == InstructionSet::Base && !cfg!(feature = "relaxed-simd");
            assert_eq!(kernel, if exact { Kernel::Exact } else { Kernel::RelaxedI16 });
        }
    }
}
