//! int8 weights per output channel with relaxed SIMD: bytes times bytes.
//!
//! Relaxed SIMD's byte products are defined while one operand is 0..=127: the activations, as 7
//! bits with a zero point, in blocks of 64 inputs (see [`pack_activation_blocks`]). A block's products are summed
//! exactly in `i32`, its zero point is taken out with the sums of its weights, and blocks are
//! added up in `f32`. Nothing of that depends on the machine or on which of the two kernels
//! runs; only the 7 bits make it another result than the exact kernel's.

use super::blocked_loop::LinearIo;
use super::epilogue::Epilogue;
use super::kernel::Kernel;
use super::layout::{AlignedI8x16, PANEL_COLUMNS};
use super::pack_activation_blocks::{self, BLOCK_U7, BlockReader, BlockTile};
use super::relaxed_panel::{self, RelaxedPanel};
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::cpu::kernels::simd::{F32x4, I8x16, I16x8, I32x4, relaxed as instructions};
use crate::encoder::spec::LinearSpec;

/// Quads of a whole block.
const BLOCK_QUADS: usize = BLOCK_U7 / 4;

/// A `Linear` with int8 weights for the relaxed kernels.
#[derive(Debug)]
pub struct LinearI8Relaxed {
    spec: LinearSpec,
    kernel: Kernel,
    /// For each panel of eight outputs, for each quad of inputs, each output's quad.
    weights: Vec<AlignedI8x16>,
    /// For each panel, for each block of inputs, the sum of each output's weights.
    sums: Vec<[i16; PANEL_COLUMNS]>,
    /// For each panel, for each block, whether two quads' products fit an `i16` together.
    paired: Vec<bool>,
    epilogue: Epilogue,
}

/// PanelRow outputs' weights.
#[derive(Clone, Copy)]
struct PanelI8<'a> {
    weights: &'a [[AlignedI8x16; 2]],
    sums: &'a [[i16; PANEL_COLUMNS]],
    paired: &'a [bool],
}

/// Whether the products of each two quads of a block can be added up in `i16` before they are
/// widened: four weights with activations up to 127. Four times 127 would be too much, but so
/// many large weights of one sign hardly ever meet: four blocks of five pass in m3e-small.
fn can_pair(block: &[[AlignedI8x16; 2]]) -> bool {
    const MOST: i32 = 32767 / 127;
    let (two, rest) = block.as_chunks::<2>();
    rest.is_empty()
        && two.iter().flat_map(|[a, b]| a.iter().zip(b)).all(|(a, b)| {
            let lanes = a.0.as_chunks::<2>().0.iter().zip(b.0.as_chunks::<2>().0);
            let mut fours = lanes.map(|(a, b)| [a[0], a[1], b[0], b[1]].map(i32::from));
            fours.all(|four| {
                let positive: i32 = four.iter().map(|w| w.max(&0)).sum();
                positive <= MOST && positive - four.iter().sum::<i32>() <= MOST
            })
        })
}

impl LinearI8Relaxed {
    /// See [`PackI8`](super::pack_i8::PackI8), which makes it.
    pub(super) fn new(
        spec: LinearSpec,
        kernel: Kernel,
        weights: Vec<AlignedI8x16>,
        scales: Vec<f32>,
        bias: Vec<f32>,
    ) -> Self {
        let panel_vectors = (spec.inputs.div_ceil(4) * 2).max(1);
        let panels = weights.chunks_exact(panel_vectors);
        let blocks = panels.flat_map(|panel| panel.as_chunks::<2>().0.chunks(BLOCK_QUADS));
        let paired = blocks.clone().map(can_pair).collect();
        let ones = I16x8::splat(1);
        let mut sums = Vec::with_capacity(weights.len() / (2 * BLOCK_QUADS) + 1);
        for block in blocks {
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
            // 64 · 128 fits.
            sums.push(std::array::from_fn(|i| (halves[2 * i] + halves[2 * i + 1]) as i16));
        }
        Self { spec, kernel, weights, sums, paired, epilogue: Epilogue::new(&spec, scales, bias) }
    }

    /// Its shape.
    pub fn spec(&self) -> &LinearSpec {
        &self.spec
    }

    /// Bytes of weights, their sums, scales and bias.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..])
            + size_of_val(&self.sums[..])
            + size_of_val(&self.paired[..])
            + self.epilogue.bytes()
    }

    /// For each panel, for each block, whether its products are added in pairs.
    #[cfg(test)]
    pub(super) fn paired(&self) -> &[bool] {
        &self.paired
    }

    /// The kernel that it was packed for.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// See [`Linear::forward_with`](super::packed_linear::Linear::forward_with).
    pub(super) fn forward_with(&self, kernel: Kernel, io: LinearIo<'_>, scratch: &mut Scratch) {
        // The exact kernel has another layout.
        let kernel = if kernel.is_relaxed() { kernel } else { self.kernel };
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            pack_activation_blocks::quantize_u7(x, count, inputs, scratch)
        };
        io.for_each_group(&self.spec, inputs, scratch, pack, |panels, count, scratch, out| {
            for panel in panels {
                self.panel(kernel, panel, count, scratch, out);
            }
        });
    }

    /// PanelRow outputs of all rows of a block of rows.
    fn panel(&self, kernel: Kernel, panel: usize, rows: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let inputs = self.spec.inputs;
        let (quads, blocks) = (inputs.div_ceil(4), inputs.div_ceil(BLOCK_U7));
        let weights = PanelI8 {
            weights: self.weights[panel * quads * 2..][..quads * 2].as_chunks().0,
            sums: &self.sums[panel * blocks..][..blocks],
            paired: &self.paired[panel * blocks..][..blocks],
        };
        let totals = relaxed_panel::multiply_panel(weights, kernel, rows, inputs, scratch);
        for (totals, row) in totals.iter().zip(out.chunks_exact_mut(self.spec.outputs)) {
            self.epilogue.store_scaled(panel, totals.each_ref().map(F32x4::load), F32x4::splat(1.0), row);
        }
    }
}

impl RelaxedPanel for PanelI8<'_> {
    const BLOCK: usize = BLOCK_U7;

    fn multiply<const ROWS: usize, const I32: bool>(
        self,
        acts: BlockReader<'_>,
        totals: &mut [[[[f32; 4]; 2]; ROWS]],
    ) {
        relaxed_tiles::<ROWS, I32>(self, acts, totals);
    }
}

/// The kernel: tiles of `ROWS` rows by eight columns, block by block. All tiles take a block before
/// the next one is read: so the memory that the weights come from works while they are multiplied
/// (a whole model's 16 and 32 tokens: 5 and 10 % faster than a tile after the other).
#[inline(never)]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
fn relaxed_tiles<const ROWS: usize, const I32: bool>(
    panel: PanelI8<'_>,
    mut acts: BlockReader<'_>,
    totals: &mut [[[[f32; 4]; 2]; ROWS]],
) {
    let ones = I16x8::splat(1);
    let blocks = panel.weights.chunks(BLOCK_QUADS).zip(panel.sums.iter().zip(panel.paired));
    for (weights, (sums, paired)) in blocks {
        let sums = [0, 1].map(|v| I32x4::load_i16(&sums.as_chunks().0[v]).to_i16_pairs());
        for (BlockTile { quads, scales, corrections }, totals) in
            acts.next_block::<ROWS>(BLOCK_QUADS).zip(totals.iter_mut())
        {
            let zeros = corrections.map(|zero| I32x4::splat(zero).to_i16_pairs());
            let mut products = zeros.map(|zero| sums.map(|sum| zero.dot(sum)));
            if !I32 && *paired {
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
