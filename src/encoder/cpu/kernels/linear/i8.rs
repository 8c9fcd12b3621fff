//! The exact int8 kernel: one scale per output of the weights, one scale per row of the activations.
//!
//! ```text
//! y[m, n] = act(s_x[m] · s_w[n] · (Σₖ q_x[m, k] · q_w[n, k] − z_w[n] · Σₖ q_x[m, k]) + bias[n])
//! ```
//!
//! The sums are exact in `i32`, because activations are limited to [`activation_max`], at most 13 bits. Most
//! files have no zero points `z_w`; then the sums of the rows are not computed.
//!
//! Two panels at a time go through [`strassen`] where there are enough rows.

use super::activation_rows::ActivationRows;
use super::blocked_loop::LinearIo;
use super::epilogue::Epilogue;
use super::i8_product::{TileSums, multiply_add, widen_pair};
use super::layout::{AlignedI8x16, PANEL_COLUMNS};
use super::pack_activations;
use super::strassen;
use super::tiles::{TileKernel, run_tiles};
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{F32x4, I32x4};
use crate::encoder::spec::{LinearSpec, activation_max};
use std::ops::Range;

/// Pairs of inputs per step: their widened weights take 1 KiB.
const STEP_PAIRS: usize = 32;

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
        let (inputs, pairs) = (self.spec.inputs, self.pairs());
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            let rows = ActivationRows { x, count, inputs, factors: &self.factors };
            pack_activations::quantize_pairs(rows, self.activation_max, !self.zero.is_empty(), scratch);
            let strassen_rows = self.strassen_rows(count);
            if strassen_rows > 0 {
                strassen::pack_factors(
                    &scratch.activations[..strassen_rows * pairs],
                    pairs,
                    &mut scratch.strassen_factors,
                );
            }
        };
        io.for_each_group(&self.spec, 4 * pairs, scratch, pack, |panels, count, scratch, out| {
            let two = panels.start..panels.end - panels.len() % 2;
            for panel in two.step_by(2) {
                self.two_panels(panel, count, scratch, out);
            }
            if panels.len() % 2 == 1 {
                self.panel(panels.end - 1, count, scratch, out);
            }
        });
    }

    /// Returns how many of `rows` rows go through [`strassen`].
    fn strassen_rows(&self, rows: usize) -> usize {
        strassen::strassen_rows(rows, self.pairs())
    }

    /// Returns the pairs of inputs. The last pair is padded with 0 if the number of inputs is odd.
    fn pairs(&self) -> usize {
        self.spec.inputs.div_ceil(2)
    }

    /// Returns the weights of one panel.
    fn weights(&self, panel: usize) -> &[AlignedI8x16] {
        &self.weights[panel * self.pairs()..][..self.pairs()]
    }

    /// Computes one panel of outputs for all rows of a strip.
    fn panel(&self, panel: usize, rows: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let sums = ensure_len(&mut scratch.integer_sums, rows);
        let acts = &scratch.activations[..rows * self.pairs()];
        PanelProduct { weights: self.weights(panel), acts, sums }.compute(rows);
        self.store_outputs(panel, sums, &scratch.row_sums, &scratch.activation_scales, out);
    }

    /// Computes two panels of outputs for all rows of a strip. Most rows take seven block products instead of
    /// eight.
    fn two_panels(&self, panel: usize, rows: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let (strassen_rows, pairs) = (self.strassen_rows(rows), self.pairs());
        let panels = [panel, panel + 1].map(|panel| self.weights(panel));
        let rest = &scratch.activations[strassen_rows * pairs..rows * pairs];
        let (left, right) = ensure_len(&mut scratch.integer_sums, 2 * rows).split_at_mut(rows);
        let mut both = [left, right];
        if strassen_rows > 0 {
            let first = both.each_mut().map(|sums| &mut sums[..strassen_rows]);
            strassen::multiply_panels(
                panels,
                &scratch.strassen_factors,
                &mut scratch.strassen_products,
                first,
            );
        }
        for (i, sums) in both.into_iter().enumerate() {
            PanelProduct { weights: panels[i], acts: rest, sums: &mut sums[strassen_rows..] }
                .compute(rows - strassen_rows);
            self.store_outputs(panel + i, sums, &scratch.row_sums, &scratch.activation_scales, out);
        }
    }

    /// Stores the outputs of one panel, from the sums of its products.
    fn store_outputs(
        &self,
        panel: usize,
        sums: &[[[i32; 4]; 2]],
        row_sums: &[i32],
        scales: &[f32],
        out: &mut [f32],
    ) {
        for (r, (sums, row)) in sums.iter().zip(out.chunks_exact_mut(self.spec.outputs)).enumerate() {
            let mut sums = sums.each_ref().map(I32x4::load);
            if !self.zero.is_empty() {
                let row_sum = I32x4::splat(row_sums[r]);
                let (zero, _) = self.zero[panel * PANEL_COLUMNS..][..PANEL_COLUMNS].as_chunks::<4>();
                sums = [0, 1].map(|v| sums[v].sub(row_sum.mul(I32x4::load(&zero[v]))));
            }
            let scale = F32x4::splat(scales[r]);
            self.epilogue.store_scaled(panel, sums.map(I32x4::to_f32), scale, row);
        }
    }
}

/// The product of one panel with rows of packed activations.
struct PanelProduct<'a> {
    weights: &'a [AlignedI8x16],
    acts: &'a [i32],
    sums: &'a mut [[[i32; 4]; 2]],
}

impl PanelProduct<'_> {
    /// Computes the sums of `rows` rows.
    fn compute(self, rows: usize) {
        self.sums.fill([[0; 4]; 2]);
        run_tiles(rows, self);
    }
}

impl TileKernel for PanelProduct<'_> {
    fn run<const ROWS: usize>(&mut self, part: Range<usize>) {
        let pairs = self.weights.len();
        let acts = self.acts[part.start * pairs..part.end * pairs].as_chunks().0;
        exact_tiles::<ROWS>(self.weights, acts, self.sums[part].as_chunks_mut().0);
    }
}

/// Computes tiles of `ROWS` rows by eight outputs, one step of the inputs after the other. The weights of a
/// step are widened once for all tiles. While the tiles use them, the processor fetches the next weights from
/// memory: 16 and 32 tokens through a whole base model were 5 and 7 % faster than with the loops in the other
/// order. Not inlined, so that the code around it takes no registers from the loop.
#[inline(never)]
fn exact_tiles<const ROWS: usize>(
    weights: &[AlignedI8x16],
    acts: &[[i32; ROWS]],
    sums: &mut [TileSums<ROWS>],
) {
    let mut wide = [[[0; 4]; 2]; STEP_PAIRS];
    for (i, step) in weights.chunks(STEP_PAIRS).enumerate() {
        for (pair, wide) in step.iter().zip(&mut wide) {
            for (vector, wide) in widen_pair(pair).into_iter().zip(wide) {
                vector.to_i32().store(wide);
            }
        }
        // Without this the compiler widens the weights again for each tile.
        let wide = std::hint::black_box(&wide[..step.len()]);
        // `chunks_exact` would divide.
        let mut at = i * STEP_PAIRS;
        for totals in sums.iter_mut() {
            multiply_add(wide, &acts[at..][..step.len()], totals);
            at += weights.len();
        }
    }
}
