//! The exact int8 kernel: one scale per output of the weights, one scale per row of the activations.
//!
//! ```text
//! y[m, n] = act(s_x[m] · s_w[n] · (Σₖ q_x[m, k] · q_w[n, k] − z_w[n] · Σₖ q_x[m, k]) + bias[n])
//! ```
//!
//! The sums are exact in `i32`, because activations are limited to [`activation_max`], at most 13 bits. Most
//! files have no zero points `z_w`; then the sums of the rows are not computed.
//!
//! Two passes at a time go through [`strassen`] where there are enough rows.

use super::activation_rows::ActivationRows;
use super::blocked_loop::LinearIo;
use super::epilogue::{Epilogue, store_panel};
use super::i8_product::{WidenedStep, multiply_add, widen_pair};
use super::layout::{AlignedI8x16, PANEL_COLUMNS};
use super::pack_activations;
use super::strassen;
use super::tiles::{TileKernel, run_tiles};
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{Floats, Ints, Job, MAX_PANELS, Simd, Wide16, choose};
use crate::encoder::spec::{LinearSpec, activation_max};
use std::ops::Range;

/// Pairs of inputs per step: their widened weights take 1 KiB per panel.
const STEP_PAIRS: usize = if cfg!(target_arch = "wasm32") { 32 } else { 64 };

/// A `Linear` with int8 weights for the exact kernel.
#[derive(Debug)]
pub struct LinearI8 {
    spec: LinearSpec,
    /// For each panel, for each pair of inputs, the pair of each output.
    weights: Vec<AlignedI8x16>,
    epilogue: Epilogue,
    /// Zero points, padded to whole panels, or empty if all are 0.
    zero: Vec<i32>,
    /// The largest magnitude of a quantized activation.
    activation_max: i32,
    /// The factors of the inputs, or empty (see [`ActivationRows`]).
    factors: Vec<f32>,
}

impl LinearI8 {
    /// Takes weights in the layout of [`PackI8`](super::pack_i8::PackI8), and zero points padded to whole
    /// panels.
    pub(super) fn new(
        spec: LinearSpec,
        weights: Vec<AlignedI8x16>,
        zero: Vec<i32>,
        epilogue: Epilogue,
    ) -> Self {
        let zero_max = zero.iter().map(|z| z.unsigned_abs() as usize).max().unwrap_or(0);
        let activation_max = activation_max(spec.inputs, 128 + zero_max);
        Self { spec, weights, epilogue, zero, activation_max, factors: Vec::new() }
    }

    /// Multiplies each input by its factor, `[inputs]`, before it is quantized.
    pub(super) fn set_input_factors(&mut self, factors: Vec<f32>) {
        self.factors = factors;
    }

    /// Returns the shape and the activation function.
    pub fn spec(&self) -> &LinearSpec {
        &self.spec
    }

    /// Returns the bytes of weights, scales, zero points, bias and input factors.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..])
            + self.epilogue.bytes()
            + size_of_val(&self.zero[..])
            + size_of_val(&self.factors[..])
    }

    /// See [`Linear::forward`](super::packed_linear::Linear::forward).
    pub(super) fn forward(&self, io: LinearIo<'_>, scratch: &mut Scratch) {
        struct Forward<'a>(&'a LinearI8, LinearIo<'a>, &'a mut Scratch);
        impl Job for Forward<'_> {
            type Output = ();

            fn run<S: Simd>(self, simd: S) {
                self.0.forward_with(simd, self.1, self.2);
            }
        }
        choose(Forward(self, io, scratch));
    }

    /// Computes the outputs with an instruction set.
    fn forward_with<S: Simd>(&self, simd: S, io: LinearIo<'_>, scratch: &mut Scratch) {
        let (inputs, pairs) = (self.spec.inputs, self.pairs());
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            let rows = ActivationRows { x, count, inputs, factors: &self.factors };
            pack_activations::quantize_pairs(simd, rows, self.activation_max, !self.zero.is_empty(), scratch);
            let strassen_rows = self.strassen_rows::<S>(count);
            if strassen_rows > 0 {
                strassen::pack_factors(
                    &scratch.activations[..strassen_rows * pairs],
                    pairs,
                    &mut scratch.strassen_factors,
                );
            }
        };
        io.for_each_group(simd, &self.spec, 4 * pairs, scratch, pack, |mut panels, count, scratch, out| {
            while panels.len() > S::PANELS {
                self.two_passes(simd, panels.clone(), count, scratch, out);
                panels.start += 2 * S::PANELS;
            }
            if !panels.is_empty() {
                self.pass(simd, panels, count, scratch, out);
            }
        });
    }

    /// Returns how many of `rows` rows go through [`strassen`].
    fn strassen_rows<S: Simd>(&self, rows: usize) -> usize {
        if rows < S::MIN_STRASSEN_ROWS { 0 } else { strassen::strassen_rows(rows, self.pairs()) }
    }

    /// Returns the pairs of inputs. The last pair is padded with 0 if the number of inputs is odd.
    fn pairs(&self) -> usize {
        self.spec.inputs.div_ceil(2)
    }

    /// Returns the weights of the panels of a pass, from the first of `panels` on. After the last panel, it
    /// repeats.
    fn weights(&self, panels: Range<usize>) -> [&[AlignedI8x16]; MAX_PANELS] {
        std::array::from_fn(|p| {
            let panel = (panels.start + p).min(panels.end - 1);
            &self.weights[panel * self.pairs()..][..self.pairs()]
        })
    }

    /// Computes one pass, the first of `panels`, for all rows of a strip.
    fn pass<S: Simd>(
        &self,
        simd: S,
        panels: Range<usize>,
        rows: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let sums = ensure_len(&mut scratch.integer_sums, rows * S::PANELS);
        let acts = &scratch.activations[..rows * self.pairs()];
        PassProduct { simd, weights: self.weights(panels.clone()), acts, sums }.compute(rows);
        self.store_outputs(simd, panels, sums, &scratch.row_sums, &scratch.activation_scales, out);
    }

    /// Computes two passes, the first of `panels`, for all rows of a strip. If there are enough rows, most of
    /// them take seven block products instead of eight.
    fn two_passes<S: Simd>(
        &self,
        simd: S,
        panels: Range<usize>,
        rows: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let (strassen_rows, pairs) = (self.strassen_rows::<S>(rows), self.pairs());
        let panels = [0, 1].map(|i| panels.start + i * S::PANELS..panels.end);
        let weights = panels.clone().map(|panels| self.weights(panels));
        let rest = &scratch.activations[strassen_rows * pairs..rows * pairs];
        let sums = ensure_len(&mut scratch.integer_sums, 2 * rows * S::PANELS);
        let (left, right) = sums.split_at_mut(rows * S::PANELS);
        let mut both = [left, right];
        if strassen_rows > 0 {
            let first = both.each_mut().map(|sums| &mut sums[..strassen_rows * S::PANELS]);
            strassen::multiply_passes(
                simd,
                weights,
                &scratch.strassen_factors,
                &mut scratch.strassen_products,
                first,
            );
        }
        for ((panels, weights), sums) in panels.into_iter().zip(weights).zip(both) {
            let last = &mut sums[strassen_rows * S::PANELS..];
            PassProduct { simd, weights, acts: rest, sums: last }.compute(rows - strassen_rows);
            self.store_outputs(simd, panels, sums, &scratch.row_sums, &scratch.activation_scales, out);
        }
    }

    /// Stores the outputs of one pass, the first of `panels`, from the sums of its products.
    fn store_outputs<S: Simd>(
        &self,
        simd: S,
        panels: Range<usize>,
        sums: &[[i32; PANEL_COLUMNS]],
        row_sums: &[i32],
        scales: &[f32],
        out: &mut [f32],
    ) {
        simd.vectorize(StoreOutputs { linear: self, panels, sums, row_sums, scales, out });
    }
}

/// See [`LinearI8::store_outputs`].
struct StoreOutputs<'a> {
    linear: &'a LinearI8,
    panels: Range<usize>,
    sums: &'a [[i32; PANEL_COLUMNS]],
    row_sums: &'a [i32],
    scales: &'a [f32],
    out: &'a mut [f32],
}

impl Job for StoreOutputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let Self { linear, panels, sums, row_sums, scales, out } = self;
        let rows = sums.chunks_exact(S::PANELS).zip(out.chunks_exact_mut(linear.spec.outputs));
        for (r, (sums, row)) in rows.enumerate() {
            let scale = S::F32::splat(scales[r]);
            for (panel, sums) in panels.clone().zip(sums) {
                let mut outputs = [0.0; PANEL_COLUMNS];
                for at in (0..PANEL_COLUMNS).step_by(S::F32::LANES) {
                    let mut sum = S::I32::load(&sums[at..]);
                    if !linear.zero.is_empty() {
                        let zero = S::I32::load(&linear.zero[panel * PANEL_COLUMNS + at..]);
                        sum = sum.sub(S::I32::splat(row_sums[r]).mul(zero));
                    }
                    linear.epilogue.scaled(panel, at, sum.to_f32(), scale).store(&mut outputs[at..]);
                }
                store_panel(row, panel, &outputs);
            }
        }
    }
}

/// The product of the panels of a pass with rows of packed activations.
struct PassProduct<'a, S> {
    simd: S,
    weights: [&'a [AlignedI8x16]; MAX_PANELS],
    acts: &'a [i32],
    sums: &'a mut [[i32; PANEL_COLUMNS]],
}

impl<S: Simd> PassProduct<'_, S> {
    /// Computes the sums of `rows` rows.
    fn compute(self, rows: usize) {
        self.sums.fill([0; PANEL_COLUMNS]);
        run_tiles(rows, self);
    }
}

impl<S: Simd> TileKernel for PassProduct<'_, S> {
    fn run<const ROWS: usize>(&mut self, part: Range<usize>) {
        let pairs = self.weights[0].len();
        let acts = self.acts[part.start * pairs..part.end * pairs].as_chunks::<ROWS>().0;
        let sums = &mut self.sums[part.start * S::PANELS..part.end * S::PANELS];
        self.simd.vectorize(ExactTiles { weights: self.weights, acts, sums });
    }
}

/// Computes tiles of `ROWS` rows by the outputs of a pass, one step of the inputs after the other. The
/// weights of a step are widened once for all tiles. While the tiles use them, the processor fetches the next
/// weights from memory: 16 and 32 tokens through a whole base model were 5 and 7 % faster than with the loops
/// in the other order.
struct ExactTiles<'a, const ROWS: usize> {
    weights: [&'a [AlignedI8x16]; MAX_PANELS],
    acts: &'a [[i32; ROWS]],
    sums: &'a mut [[i32; PANEL_COLUMNS]],
}

impl<const ROWS: usize> Job for ExactTiles<'_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { weights, acts, sums } = self;
        let pairs = weights[0].len();
        let mut wide = WidenedStep::<STEP_PAIRS>::ZERO;
        for first in (0..pairs).step_by(STEP_PAIRS) {
            let count = STEP_PAIRS.min(pairs - first);
            for (p, panel) in weights.iter().enumerate().take(S::PANELS) {
                let panel = &panel[first..][..count];
                for (pair, wide) in panel.iter().zip(wide.pairs_mut()[p..].iter_mut().step_by(S::PANELS)) {
                    widen_pair::<S>(pair).store(wide);
                }
            }
            // Without this the compiler widens the weights again for each tile.
            let wide = &std::hint::black_box(&wide).pairs()[..count * S::PANELS];
            // `chunks_exact` of a number that is not constant would divide.
            let mut at = first;
            for totals in sums.chunks_exact_mut(ROWS * S::PANELS) {
                multiply_add(simd, wide, &acts[at..][..count], totals);
                at += pairs;
            }
        }
    }
}
