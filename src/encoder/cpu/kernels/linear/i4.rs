//! 4-bit weights in blocks of 32 inputs, with one scale and one zero point per block and output. The products
//! are computed from the 4 bits; no int8 copy of the weights exists.
//!
//! With `b` a block and the exact kernel, whose activations have one scale per row and 15 bits:
//!
//! ```text
//! y[m, n] = act(s_x[m] · Σ_b s_w[n, b] · (Σₖ q_x[m, k] · q_w[n, k] − z_w[n, b] · Σₖ q_x[m, k]) + bias[n])
//! ```
//!
//! The sums over `k` are exact in `i32`. The zero point costs one more product per block: the negated sum of
//! the activations times `z_w`. That sum does not fit an `i16`, so it comes in two parts (see
//! [`quantize_quads`](super::pack_activations::quantize_quads)). Blocks are added up in `f32`.
//!
//! The relaxed kernels (`i4_relaxed`) use the same weights, with activations of 8 bits and one scale per
//! block.

use super::activation_rows::ActivationRows;
use super::blocked_loop::LinearIo;
use super::epilogue::Epilogue;
use super::kernel::Kernel;
use super::layout::{AlignedI8x16, PANEL_COLUMNS};
use super::pack_activation_blocks;
use super::pack_activations;
use super::relaxed_panel;
use super::tiles::{TileKernel, run_tiles};
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{F32x4, I8x16, I16x8, I32x4};
use crate::encoder::quantize::int4::BLOCK_I4;
use crate::encoder::spec::LinearSpec;
use std::ops::Range;

/// Vectors per block of a panel: one per quad of inputs.
pub(super) const BLOCK_VECTORS: usize = BLOCK_I4 / 4;

/// A `Linear` with 4-bit weights.
#[derive(Debug)]
pub struct LinearI4 {
    spec: LinearSpec,
    kernel: Kernel,
    weights: WeightsI4,
    epilogue: Epilogue,
    /// The factors of the inputs, or empty (see [`ActivationRows`]).
    factors: Vec<f32>,
}

/// Packed 4-bit weights, for each panel, for each block of inputs.
#[derive(Debug)]
pub(super) struct WeightsI4 {
    /// One vector per quad of inputs. Byte `4 · i + k` has input `k` of output `i` in its low half and of
    /// output `i + 4` in its high half.
    pub(super) q: Vec<AlignedI8x16>,
    /// One scale per output.
    pub(super) scales: Vec<[f32; PANEL_COLUMNS]>,
    /// One zero point per output. Byte `i` has the one of output `i` in its low half and of output `i + 4` in
    /// its high half.
    pub(super) zeros: Vec<[i8; 4]>,
}

/// The weights of one panel.
#[derive(Clone, Copy)]
pub(super) struct PanelI4<'a> {
    weights: &'a [[AlignedI8x16; BLOCK_VECTORS]],
    scales: &'a [[f32; PANEL_COLUMNS]],
    zeros: &'a [[i8; 4]],
}

/// One block of the weights of a panel.
pub(super) struct PanelBlockI4<'a> {
    pub(super) weights: &'a [AlignedI8x16; BLOCK_VECTORS],
    pub(super) scales: &'a [f32; PANEL_COLUMNS],
    pub(super) zeros: &'a [i8; 4],
}

impl<'a> PanelI4<'a> {
    /// Iterates over the blocks of inputs.
    #[inline(always)]
    pub(super) fn blocks(self) -> impl Iterator<Item = PanelBlockI4<'a>> {
        let blocks = self.weights.iter().zip(self.scales).zip(self.zeros);
        blocks.map(|((weights, scales), zeros)| PanelBlockI4 { weights, scales, zeros })
    }
}

impl LinearI4 {
    /// Takes packed weights.
    pub(super) fn new(spec: LinearSpec, kernel: Kernel, weights: WeightsI4, epilogue: Epilogue) -> Self {
        Self { spec, kernel, weights, epilogue, factors: Vec::new() }
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
        let WeightsI4 { q, scales, zeros } = &self.weights;
        size_of_val(&q[..])
            + size_of_val(&scales[..])
            + size_of_val(&zeros[..])
            + self.epilogue.bytes()
            + size_of_val(&self.factors[..])
    }

    /// Returns the kernel that the weights were packed for.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// See [`Linear::forward_with`](super::packed_linear::Linear::forward_with).
    pub(super) fn forward_with(&self, kernel: Kernel, io: LinearIo<'_>, scratch: &mut Scratch) {
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            let rows = ActivationRows { x, count, inputs, factors: &self.factors };
            if kernel.is_relaxed() {
                pack_activation_blocks::quantize_i8(rows, scratch);
            } else {
                pack_activations::quantize_quads(rows, BLOCK_I4, scratch);
            }
        };
        let row_bytes = if kernel.is_relaxed() { inputs } else { 2 * inputs };
        io.for_each_group(&self.spec, row_bytes, scratch, pack, |panels, count, scratch, out| {
            for panel in panels {
                self.panel(kernel, panel, count, scratch, out);
            }
        });
    }

    /// Computes one panel of outputs for all rows of a strip.
    fn panel(&self, kernel: Kernel, panel: usize, rows: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let LinearSpec { inputs, outputs, .. } = self.spec;
        let blocks = inputs.div_ceil(BLOCK_I4);
        let weights = PanelI4 {
            weights: self.weights.q[panel * blocks * BLOCK_VECTORS..][..blocks * BLOCK_VECTORS].as_chunks().0,
            scales: &self.weights.scales[panel * blocks..][..blocks],
            zeros: &self.weights.zeros[panel * blocks..][..blocks],
        };
        if kernel.is_relaxed() {
            let totals = relaxed_panel::multiply_panel(weights, kernel, rows, inputs, scratch);
            for (totals, row) in totals.iter().zip(out.chunks_exact_mut(outputs)) {
                self.epilogue.store(panel, totals.each_ref().map(F32x4::load), row);
            }
            return;
        }
        let quads = inputs.div_ceil(4);
        let (acts, sums) = (&scratch.activations[..rows * quads * 2], &scratch.block_sums[..rows * blocks]);
        let totals = ensure_len(&mut scratch.float_sums, rows);
        totals.fill([[0.0; 4]; 2]);
        run_tiles(rows, ExactTiles { panel: weights, quads, acts, sums, totals });
        let rows = totals.iter().zip(&scratch.activation_scales).zip(out.chunks_exact_mut(outputs));
        for ((totals, scale), row) in rows {
            let totals = totals.each_ref().map(|t| F32x4::load(t).mul(F32x4::splat(*scale)));
            self.epilogue.store(panel, totals, row);
        }
    }
}

/// The product of one panel with rows of activations, packed by
/// [`quantize_quads`](super::pack_activations::quantize_quads).
struct ExactTiles<'a> {
    panel: PanelI4<'a>,
    /// Quads per row.
    quads: usize,
    acts: &'a [i32],
    sums: &'a [i32],
    totals: &'a mut [[[f32; 4]; 2]],
}

impl TileKernel for ExactTiles<'_> {
    fn run<const ROWS: usize>(&mut self, part: Range<usize>) {
        let Range { start, end } = part;
        let (quads, blocks) = (self.quads, self.panel.scales.len());
        let acts = self.acts[start * quads * 2..end * quads * 2].as_chunks().0.as_chunks().0;
        let sums = self.sums[start * blocks..end * blocks].as_chunks().0;
        exact_tiles::<ROWS>(self.panel, quads, acts, sums, self.totals[start..end].as_chunks_mut().0);
    }
}

/// Returns the zero points of the outputs 0 to 3 and 4 to 7.
#[inline(always)]
pub(super) fn zero_points(zeros: &[i8; 4]) -> [I32x4; 2] {
    let (both, nibble) = (I32x4::load_i8(zeros), I32x4::splat(15));
    [both.and(nibble), both.shr::<4>().and(nibble)]
}

/// Computes tiles of `ROWS` rows by eight outputs, block by block. The bytes of a block of weights are taken
/// apart once for all tiles. Masks and shifts of a 16-bit lane yield its first and third or its second and
/// fourth 4 bits, so the activations of a quad are the pairs (0, 2) and (1, 3). `acts` has `quads` quads per
/// tile, `sums` one element per block of a tile.
#[inline(never)]
fn exact_tiles<const ROWS: usize>(
    panel: PanelI4<'_>,
    quads: usize,
    acts: &[[[i32; ROWS]; 2]],
    sums: &[[i32; ROWS]],
    totals: &mut [[[[f32; 4]; 2]; ROWS]],
) {
    let nibble = I16x8::splat(15);
    let mut weights = [[[0; 4]; 4]; BLOCK_VECTORS];
    for (b, block) in panel.blocks().enumerate() {
        // The low half of a sum is its low 7 bits, the high half the rest: z · low + (z << 7) · rest.
        let zeros = zero_points(block.zeros).map(|z| z.add(z.shl::<23>()).to_i16_pairs());
        let scales = [0, 1].map(|v| F32x4::load(&block.scales.as_chunks().0[v]));
        for (bytes, out) in block.weights.iter().zip(&mut weights) {
            let w = I8x16::load(&bytes.0).to_i16();
            let even = [w.and(nibble), w.shr_u::<4>().and(nibble)];
            let odd = [w.shr_u::<8>().and(nibble), w.shr_u::<12>()];
            for (w, out) in [even, odd].as_flattened().iter().zip(out) {
                w.to_i32().store(out);
            }
        }
        // Without this the compiler takes the bytes apart again for each tile.
        let weights = std::hint::black_box(&weights);
        let (mut at, mut sum_at) = (b * BLOCK_VECTORS, b);
        let count = BLOCK_VECTORS.min(quads - at);
        for totals in totals.iter_mut() {
            let (acts, sums) = (&acts[at..][..count], &sums[sum_at]);
            (at, sum_at) = (at + quads, sum_at + panel.scales.len());
            let sums = sums.map(|sum| I32x4::splat(sum).to_i16_pairs());
            let mut products = sums.map(|sum| zeros.map(|zero| sum.dot(zero)));
            for (weights, acts) in weights.iter().zip(acts) {
                for (weights, acts) in weights.as_chunks::<2>().0.iter().zip(acts) {
                    let weights = weights.each_ref().map(|w| I32x4::load(w).to_i16_pairs());
                    for r in 0..ROWS {
                        let act = I32x4::splat(acts[r]).to_i16_pairs();
                        for v in 0..2 {
                            products[r][v] = products[r][v].add(act.dot(weights[v]));
                        }
                    }
                }
            }
            for (products, totals) in products.iter().zip(totals) {
                for v in 0..2 {
                    let total = &mut totals[v];
                    F32x4::load(total).add(products[v].to_f32().mul(scales[v])).store(total);
                }
            }
        }
    }
}
