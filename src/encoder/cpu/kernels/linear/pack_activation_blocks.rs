//! Activations in blocks of inputs, each block of a row with a scale of its own, as quads of
//! bytes: what the relaxed kernels multiply.
//!
//! A scale a block instead of a row costs a kernel a tenth of its speed and wins back most of
//! what 7 bits lose: m3e-small, CLS row, cosine mean / worst 0.99948 / 0.99915 in blocks of 64,
//! 0.99723 / 0.99414 a row (blocks of 128: 0.99922, of 32: 0.99962).

use super::tiles::tiles;
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{F32x4, I8x16, I16x8, I32x4};
use crate::encoder::spec::MIN_ROW_MAGNITUDE;
use std::ops::Range;

/// Inputs of a block of 7-bit activations.
pub(super) const BLOCK_U7: usize = 64;

/// Inputs of a block of 8-bit activations: the block of 4-bit weights.
pub(super) const BLOCK_I8: usize = 32;

/// Quantises `rows` rows of `x`, block by block, with 0..=127 and a zero point: for each block, for
/// each tile, for each quad of inputs, each row's quad. Leaves, for each block, each row's scale and
/// (as the low `i16` of a pair) its negated zero point.
pub(super) fn quantize_u7(x: &[f32], rows: usize, inputs: usize, scratch: &mut Scratch) {
    quantize::<BLOCK_U7, true>(x, rows, inputs, scratch);
}

/// The same with −127..=127 and no zero point. Leaves, instead of that, the negated sum.
pub(super) fn quantize_i8(x: &[f32], rows: usize, inputs: usize, scratch: &mut Scratch) {
    quantize::<BLOCK_I8, false>(x, rows, inputs, scratch);
}

fn quantize<const BLOCK: usize, const ZERO_POINT: bool>(
    x: &[f32],
    rows: usize,
    inputs: usize,
    scratch: &mut Scratch,
) {
    assert_eq!(x.len(), rows * inputs);
    let (quads, blocks) = (inputs.div_ceil(4), inputs.div_ceil(BLOCK));
    let packed = ensure_len(&mut scratch.activations, rows * quads);
    let scales = ensure_len(&mut scratch.activation_scales, rows * blocks);
    let corrections = ensure_len(&mut scratch.sums, rows * blocks);
    for (first, count) in tiles(rows) {
        for r in 0..count {
            let row = &x[(first + r) * inputs..][..inputs];
            for (b, part) in row.chunks(BLOCK).enumerate() {
                let mut padded = [0.0; BLOCK];
                let block = part.first_chunk::<BLOCK>().unwrap_or_else(|| {
                    padded[..part.len()].copy_from_slice(part);
                    &padded
                });
                let (q, scale, correction) = quantize_block::<BLOCK, ZERO_POINT>(block);
                let (at, quads) = (b * rows + first + r, part.len().div_ceil(4));
                (scales[at], corrections[at]) = (scale, correction);
                let tile = &mut packed[b * (BLOCK / 4) * rows + first * quads..][..count * quads];
                for (quad, out) in q.as_flattened().iter().zip(tile[r..].iter_mut().step_by(count)) {
                    *out = *quad;
                }
            }
        }
    }
}

/// Rows as [`quantize_u7`] and [`quantize_i8`] leave them.
#[derive(Clone, Copy)]
pub(super) struct QuantizedBlocks<'a> {
    quads: &'a [i32],
    scales: &'a [f32],
    corrections: &'a [i32],
    rows: usize,
    /// Quads of a row.
    left: usize,
}

/// Some of the rows, from which block after block is taken.
pub(super) struct BlockReader<'a> {
    all: QuantizedBlocks<'a>,
    rows: Range<usize>,
}

/// One block of inputs of a tile's rows.
pub(super) struct BlockTile<'a, const ROWS: usize> {
    pub(super) quads: &'a [[i32; ROWS]],
    pub(super) scales: &'a [f32; ROWS],
    pub(super) corrections: &'a [i32; ROWS],
}

impl<'a> QuantizedBlocks<'a> {
    /// `rows` rows of `inputs` values in blocks of `block`; and room for eight totals of each, which are zero.
    pub(super) fn of(
        scratch: &'a mut Scratch,
        rows: usize,
        inputs: usize,
        block: usize,
    ) -> (Self, &'a mut [[[f32; 4]; 2]]) {
        let (left, blocks) = (inputs.div_ceil(4), inputs.div_ceil(block));
        let totals = ensure_len(&mut scratch.float_sums, rows);
        totals.fill([[0.0; 4]; 2]);
        let quantized = Self {
            quads: &scratch.activations[..left * rows],
            scales: &scratch.activation_scales[..blocks * rows],
            corrections: &scratch.sums[..blocks * rows],
            rows,
            left,
        };
        (quantized, totals)
    }

    /// The rows `rows`, which are whole tiles.
    pub(super) fn part(self, rows: Range<usize>) -> BlockReader<'a> {
        BlockReader { all: self, rows }
    }
}

impl<'a> BlockReader<'a> {
    /// Takes the next block, of up to `most` quads of inputs.
    #[inline(always)]
    pub(super) fn next_block<const ROWS: usize>(&mut self, most: usize) -> BlockTiles<'a, ROWS> {
        let (all, Range { start, end }) = (&mut self.all, self.rows.clone());
        let count = most.min(all.left);
        all.left -= count;
        let (quads, more_quads) = all.quads.split_at(count * all.rows);
        let (scales, more_scales) = all.scales.split_at(all.rows);
        let (corrections, more_notes) = all.corrections.split_at(all.rows);
        (all.quads, all.scales, all.corrections) = (more_quads, more_scales, more_notes);
        BlockTiles {
            quads: quads[start * count..end * count].as_chunks().0,
            count,
            scales: scales[start..end].as_chunks().0,
            corrections: corrections[start..end].as_chunks().0,
        }
    }
}

/// The tiles of a block. By hand, as `chunks_exact` and `zip` divide a few times for each block: with them
/// 16 tokens took 4 % longer (int8; int4, whose blocks are smaller: 18 %).
pub(super) struct BlockTiles<'a, const ROWS: usize> {
    quads: &'a [[i32; ROWS]],
    count: usize,
    scales: &'a [[f32; ROWS]],
    corrections: &'a [[i32; ROWS]],
}

impl<'a, const ROWS: usize> Iterator for BlockTiles<'a, ROWS> {
    type Item = BlockTile<'a, ROWS>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (scales, more_scales) = self.scales.split_first()?;
        let (corrections, more_notes) = self.corrections.split_first()?;
        let (quads, more_quads) = self.quads.split_at_checked(self.count)?;
        (self.quads, self.scales, self.corrections) = (more_quads, more_scales, more_notes);
        Some(BlockTile { quads, scales, corrections })
    }
}

/// One block: its quads (at most 16 of them), what a step is worth, and the negated zero point
/// or sum.
#[inline(always)]
fn quantize_block<const BLOCK: usize, const ZERO_POINT: bool>(
    block: &[f32; BLOCK],
) -> ([[i32; 4]; 4], f32, i32) {
    let vectors = block.as_chunks::<4>().0.iter().map(F32x4::load);
    let zero = F32x4::zero();
    // `poison` is 0, or NaN where a value is not finite; `low` is negated.
    let (mut low, mut high, mut poison) = (zero, zero, zero);
    for v in vectors {
        if ZERO_POINT {
            (low, high) = (low.max(zero.sub(v)), high.max(v));
        } else {
            high = high.max(v.abs());
        }
        poison = poison.add(v.sub(v));
    }
    let low = low.largest();
    let range = low + high.largest() + poison.sum();
    let (steps, scale) = if range < MIN_ROW_MAGNITUDE { (0.0, 0.0) } else { (127.0 / range, range / 127.0) };
    let shift = F32x4::splat(low * steps).round();
    let steps = F32x4::splat(steps);
    let (mut out, mut sum) = ([[0; 4]; 4], I32x4::zero());
    for (part, out) in block.as_chunks::<16>().0.iter().zip(&mut out) {
        let quads = part.as_chunks::<4>().0;
        // Not below 0, as rounding is odd and monotonic; 128 is possible, and saturates to 127.
        let round = |i: usize| F32x4::load(&quads[i]).mul(steps).round().add(shift);
        let q = I8x16::narrow(I16x8::narrow(round(0), round(1)), I16x8::narrow(round(2), round(3)));
        if !ZERO_POINT {
            let ones = I16x8::splat(1);
            sum = sum.add(q.low().dot(ones)).add(q.high().dot(ones));
        }
        q.to_i32().store(out);
    }
    let correction = if ZERO_POINT {
        shift.to_array()[0].clamp(0, 127)
    } else {
        let [a, b, c, d] = sum.to_array();
        a + b + c + d
    };
    (out, scale, -correction & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use proptest::prelude::*;

    fn check<const BLOCK: usize, const ZERO_POINT: bool>(x: &[f32], rows: usize, inputs: usize) {
        let mut scratch = Scratch::new();
        quantize::<BLOCK, ZERO_POINT>(x, rows, inputs, &mut scratch);
        let blocks = inputs.div_ceil(BLOCK);
        for (first, count) in tiles(rows) {
            for (r, b) in (0..count).flat_map(|r| (0..blocks).map(move |b| (r, b))) {
                let at = b * rows + first + r;
                let (scale, correction) =
                    (scratch.activation_scales[at], -i32::from(scratch.sums[at] as i16));
                let from = b * BLOCK;
                let values = &x[(first + r) * inputs + from..][..BLOCK.min(inputs - from)];
                let quads = values.len().div_ceil(4);
                if values.iter().any(|v| !v.is_finite()) {
                    assert!(scale.is_nan());
                    continue;
                }
                let zero = if ZERO_POINT { correction } else { 0 };
                let mut sum = 0;
                for (i, value) in values.iter().enumerate() {
                    let quad = scratch.activations[from / 4 * rows + first * quads + i / 4 * count + r];
                    let q = i32::from((quad >> (8 * (i % 4))) as i8);
                    assert!(!ZERO_POINT || q >= 0, "the relaxed product is not defined for {q}");
                    sum += q;
                    let miss = ((q - zero) as f32 * scale - value).abs();
                    // Half a step, and half a step of the zero point's rounding.
                    let most = if ZERO_POINT { 1.01 } else { 0.51 };
                    assert!(miss <= most * scale + 1e-30, "{value} became {q}, zero {zero}, scale {scale}");
                }
                assert!(ZERO_POINT || correction == sum);
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_are_close_and_in_range(
            rows in 0usize..10, inputs in 1usize..200, seed in any::<u64>(), size in -30i32..30, shift in -3f32..3.0,
        ) {
            let mut random = Random(seed);
            let x: Vec<f32> = (0..rows * inputs).map(|_| (random.normal() + shift) * 2f32.powi(size)).collect();
            check::<BLOCK_U7, true>(&x, rows, inputs);
            check::<BLOCK_I8, false>(&x, rows, inputs);
        }
    }

    #[test]
    fn extremes() {
        let mut x = vec![1.0f32; 5 * 70];
        x[3] = f32::NAN;
        x[70 + 69] = f32::NEG_INFINITY;
        x[140..210].fill(0.0);
        x[210..280].fill(f32::from_bits(1));
        x[280..].fill(-1e38);
        // Both ends at half a step: 63.5 and 63.5 round to 128.
        (x[282], x[283]) = (-1e38, 1e38);
        check::<BLOCK_U7, true>(&x, 5, 70);
        check::<BLOCK_I8, false>(&x, 5, 70);
    }
}
