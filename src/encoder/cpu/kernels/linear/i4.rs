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
use super::epilogue::{Epilogue, StoreSums};
use super::kernel::Kernel;
use super::layout::{AlignedI8x16, PANEL_COLUMNS};
use super::pack_activation_blocks;
use super::pack_activations;
use super::relaxed_panel;
use super::tiles::{TileKernel, run_tiles};
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{
    I8x16, I16x8, I32x4, Job, MAX_PANELS, Simd, Sums, choose, load_two,
};
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

/// The panels of a pass.
#[derive(Clone, Copy)]
pub(super) struct PassI4<'a>([PanelI4<'a>; MAX_PANELS]);

/// The numbers of a block of weights that the kernels need, for each panel of a pass.
pub(super) struct BlockScales {
    pub(super) scales: [[f32; PANEL_COLUMNS]; MAX_PANELS],
    pub(super) zeros: [[i32; PANEL_COLUMNS]; MAX_PANELS],
}

impl<'a> PassI4<'a> {
    /// Returns the number of blocks of inputs.
    #[inline(always)]
    pub(super) fn blocks(self) -> usize {
        self.0[0].scales.len()
    }

    /// Returns the weights of block `b` of the panels of a pass.
    #[inline(always)]
    pub(super) fn weights<S: Simd>(
        self,
        b: usize,
    ) -> impl Iterator<Item = (usize, &'a [AlignedI8x16; BLOCK_VECTORS])> {
        (0..S::PANELS).map(move |p| (p, &self.0[p].weights[b]))
    }

    /// Returns the scales and zero points of block `b`.
    #[inline(always)]
    pub(super) fn scales<S: Simd>(self, b: usize) -> BlockScales {
        let mut block = BlockScales { scales: [[0.0; 8]; MAX_PANELS], zeros: [[0; 8]; MAX_PANELS] };
        for p in 0..S::PANELS {
            block.scales[p] = self.0[p].scales[b];
            let [low, high] = zero_points(&self.0[p].zeros[b]);
            let halves = block.zeros[p].as_chunks_mut().0;
            low.store(&mut halves[0]);
            high.store(&mut halves[1]);
        }
        block
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
        struct Forward<'a>(&'a LinearI4, Kernel, LinearIo<'a>, &'a mut Scratch);
        impl Job for Forward<'_> {
            type Output = ();

            fn run<S: Simd>(self, simd: S) {
                self.0.forward_on(simd, self.1, self.2, self.3);
            }
        }
        choose(Forward(self, kernel, io, scratch));
    }

    /// Computes the outputs with an instruction set.
    fn forward_on<S: Simd>(&self, simd: S, kernel: Kernel, io: LinearIo<'_>, scratch: &mut Scratch) {
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            let rows = ActivationRows { x, count, inputs, factors: &self.factors };
            if kernel.is_relaxed() {
                pack_activation_blocks::quantize_i8(simd, rows, scratch);
            } else {
                pack_activations::quantize_quads(simd, rows, BLOCK_I4, scratch);
            }
        };
        let row_bytes = if kernel.is_relaxed() { inputs } else { 2 * inputs };
        io.for_each_group(simd, &self.spec, row_bytes, scratch, pack, |panels, count, scratch, out| {
            for first in panels.clone().step_by(S::PANELS) {
                self.pass(simd, kernel, first..panels.end, count, scratch, out);
            }
        });
    }

    /// Returns the panels of a pass, from the first of `panels` on. After the last panel, it repeats.
    fn panels(&self, panels: Range<usize>) -> [PanelI4<'_>; MAX_PANELS] {
        let blocks = self.spec.inputs.div_ceil(BLOCK_I4);
        std::array::from_fn(|p| {
            let first = (panels.start + p).min(panels.end - 1) * blocks;
            PanelI4 {
                weights: self.weights.q[first * BLOCK_VECTORS..][..blocks * BLOCK_VECTORS].as_chunks().0,
                scales: &self.weights.scales[first..][..blocks],
                zeros: &self.weights.zeros[first..][..blocks],
            }
        })
    }

    /// Computes one pass, the first of `panels`, for all rows of a strip.
    fn pass<S: Simd>(
        &self,
        simd: S,
        kernel: Kernel,
        panels: Range<usize>,
        rows: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let (inputs, epilogue) = (self.spec.inputs, &self.epilogue);
        let pass = PassI4(self.panels(panels.clone()));
        if kernel.is_relaxed() {
            let sums = relaxed_panel::multiply_pass(simd, pass, kernel, rows, inputs, scratch);
            simd.vectorize(StoreSums { epilogue, panels, sums, out, row_scales: &[], scaled: false });
            return;
        }
        let (quads, blocks) = (inputs.div_ceil(4), pass.blocks());
        let (acts, sums) = (&scratch.activations[..rows * quads * 2], &scratch.block_sums[..rows * blocks]);
        let totals = ensure_len(&mut scratch.float_sums, rows * S::PANELS);
        totals.fill([0.0; PANEL_COLUMNS]);
        run_tiles(rows, ExactTiles { simd, pass, quads, acts, sums, totals: &mut *totals });
        let row_scales = &scratch.activation_scales[..rows];
        simd.vectorize(StoreSums { epilogue, panels, sums: totals, out, row_scales, scaled: false });
    }
}

/// The product of the panels of a pass with rows of activations, packed by
/// [`quantize_quads`](super::pack_activations::quantize_quads).
struct ExactTiles<'a, S> {
    simd: S,
    pass: PassI4<'a>,
    /// Quads per row.
    quads: usize,
    acts: &'a [i32],
    sums: &'a [i32],
    totals: &'a mut [[f32; PANEL_COLUMNS]],
}

impl<S: Simd> TileKernel for ExactTiles<'_, S> {
    fn run<const ROWS: usize>(&mut self, part: Range<usize>) {
        let Range { start, end } = part;
        let (pass, quads, blocks) = (self.pass, self.quads, self.pass.blocks());
        self.simd.vectorize(ExactTilesOf::<ROWS> {
            pass,
            quads,
            acts: self.acts[start * quads * 2..end * quads * 2].as_chunks().0.as_chunks().0,
            sums: self.sums[start * blocks..end * blocks].as_chunks().0,
            totals: &mut self.totals[start * S::PANELS..end * S::PANELS],
        });
    }
}

/// Returns the zero points of the outputs 0 to 3 and 4 to 7.
#[inline(always)]
fn zero_points(zeros: &[i8; 4]) -> [I32x4; 2] {
    let (both, nibble) = (I32x4::load_i8(zeros), I32x4::splat(15));
    [both.and(nibble), both.shr::<4>().and(nibble)]
}

/// The unpacked weights of a block, for each quad the pairs (0, 2) of each panel, then the pairs (1, 3),
/// aligned so that a vector load does not cross a cache line.
#[repr(C, align(64))]
struct UnpackedBlock([[[[i32; PANEL_COLUMNS]; MAX_PANELS]; 2]; BLOCK_VECTORS]);

/// Computes tiles of `ROWS` rows by the outputs of a pass, block by block. The bytes of a block of weights
/// are taken apart once for all tiles. Masks and shifts of a 16-bit lane yield its first and third or its
/// second and fourth 4 bits, so the activations of a quad are the pairs (0, 2) and (1, 3).
struct ExactTilesOf<'a, const ROWS: usize> {
    pass: PassI4<'a>,
    /// Quads per row.
    quads: usize,
    acts: &'a [[[i32; ROWS]; 2]],
    /// One element per block of a tile.
    sums: &'a [[i32; ROWS]],
    totals: &'a mut [[f32; PANEL_COLUMNS]],
}

impl<const ROWS: usize> Job for ExactTilesOf<'_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { pass, quads, acts, sums, totals } = self;
        let (nibble, lanes, blocks) = (I16x8::splat(15), S::Sums::LANES, pass.blocks());
        let mut unpacked = UnpackedBlock([[[[0; PANEL_COLUMNS]; MAX_PANELS]; 2]; BLOCK_VECTORS]);
        for b in 0..blocks {
            let mut block = pass.scales::<S>(b);
            // The low half of a sum is its low 7 bits, the high half the rest: z · low + (z << 7) · rest.
            block.zeros.as_flattened_mut().iter_mut().for_each(|z| *z += *z << 23);
            for (p, panel) in pass.weights::<S>(b) {
                let to = unpacked.0.as_flattened_mut().as_flattened_mut();
                for (i, bytes) in panel.iter().enumerate() {
                    let w = I8x16::load(&bytes.0).to_i16();
                    let even = [w.and(nibble), w.shr_u::<4>().and(nibble)];
                    let odd = [w.shr_u::<8>().and(nibble), w.shr_u::<12>()];
                    for (j, pair) in [even, odd].into_iter().enumerate() {
                        let halves = to[(2 * i + j) * S::PANELS + p].as_chunks_mut().0;
                        pair[0].to_i32().store(&mut halves[0]);
                        pair[1].to_i32().store(&mut halves[1]);
                    }
                }
            }
            // Without this the compiler takes the bytes apart again for each tile.
            let weights = std::hint::black_box(&unpacked).0.as_flattened().as_flattened();
            let (mut at, mut sum_at) = (b * BLOCK_VECTORS, b);
            let count = BLOCK_VECTORS.min(quads - at);
            for totals in totals.chunks_exact_mut(ROWS * S::PANELS) {
                let (acts, sums) = (&acts[at..][..count], &sums[sum_at]);
                (at, sum_at) = (at + quads, sum_at + blocks);
                let mut products = [[S::Sums::splat(0); 2]; ROWS];
                for r in 0..ROWS {
                    for (v, product) in products[r].iter_mut().enumerate() {
                        let zeros = S::Sums::load(&block.zeros.as_flattened()[v * lanes..]);
                        *product = simd.dot_pairs(*product, S::Sums::splat(sums[r]), zeros);
                    }
                }
                for (weights, acts) in weights.chunks_exact(S::PANELS).zip(acts.as_flattened()) {
                    let weights: [S::Sums; 2] = load_two(weights.as_flattened());
                    for r in 0..ROWS {
                        let act = S::Sums::splat(acts[r]);
                        for v in 0..2 {
                            products[r][v] = simd.dot_pairs(products[r][v], act, weights[v]);
                        }
                    }
                }
                let totals = totals.as_flattened_mut();
                for r in 0..ROWS {
                    for v in 0..2 {
                        let scales = &block.scales.as_flattened()[v * lanes..];
                        products[r][v].add_products(scales, &mut totals[(2 * r + v) * lanes..]);
                    }
                }
            }
        }
    }
}
