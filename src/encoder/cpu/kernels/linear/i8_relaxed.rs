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
use super::epilogue::Epilogue;
use super::kernel::Kernel;
use super::layout::{AlignedI8x16, PANEL_COLUMNS, panel_count};
use super::pack_activation_blocks::{self, BLOCK_U7, BlockReader, BlockTile, Correction};
use super::relaxed_panel::{self, RelaxedPanel};
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::cpu::kernels::simd::{F32x4, I8x16, I16x8, I32x4, relaxed as instructions};
use crate::encoder::reserve;
use crate::encoder::spec::LinearSpec;
use crate::error::Result;

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
        // The exact kernel needs another layout.
        let kernel = if kernel.is_relaxed() { kernel } else { self.kernel };
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            let rows = ActivationRows { x, count, inputs, factors: &self.factors };
            pack_activation_blocks::quantize_u7(rows, scratch);
        };
        io.for_each_group(&self.spec, inputs, scratch, pack, |panels, count, scratch, out| {
            for panel in panels {
                self.panel(kernel, panel, count, scratch, out);
            }
        });
    }

    /// Computes one panel of outputs for all rows of a strip.
    fn panel(&self, kernel: Kernel, panel: usize, rows: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let inputs = self.spec.inputs;
        let (quads, blocks) = (inputs.div_ceil(4), inputs.div_ceil(BLOCK_U7));
        let weights = PanelI8 {
            weights: self.weights[panel * quads * 2..][..quads * 2].as_chunks().0,
            sums: &self.blocks.sums[panel * blocks..][..blocks],
            can_pair: &self.blocks.can_pair[panel * blocks..][..blocks],
        };
        let totals = relaxed_panel::multiply_panel(weights, kernel, rows, inputs, scratch);
        for (totals, row) in totals.iter().zip(out.chunks_exact_mut(self.spec.outputs)) {
            self.epilogue.store_scaled(panel, totals.each_ref().map(F32x4::load), F32x4::splat(1.0), row);
        }
    }
}

impl RelaxedPanel for PanelI8<'_> {
    const BLOCK: usize = BLOCK_U7;
    const CORRECTION: Correction = Correction::ZeroPoint;

    fn multiply<const ROWS: usize, const I32: bool>(
        self,
        acts: BlockReader<'_>,
        totals: &mut [[[[f32; 4]; 2]; ROWS]],
    ) {
        relaxed_tiles::<ROWS, I32>(self, acts, totals);
    }
}

/// Computes tiles of `ROWS` rows by eight outputs, block by block. All tiles use a block of weights before
/// the next block is read. While they do, the processor fetches the next weights from memory: 16 and 32
/// tokens through a whole base model were 5 and 10 % faster than with the loops in the other order.
#[inline(never)]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
fn relaxed_tiles<const ROWS: usize, const I32: bool>(
    panel: PanelI8<'_>,
    mut acts: BlockReader<'_>,
    totals: &mut [[[[f32; 4]; 2]; ROWS]],
) {
    let ones = I16x8::splat(1);
    let blocks = panel.weights.chunks(BLOCK_QUADS).zip(panel.sums.iter().zip(panel.can_pair));
    for (weights, (sums, can_pair)) in blocks {
        let sums = [0, 1].map(|v| I32x4::load_i16(&sums.as_chunks().0[v]).to_i16_pairs());
        for (BlockTile { quads, scales, corrections }, totals) in
            acts.next_block::<ROWS>(BLOCK_QUADS).zip(totals.iter_mut())
        {
            let zeros = corrections.map(|zero| I32x4::splat(zero).to_i16_pairs());
            let mut products = zeros.map(|zero| sums.map(|sum| zero.dot(sum)));
            if !I32 && *can_pair {
                for (weights, acts) in weights.as_chunks::<2>().0.iter().zip(quads.as_chunks::<2>().0) {
                    for r in 0..ROWS {
                        let act = acts.map(|acts| I32x4::splat(acts[r]).to_i8());
                        for v in 0..2 {
                            let pairs =
                                [0, 1].map(|q| instructions::dot_i16(I8x16::load(&weights[q][v].0), act[q]));
                            products[r][v] = products[r][v].add(pairs[0].add(pairs[1]).dot(ones));
                        }
                    }
                }
            } else {
                for (weights, acts) in weights.iter().zip(quads) {
                    let weights = [I8x16::load(&weights[0].0), I8x16::load(&weights[1].0)];
                    for r in 0..ROWS {
                        let act = I32x4::splat(acts[r]).to_i8();
                        for v in 0..2 {
                            products[r][v] = if I32 {
                                instructions::dot_add(weights[v], act, products[r][v])
                            } else {
                                products[r][v].add(instructions::dot_i16(weights[v], act).dot(ones))
                            };
                        }
                    }
                }
            }
            for r in 0..ROWS {
                let scale = F32x4::splat(scales[r]);
                for v in 0..2 {
                    let total = &mut totals[r][v];
                    F32x4::load(total).add(products[r][v].to_f32().mul(scale)).store(total);
                }
            }
        }
    }
}
