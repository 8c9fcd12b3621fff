//! The relaxed kernels for 4-bit weights. The 4 bits of a weight are the operand that must be in 0..=127;
//! activations have 8 bits in blocks of 32 inputs (see
//! [`pack_activation_blocks`](super::pack_activation_blocks)). The bytes of a block of weights are taken
//! apart once and used for all rows of a strip.

use super::i4::{BLOCK_VECTORS, PanelI4, zero_points};
use super::pack_activation_blocks::{BLOCK_I8, BlockReader, BlockTile, Correction};
use super::relaxed_panel::RelaxedPanel;
use crate::encoder::cpu::kernels::simd::{F32x4, I8x16, I16x8, I32x4, relaxed};

impl RelaxedPanel for PanelI4<'_> {
    const BLOCK: usize = BLOCK_I8;
    const CORRECTION: Correction = Correction::Sum;

    fn multiply<const ROWS: usize, const I32: bool>(
        self,
        acts: BlockReader<'_>,
        totals: &mut [[[[f32; 4]; 2]; ROWS]],
    ) {
        relaxed_tiles::<ROWS, I32>(self, acts, totals);
    }
}

/// Computes tiles of `ROWS` rows by eight outputs, block by block. The 32 products of a block and an output
/// are added up in two `i16` lanes: 16 · 15 · 127 = 30480 fits.
#[inline(never)]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
fn relaxed_tiles<const ROWS: usize, const I32: bool>(
    panel: PanelI4<'_>,
    mut acts: BlockReader<'_>,
    totals: &mut [[[[f32; 4]; 2]; ROWS]],
) {
    let (nibble, ones) = (I16x8::splat(0x0f0f), I16x8::splat(1));
    for block in panel.blocks() {
        let zeros = zero_points(block.zeros).map(I32x4::to_i16_pairs);
        let scales = [0, 1].map(|v| F32x4::load(&block.scales.as_chunks().0[v]));
        let mut weights = [[[0; 4]; 2]; BLOCK_VECTORS];
        for (bytes, out) in block.weights.iter().zip(&mut weights) {
            let w = I8x16::load(&bytes.0).to_i16();
            w.and(nibble).to_i32().store(&mut out[0]);
            w.shr_u::<4>().and(nibble).to_i32().store(&mut out[1]);
        }
        // Without this the compiler takes the bytes apart again for each tile.
        let weights = std::hint::black_box(&weights);
        for (BlockTile { quads, scales: act_scales, corrections }, totals) in
            acts.next_block::<ROWS>(BLOCK_VECTORS).zip(totals.iter_mut())
        {
            let sums = corrections.map(|sum| I32x4::splat(sum).to_i16_pairs());
            let mut pairs = [[I16x8::splat(0); 2]; ROWS];
            let mut products = [[I32x4::zero(); 2]; ROWS];
            for (weights, acts) in weights.iter().zip(quads) {
                let weights = weights.each_ref().map(|w| I32x4::load(w).to_i8());
                for r in 0..ROWS {
                    let act = I32x4::splat(acts[r]).to_i8();
                    for v in 0..2 {
                        if I32 {
                            products[r][v] = relaxed::dot_add(act, weights[v], products[r][v]);
                        } else {
                            pairs[r][v] = pairs[r][v].add(relaxed::dot_i16(act, weights[v]));
                        }
                    }
                }
            }
            for r in 0..ROWS {
                let act_scale = F32x4::splat(act_scales[r]);
                for v in 0..2 {
                    let product = if I32 { products[r][v] } else { pairs[r][v].dot(ones) };
                    let sum = product.add(sums[r].dot(zeros[v]));
                    let total = &mut totals[r][v];
                    F32x4::load(total).add(sum.to_f32().mul(scales[v].mul(act_scale))).store(total);
                }
            }
        }
    }
}
