//! int8 weights per output channel, exact: what the plain build runs, and what the relaxed build
//! runs when it is asked for the same bits.
//!
//! Activations become integers of up to 13 bits, a scale a row (see [`activation_max`]); the
//! products with the int8 weights, widened as they are read, are summed in `i32` without
//! rounding. In `simd128` that is `i32x4.dot_i16x8_s`: two products a lane and instruction.

use super::blocked_loop::LinearIo;
use super::epilogue::Epilogue;
use super::i8_product::{TileSums, multiply_add, widen_pair};
use super::layout::{AlignedI8x16, PANEL_COLUMNS, panels};
use super::pack_activations;
use super::strassen;
use super::tiles::{TileKernel, run_tiles};
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{F32x4, I32x4};
use crate::encoder::spec::{LinearSpec, activation_max};
use std::ops::Range;

/// Pairs of inputs that are widened at a time: 1 KiB.
const STEP_PAIRS: usize = 32;

/// A `Linear` with exact int8 arithmetic.
#[derive(Debug)]
pub struct LinearI8 {
    spec: LinearSpec,
    /// For each panel of eight outputs, for each pair of inputs, each output's pair.
    weights: Vec<AlignedI8x16>,
    epilogue: Epilogue,
    /// Zero points, where a file has them: then the rows' sums are needed.
    zero: Vec<i32>,
    /// The largest integer of an activation.
    max: i32,
}

impl LinearI8 {
    /// See [`PackI8`](super::pack_i8::PackI8), which makes it.
    pub(super) fn new(
        spec: LinearSpec,
        weights: Vec<AlignedI8x16>,
        scales: Vec<f32>,
        mut zero: Vec<i32>,
        bias: Vec<f32>,
    ) -> Self {
        let zero_max = zero.iter().map(|z| z.unsigned_abs() as usize).max().unwrap_or(0);
        if !zero.is_empty() {
            zero.resize(panels(spec.outputs).end * PANEL_COLUMNS, 0);
        }
        let max = activation_max(spec.inputs, 128 + zero_max);
        Self { spec, weights, epilogue: Epilogue::new(&spec, scales, bias), zero, max }
    }

    /// Its shape.
    pub fn spec(&self) -> &LinearSpec {
        &self.spec
    }

    /// Bytes of weights, scales and bias.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..]) + self.epilogue.bytes() + size_of_val(&self.zero[..])
    }

    /// See [`Linear::forward`](super::packed_linear::Linear::forward).
    pub(super) fn forward(&self, io: LinearIo<'_>, scratch: &mut Scratch) {
        let (inputs, pairs) = (self.spec.inputs, self.pairs());
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            pack_activations::quantize_pairs(x, count, inputs, self.max, !self.zero.is_empty(), scratch);
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

    /// How many of `rows` rows go through [`strassen`].
    fn strassen_rows(&self, rows: usize) -> usize {
        strassen::strassen_rows(rows, self.pairs())
    }

    /// Pairs of inputs; the last may be filled up.
    fn pairs(&self) -> usize {
        self.spec.inputs.div_ceil(2)
    }

    fn weights(&self, panel: usize) -> &[AlignedI8x16] {
        &self.weights[panel * self.pairs()..][..self.pairs()]
    }

    /// PanelRow outputs of all rows of a block.
    fn panel(&self, panel: usize, rows: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let sums = ensure_len(&mut scratch.integer_sums, rows);
        let acts = &scratch.activations[..rows * self.pairs()];
        PanelProduct { weights: self.weights(panel), acts, sums }.compute(rows);
        self.store_outputs(panel, sums, &scratch.sums, &scratch.activation_scales, out);
    }

    /// The same of two panels, most rows in seven products for eight.
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
            self.store_outputs(panel + i, sums, &scratch.sums, &scratch.activation_scales, out);
        }
    }

    /// From sums to outputs.
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

/// PanelRow outputs, and the rows that they are computed of.
struct PanelProduct<'a> {
    weights: &'a [AlignedI8x16],
    acts: &'a [i32],
    sums: &'a mut [[[i32; 4]; 2]],
}

impl PanelProduct<'_> {
    /// TileSums of all rows.
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

/// The kernel: tiles of `ROWS` rows by eight columns, a piece of the inputs after the other. A piece of
/// weights is widened once for all tiles; and while they take it, the memory that the weights come from goes
/// on by itself (a whole model's 16 and 32 tokens: 5 and 7 % faster than a tile after the other). One a
/// function, so that nothing around it takes registers from the loop.
#[inline(never)]
fn exact_tiles<const ROWS: usize>(
    weights: &[AlignedI8x16],
    acts: &[[i32; ROWS]],
    sums: &mut [TileSums<ROWS>],
) {
    let mut wide = [[[0; 4]; 2]; STEP_PAIRS];
    for (i, piece) in weights.chunks(STEP_PAIRS).enumerate() {
        for (pair, wide) in piece.iter().zip(&mut wide) {
            for (vector, wide) in widen_pair(pair).into_iter().zip(wide) {
                vector.to_i32().store(wide);
            }
        }
        // Or the compiler widens them again for each tile.
        let wide = std::hint::black_box(&wide[..piece.len()]);
        // Not `chunks_exact`, which divides.
        let mut at = i * STEP_PAIRS;
        for totals in sums.iter_mut() {
            multiply_add(wide, &acts[at..][..piece.len()], totals);
            at += weights.len();
        }
    }
}
