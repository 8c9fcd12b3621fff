//! The relaxed kernels for 4-bit weights. The 4 bits of a weight are the operand that must be in 0..=127;
//! activations have 8 bits in blocks of 32 inputs (see
//! [`pack_activation_blocks`](super::pack_activation_blocks)). The bytes of a block of weights are taken
//! apart once and used for all rows of a strip.

use super::i4::{BLOCK_VECTORS, PassI4};
use super::layout::PANEL_COLUMNS;
use super::pack_activation_blocks::{BLOCK_I8, BlockReader, BlockTile, Correction};
use super::relaxed_panel::RelaxedPass;
use crate::encoder::cpu::kernels::simd::{I8x16, I16x8, MAX_PANELS, Simd, Sums, load_two};

/// The unpacked weights of a block, for each quad of each panel, aligned so that a vector load does not cross
/// a cache line.
#[repr(C, align(64))]
struct UnpackedBlock([[[i32; PANEL_COLUMNS]; MAX_PANELS]; BLOCK_VECTORS]);

impl RelaxedPass for PassI4<'_> {
    const BLOCK: usize = BLOCK_I8;
    const CORRECTION: Correction = Correction::Sum;

    /// Computes tiles of `ROWS` rows by the outputs of a pass, block by block. The 32 products of a block and
    /// an output are added up in two `i16` lanes: 16 · 15 · 127 = 30480 fits.
    #[inline(always)]
    fn multiply<S: Simd, const ROWS: usize, const I32: bool>(
        self,
        simd: S,
        mut acts: BlockReader<'_>,
        totals: &mut [[f32; PANEL_COLUMNS]],
    ) {
        let (nibble, lanes) = (I16x8::splat(0x0f0f), S::Sums::LANES);
        let mut unpacked = UnpackedBlock([[[0; PANEL_COLUMNS]; MAX_PANELS]; BLOCK_VECTORS]);
        for b in 0..self.blocks() {
            let block = self.scales::<S>(b);
            for (p, panel) in self.weights::<S>(b) {
                let to = unpacked.0.as_flattened_mut()[p..].iter_mut().step_by(S::PANELS);
                for (bytes, to) in panel.iter().zip(to) {
                    let w = I8x16::load(&bytes.0).to_i16();
                    let halves = to.as_chunks_mut().0;
                    w.and(nibble).to_i32().store(&mut halves[0]);
                    w.shr_u::<4>().and(nibble).to_i32().store(&mut halves[1]);
                }
            }
            // Without this the compiler takes the bytes apart again for each tile.
            let weights = std::hint::black_box(&unpacked).0.as_flattened();
            for (BlockTile { quads, scales: act_scales, corrections }, totals) in
                acts.next_block::<ROWS>(BLOCK_VECTORS).zip(totals.chunks_exact_mut(ROWS * S::PANELS))
            {
                // Sums of `i32`, or with the other instruction pairs of sums of `i16`.
                let mut products = [[S::Sums::splat(0); 2]; ROWS];
                for (weights, acts) in weights.chunks_exact(S::PANELS).zip(quads) {
                    let weights: [S::Sums; 2] = load_two(weights.as_flattened());
                    for r in 0..ROWS {
                        let act = S::Sums::splat(acts[r]);
                        for v in 0..2 {
                            products[r][v] = if I32 {
                                simd.dot_quads(products[r][v], act, weights[v])
                            } else {
                                simd.add_i16(products[r][v], simd.dot_i16(act, weights[v]))
                            };
                        }
                    }
                }
                let totals = totals.as_flattened_mut();
                for r in 0..ROWS {
                    for v in 0..2 {
                        let zeros = S::Sums::load(&block.zeros.as_flattened()[v * lanes..]);
                        let scales = &block.scales.as_flattened()[v * lanes..];
                        let product = if I32 {
                            products[r][v]
                        } else {
                            simd.add_pairs(S::Sums::splat(0), products[r][v])
                        };
                        let sum = simd.dot_pairs(product, S::Sums::splat(corrections[r]), zeros);
                        sum.add_scaled_products(scales, act_scales[r], &mut totals[(2 * r + v) * lanes..]);
                    }
                }
            }
        }
    }
}
