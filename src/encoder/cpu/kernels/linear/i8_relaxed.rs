//! The relaxed int8 kernels: bytes times bytes.
//!
//! The byte products of relaxed SIMD are defined while one operand is in 0..=127. That operand is the
//! activation: 7 bits with a zero point, in blocks of 64 inputs (see [`pack_activation_blocks`]). With `b` a
//! block:
//!
//! ```text
//! y[m, n] = act(s_w[n] · Σ_b s_x[m, b] · (Σₖ q_x[m, k] · q_w[n, k] − z_x[m, b] · Σₖ q_w[n, k]) + bias[n])
//! ```
//!
//! The sums over `k` are exact in `i32`; the sums of the weights of each block are computed once. Blocks are
//! added up in `f32`. The result depends neither on the machine nor on which of the two kernels runs. It
//! differs from the exact kernel's because activations have 7 bits instead of 13.

use super::activation_rows::ActivationRows;
use super::blocked_loop::LinearIo;
use super::epilogue::{Epilogue, StoreSums};
use super::kernel::Kernel;
use super::layout::{AlignedI8x16, PANEL_COLUMNS, panel_count};
use super::pack_activation_blocks::{self, BLOCK_U7, BlockReader, BlockTile, Correction};
use super::relaxed_panel::{self, RelaxedPass};
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::cpu::kernels::simd::{
    I8x16, I16x8, I32x4, Job, MAX_PANELS, Simd, Sums, choose, load_two,
};
use crate::encoder::reserve;
use crate::encoder::spec::LinearSpec;
use crate::error::Result;
use std::ops::Range;

/// Quads per whole block.
const BLOCK_QUADS: usize = BLOCK_U7 / 4;

/// A `Linear` with int8 weights for the relaxed kernels.
#[derive(Debug)]
pub struct LinearI8Relaxed {
    spec: LinearSpec,
    kernel: Kernel,
    /// For each panel, for each quad of inputs, the quad of each output.
    weights: Vec<AlignedI8x16>,
    blocks: WeightBlocks,
    epilogue: Epilogue,
    /// The factors of the inputs, or empty (see [`ActivationRows`]).
    factors: Vec<f32>,
}

/// The weights of one panel.
#[derive(Clone, Copy)]
struct PanelI8<'a> {
    weights: &'a [[AlignedI8x16; 2]],
    sums: &'a [[i16; PANEL_COLUMNS]],
    can_pair: &'a [bool],
}

/// The numbers that the kernels need of each block of weights: for each panel, for each block of inputs.
#[derive(Debug)]
pub(super) struct WeightBlocks {
    /// The sum of the weights of each output.
    sums: Vec<[i16; PANEL_COLUMNS]>,
    /// True if the products of two quads fit an `i16` together.
    can_pair: Vec<bool>,
}

impl WeightBlocks {
    /// Reserves the memory for the blocks of a weight.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub(super) fn reserve(spec: &LinearSpec) -> Result<Self> {
        let blocks = panel_count(spec.outputs).saturating_mul(spec.inputs.div_ceil(BLOCK_U7));
        let what = format_args!("sums of packed weights of {} × {}", spec.inputs, spec.outputs);
        Ok(Self {
            sums: reserve::try_with_capacity(blocks, what)?,
            can_pair: reserve::try_with_capacity(blocks, what)?,
        })
    }

    /// Looks at the packed weights.
    fn fill(&mut self, spec: &LinearSpec, weights: &[AlignedI8x16]) {
        let panel_vectors = (spec.inputs.div_ceil(4) * 2).max(1);
        let panels = weights.chunks_exact(panel_vectors);
        let blocks = panels.flat_map(|panel| panel.as_chunks::<2>().0.chunks(BLOCK_QUADS));
        let ones = I16x8::splat(1);
        for block in blocks {
            self.can_pair.push(can_pair(block));
            // Lanes: two halves of a quad for each of two outputs.
            let mut halves = [I32x4::zero(); 4];
            for quad in block {
                for v in 0..2 {
                    let bytes = I8x16::load(&quad[v].0);
                    halves[2 * v] = halves[2 * v].add(bytes.low().dot(ones));
                    halves[2 * v + 1] = halves[2 * v + 1].add(bytes.high().dot(ones));
                }
            }
            let halves = halves.map(I32x4::to_array);
            let halves = halves.as_flattened();
            // A sum is at most 64 · 128.
            self.sums.push(std::array::from_fn(|i| (halves[2 * i] + halves[2 * i + 1]) as i16));
        }
    }
}

/// Returns true if the products of each two quads of a block can be added up in `i16` before they are
/// widened: four weights times activations of up to 127. Large weights of one sign rarely meet: 80 % of the
/// blocks of m3e-small pass.
fn can_pair(block: &[[AlignedI8x16; 2]]) -> bool {
    const MAX_SUM: i32 = 32767 / 127;
    let (two, rest) = block.as_chunks::<2>();
    rest.is_empty()
        && two.iter().flat_map(|[a, b]| a.iter().zip(b)).all(|(a, b)| {
            let lanes = a.0.as_chunks::<2>().0.iter().zip(b.0.as_chunks::<2>().0);
            let mut fours = lanes.map(|(a, b)| [a[0], a[1], b[0], b[1]].map(i32::from));
            fours.all(|four| {
                let positive: i32 = four.iter().map(|w| w.max(&0)).sum();
                positive <= MAX_SUM && positive - four.iter().sum::<i32>() <= MAX_SUM
            })
        })
}

impl LinearI8Relaxed {
    /// Takes weights in the layout of [`PackI8`](super::pack_i8::PackI8), and reserved memory for their
    /// blocks.
    pub(super) fn new(
        spec: LinearSpec,
        kernel: Kernel,
        weights: Vec<AlignedI8x16>,
        mut blocks: WeightBlocks,
        epilogue: Epilogue,
    ) -> Self {
        blocks.fill(&spec, &weights);
        Self { spec, kernel, weights, blocks, epilogue, factors: Vec::new() }
    }

    /// Multiplies each input by its factor, `[inputs]`, before it is quantized.
    pub(super) fn set_input_factors(&mut self, factors: Vec<f32>) {
        self.factors = factors;
    }

    /// Returns the shape and the activation function.
    pub fn spec(&self) -> &LinearSpec {
        &self.spec
    }

    /// Returns the bytes of weights, their sums, scales, bias and input factors.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..])
            + size_of_val(&self.blocks.sums[..])
            + size_of_val(&self.blocks.can_pair[..])
            + self.epilogue.bytes()
            + size_of_val(&self.factors[..])
    }

    /// Returns for each panel, for each block, whether its products are added in pairs.
    #[cfg(test)]
    pub(super) fn can_pair(&self) -> &[bool] {
        &self.blocks.can_pair
    }

    /// Returns the kernel that the weights were packed for.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// See [`Linear::forward_with`](super::packed_linear::Linear::forward_with).
    pub(super) fn forward_with(&self, kernel: Kernel, io: LinearIo<'_>, scratch: &mut Scratch) {
        struct Forward<'a>(&'a LinearI8Relaxed, Kernel, LinearIo<'a>, &'a mut Scratch);
        impl Job for Forward<'_> {
            type Output = ();

            fn run<S: Simd>(self, simd: S) {
                self.0.forward_on(simd, self.1, self.2, self.3);
            }
        }
        // The exact kernel needs another layout.
        let kernel = if kernel.is_relaxed() { kernel } else { self.kernel };
        choose(Forward(self, kernel, io, scratch));
    }

    /// Computes the outputs with an instruction set.
    fn forward_on<S: Simd>(&self, simd: S, kernel: Kernel, io: LinearIo<'_>, scratch: &mut Scratch) {
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            let rows = ActivationRows { x, count, inputs, factors: &self.factors };
            pack_activation_blocks::quantize_u7(simd, rows, scratch);
        };
        io.for_each_group(simd, &self.spec, inputs, scratch, pack, |panels, count, scratch, out| {
            for first in panels.clone().step_by(S::PANELS) {
                let pass = PassI8(self.panels(first..panels.end));
                let sums = relaxed_panel::multiply_pass(simd, pass, kernel, count, inputs, scratch);
                let epilogue = &self.epilogue;
                let panels = first..panels.end;
                simd.vectorize(StoreSums { epilogue, panels, sums, out, row_scales: &[], scaled: true });
            }
        });
    }

    /// Returns the panels of a pass, from the first of `panels` on. After the last panel, it repeats.
    fn panels(&self, panels: Range<usize>) -> [PanelI8<'_>; MAX_PANELS] {
        let (quads, blocks) = (self.spec.inputs.div_ceil(4), self.spec.inputs.div_ceil(BLOCK_U7));
        std::array::from_fn(|p| {
            let panel = (panels.start + p).min(panels.end - 1);
            PanelI8 {
                weights: self.weights[panel * quads * 2..][..quads * 2].as_chunks().0,
                sums: &self.blocks.sums[panel * blocks..][..blocks],
                can_pair: &self.blocks.can_pair[panel * blocks..][..blocks],
            }
        })
    }
}

/// The panels of a pass.
#[derive(Clone, Copy)]
struct PassI8<'a>([PanelI8<'a>; MAX_PANELS]);

/// Returns the quads of inputs of eight outputs.
#[inline(always)]
fn quads(weights: &[AlignedI8x16; 2]) -> &[i32; 8] {
    // SAFETY: both are 32 bytes without padding, any bits are valid, and 16 is a multiple of the alignment 4.
    unsafe { &*std::ptr::from_ref(weights).cast() }
}

impl RelaxedPass for PassI8<'_> {
    const BLOCK: usize = BLOCK_U7;
    const CORRECTION: Correction = Correction::ZeroPoint;

    /// Computes tiles of `ROWS` rows by the outputs of a pass, block by block. All tiles use a block of
    /// weights before the next block is read. While they do, the processor fetches the next weights from
    /// memory: 16 and 32 tokens through a whole base model were 5 and 10 % faster than with the loops in the
    /// other order.
    #[inline(always)]
    fn multiply<S: Simd, const ROWS: usize, const I32: bool>(
        self,
        simd: S,
        mut acts: BlockReader<'_>,
        totals: &mut [[f32; PANEL_COLUMNS]],
    ) {
        let Self(panels) = self;
        let lanes = S::Sums::LANES;
        let count = panels[0].weights.len();
        let mut step = QuadStep([[[0; PANEL_COLUMNS]; MAX_PANELS]; BLOCK_QUADS]);
        for (b, first) in (0..count).step_by(BLOCK_QUADS).enumerate() {
            let count = BLOCK_QUADS.min(count - first);
            let mut weight_sums = [[0; PANEL_COLUMNS]; MAX_PANELS];
            let mut can_pair = !I32;
            for (p, sums) in weight_sums.iter_mut().enumerate().take(S::PANELS) {
                *sums = panels[p].sums[b].map(i32::from);
                can_pair &= panels[p].can_pair[b];
            }
            // A pass of one panel reads the weights where they are.
            if S::PANELS > 1 {
                for (p, panel) in panels.iter().enumerate().take(S::PANELS) {
                    let to = step.0.as_flattened_mut()[p..].iter_mut().step_by(S::PANELS);
                    for (weights, to) in panel.weights[first..][..count].iter().zip(to) {
                        *to = *quads(weights);
                    }
                }
            }
            let step = std::hint::black_box(&step);
            let one = &panels[0].weights[first..][..count];
            for (BlockTile { quads: acts, scales, corrections }, totals) in
                acts.next_block::<ROWS>(BLOCK_QUADS).zip(totals.chunks_exact_mut(ROWS * S::PANELS))
            {
                let mut products = [[S::Sums::splat(0); 2]; ROWS];
                for r in 0..ROWS {
                    for (v, product) in products[r].iter_mut().enumerate() {
                        let sums = S::Sums::load(&weight_sums.as_flattened()[v * lanes..]);
                        *product = simd.dot_pairs(*product, S::Sums::splat(corrections[r]), sums);
                    }
                }
                if can_pair {
                    for (i, acts) in acts.as_chunks::<2>().0.iter().enumerate() {
                        let weights = [step.quad::<S>(one, 2 * i), step.quad::<S>(one, 2 * i + 1)];
                        for r in 0..ROWS {
                            let act = [S::Sums::splat(acts[0][r]), S::Sums::splat(acts[1][r])];
                            for v in 0..2 {
                                let even = simd.dot_i16(weights[0][v], act[0]);
                                let pairs = simd.add_i16(even, simd.dot_i16(weights[1][v], act[1]));
                                products[r][v] = simd.add_pairs(products[r][v], pairs);
                            }
                        }
                    }
                } else {
                    for (i, acts) in acts.iter().enumerate() {
                        let weights = step.quad::<S>(one, i);
                        for r in 0..ROWS {
                            let act = S::Sums::splat(acts[r]);
                            for v in 0..2 {
                                products[r][v] = if I32 {
                                    simd.dot_quads(products[r][v], weights[v], act)
                                } else {
                                    simd.add_pairs(products[r][v], simd.dot_i16(weights[v], act))
                                };
                            }
                        }
                    }
                }
                let totals = totals.as_flattened_mut();
                for r in 0..ROWS {
                    for v in 0..2 {
                        products[r][v].add_scaled(scales[r], &mut totals[(2 * r + v) * lanes..]);
                    }
                }
            }
        }
    }
}

/// The quads of a block, for each quad of each panel of a pass, aligned so that a vector load does not cross
/// a cache line.
#[repr(C, align(64))]
struct QuadStep([[[i32; PANEL_COLUMNS]; MAX_PANELS]; BLOCK_QUADS]);

impl QuadStep {
    /// Returns quad `i` of a pass. A pass of one panel, `one`, reads the weights where they are.
    #[inline(always)]
    fn quad<S: Simd>(&self, one: &[[AlignedI8x16; 2]], i: usize) -> [S::Sums; 2] {
        if S::PANELS > 1 {
            load_two(self.0.as_flattened()[i * S::PANELS..][..S::PANELS].as_flattened())
        } else {
            load_two(quads(&one[i]))
        }
    }
}
