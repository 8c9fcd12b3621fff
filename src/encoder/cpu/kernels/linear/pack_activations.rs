//! Packs activations for the exact int8 and 4-bit kernels and for the f32 kernels: tiles of four rows,
//! interleaved so that a kernel reads one stream.
//!
//! | function | element | order within a tile | for each row |
//! |---|---|---|---|
//! | [`quantize_pairs`] | two inputs, `i16` each | pair, row | scale, sum if asked for |
//! | [`quantize_quads`] | four inputs as the pairs (0, 2) and (1, 3) | quad, pair, row | scale, sum of each block |
//! | [`pack_floats`] | one input, `f32` | input, row | |
//!
//! A row is quantized symmetrically: with `m` its largest magnitude, `s = m / max` and `q = round(x · (max /
//! m))`. A row with a NaN or an infinity gets the scale NaN and integers of 0, so that its outputs are NaN.

use super::activation_rows::ActivationRows;
use super::layout::TILE_ROWS;
use super::tiles::tiles;
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{F32x4, Floats, I16x8, I32x4, Ints, Job, Simd};
use crate::encoder::spec::MIN_ROW_MAGNITUDE;

/// Returns the inverse scale and the scale of a row whose largest magnitude has the bits `max_abs_bits`. See
/// [`reference_quantize_row`](crate::encoder::reference::linear::reference_quantize_row).
fn scale_of_row(max_abs_bits: i32, max: i32) -> (f32, f32) {
    let max_abs = f32::from_bits(max_abs_bits as u32);
    if !max_abs.is_finite() {
        (0.0, f32::NAN)
    } else if max_abs < MIN_ROW_MAGNITUDE {
        (0.0, 0.0)
    } else {
        (max as f32 / max_abs, max_abs / max as f32)
    }
}

/// Returns the bits of the largest magnitude. Magnitudes compare as integers like they do as floats, with
/// infinity and then NaN above all others, so a NaN is never lost.
#[inline(always)]
fn max_abs_bits<S: Simd>(row: &[f32]) -> i32 {
    let lanes = S::F32::LANES;
    let mut max_abs = [S::I32::splat(0); 2];
    let blocks = row.chunks_exact(2 * lanes);
    let rest = blocks.remainder();
    for block in blocks {
        for v in 0..2 {
            max_abs[v] = max::<S>(max_abs[v], S::F32::load(&block[v * lanes..]).abs().to_bits());
        }
    }
    let mut all = [0; 8];
    max::<S>(max_abs[0], max_abs[1]).store(&mut all);
    let rest = rest.iter().map(|x| x.abs().to_bits() as i32);
    all.into_iter().chain(rest).max().unwrap_or(0)
}

/// Returns the larger lanes.
#[inline(always)]
fn max<S: Simd>(a: S::I32, b: S::I32) -> S::I32 {
    b.gt(a).select(b.to_float(), a.to_float()).to_bits()
}

/// Splits eight values into two vectors.
fn halves(octet: &[f32; 8]) -> (&[f32; 4], &[f32; 4]) {
    let (quads, _) = octet.as_chunks::<4>();
    (&quads[0], &quads[1])
}

/// Quantizes eight values to pairs of `i16`: pairs of neighbors, or with `QUADS` the pairs (0, 2) and (1, 3)
/// of each four. `inverse_scale` is 0 where the row is not finite; the mask `live` keeps 0 · ∞ from becoming
/// a NaN there.
#[inline(always)]
fn quantize_octet<const QUADS: bool>(octet: &[f32; 8], inverse_scale: F32x4, live: I32x4) -> I32x4 {
    let (low, high) = halves(octet);
    let round = |v: &[f32; 4]| live.select(F32x4::load(v).mul(inverse_scale), F32x4::zero()).round();
    let q = I16x8::narrow(round(low), round(high));
    if QUADS { q.swap_middle().to_i32() } else { q.to_i32() }
}

/// Quantizes `rows` to `−max..=max` into `scratch.activations`: for each tile, for each pair
/// of inputs, the pair of each row. An odd last input is paired with 0. Stores the scale of each row in
/// `scratch.activation_scales` and, if `sums` is true, the sum of its integers in `scratch.row_sums`. `max`
/// is at most 32767.
pub(super) fn quantize_pairs<S: Simd>(
    simd: S,
    rows: ActivationRows<'_>,
    max: i32,
    sums: bool,
    scratch: &mut Scratch,
) {
    simd.vectorize(Quantize::<false> { rows, max, scratch: &mut *scratch });
    if sums {
        let (pairs, ones) = (rows.inputs.div_ceil(2), I16x8::splat(1));
        let sums = ensure_len(&mut scratch.row_sums, rows.count);
        sums.fill(0);
        for (first, count) in tiles(rows.count) {
            let sums = &mut sums[first..][..count];
            for step in scratch.activations[first * pairs..][..count * pairs].chunks_exact(count) {
                for (sum, pair) in sums.iter_mut().zip(step) {
                    *sum += I32x4::splat(*pair).to_i16_pairs().dot(ones).to_array()[0];
                }
            }
        }
    }
}

/// Quantizes `rows` to 15 bits into `scratch.activations`: for each tile, for each quad of
/// inputs, the pair (0, 2) of each row, then the pair (1, 3) of each row. Stores the scale of each row in
/// `scratch.activation_scales` and, for each tile and each `block` of inputs, the negated sum of each row in
/// `scratch.block_sums`. A sum of 32 integers of 15 bits does not fit an `i16`, so its low 7 bits are in the
/// low half of the element and the rest in the high half.
pub(super) fn quantize_quads<S: Simd>(
    simd: S,
    rows: ActivationRows<'_>,
    block: usize,
    scratch: &mut Scratch,
) {
    simd.vectorize(Quantize::<true> { rows, max: i16::MAX.into(), scratch: &mut *scratch });
    let (quads, blocks) = (rows.inputs.div_ceil(4), rows.inputs.div_ceil(block));
    let ones = I16x8::splat(1);
    let sums = ensure_len(&mut scratch.block_sums, rows.count * blocks);
    for (first, count) in tiles(rows.count) {
        let tile = &scratch.activations[first * quads * 2..][..count * quads * 2];
        let sums = &mut sums[first * blocks..][..count * blocks];
        for (part, sums) in tile.chunks(block / 2 * count).zip(sums.chunks_exact_mut(count)) {
            for (r, sum) in sums.iter_mut().enumerate() {
                let pairs = part[r..].iter().step_by(count);
                let total: i32 = pairs.map(|p| I32x4::splat(*p).to_i16_pairs().dot(ones).to_array()[0]).sum();
                *sum = -total & 127 | (-total >> 7) << 16;
            }
        }
    }
}

/// See [`quantize_pairs`] and [`quantize_quads`].
struct Quantize<'a, const QUADS: bool> {
    rows: ActivationRows<'a>,
    max: i32,
    scratch: &'a mut Scratch,
}

impl<const QUADS: bool> Job for Quantize<'_, QUADS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        quantize::<S, QUADS>(simd, self.rows, self.max, self.scratch);
    }
}

/// Quantizes all rows, tile by tile.
#[inline(always)]
fn quantize<S: Simd, const QUADS: bool>(simd: S, rows: ActivationRows<'_>, max: i32, scratch: &mut Scratch) {
    let ActivationRows { x, count: all, inputs, .. } = rows;
    assert_eq!(x.len(), all * inputs);
    let pairs = if QUADS { inputs.div_ceil(4) * 2 } else { inputs.div_ceil(2) };
    let packed = ensure_len(&mut scratch.activations, all * pairs);
    let scales = ensure_len(&mut scratch.activation_scales, all);
    for (first, count) in tiles(all) {
        let tile = &mut packed[first * pairs..][..count * pairs];
        let x = rows.tile(first, count, &mut scratch.scaled_rows);
        let mut inverse_scales = [0.0f32; TILE_ROWS];
        for r in 0..count {
            let row = &x[r * inputs..][..inputs];
            (inverse_scales[r], scales[first + r]) = scale_of_row(max_abs_bits::<S>(row), max);
        }
        if count == TILE_ROWS {
            let rows = [0, 1, 2, 3].map(|r| &x[r * inputs..][..inputs]);
            quantize_tile::<S, QUADS>(simd, rows, inverse_scales, tile);
        } else {
            for r in 0..count {
                let row = &x[r * inputs..][..inputs];
                quantize_row::<QUADS>(row, inverse_scales[r], &mut tile[r..], count);
            }
        }
    }
}

/// Quantizes a tile of four rows, transposed in registers.
#[inline(always)]
fn quantize_tile<S: Simd, const QUADS: bool>(
    simd: S,
    rows: [&[f32]; 4],
    inverse_scales: [f32; 4],
    tile: &mut [i32],
) {
    let octets = rows[0].len() / 8;
    let parts = rows.map(|row| &row.as_chunks::<8>().0[..octets]);
    for (i, out) in tile.as_chunks_mut::<16>().0.iter_mut().enumerate().take(octets) {
        let pairs = simd.quantize_octets::<QUADS>(parts.map(|part| &part[i]), inverse_scales);
        out.copy_from_slice(pairs.as_flattened());
    }
    for r in 0..4 {
        let (rest, from) = (&rows[r][octets * 8..], octets * 16 + r);
        if !rest.is_empty() {
            quantize_row::<QUADS>(rest, inverse_scales[r], &mut tile[from..], 4);
        }
    }
}

/// Quantizes one row. Its pairs are stored `stride` elements apart.
fn quantize_row<const QUADS: bool>(row: &[f32], inverse_scale: f32, out: &mut [i32], stride: usize) {
    let (vector, live) = (F32x4::splat(inverse_scale), I32x4::splat(-i32::from(inverse_scale > 0.0)));
    for (i, part) in row.chunks(8).enumerate() {
        let mut octet = [0.0; 8];
        octet[..part.len()].copy_from_slice(part);
        let pairs = quantize_octet::<QUADS>(&octet, vector, live).to_array();
        let used = if QUADS { part.len().div_ceil(4) * 2 } else { part.len().div_ceil(2) };
        for (j, pair) in pairs.into_iter().enumerate().take(used) {
            out[(4 * i + j) * stride] = pair;
        }
    }
}

/// Packs `x`, `[rows, inputs]`, without quantizing it: for each tile, for each input, the value of each row.
pub(super) fn pack_floats(x: &[f32], rows: usize, inputs: usize, packed: &mut [f32]) {
    assert_eq!(x.len(), rows * inputs);
    for (first, count) in tiles(rows) {
        let tile = &mut packed[first * inputs..][..count * inputs];
        if count == TILE_ROWS {
            let rows = [0, 1, 2, 3].map(|r| &x[(first + r) * inputs..][..inputs]);
            let quads = rows.map(|row| row.as_chunks::<4>().0);
            let (out, _) = tile.as_chunks_mut::<16>();
            for (i, out) in out.iter_mut().enumerate().take(inputs / 4) {
                let columns = I32x4::transpose([0, 1, 2, 3].map(|r| F32x4::load(&quads[r][i]).to_bits()));
                for (column, lane) in columns.into_iter().zip(out.as_chunks_mut::<4>().0) {
                    column.to_float().store(lane);
                }
            }
            for k in inputs / 4 * 4..inputs {
                for r in 0..4 {
                    tile[k * 4 + r] = rows[r][k];
                }
            }
        } else {
            for r in 0..count {
                let row = &x[(first + r) * inputs..][..inputs];
                for (k, value) in row.iter().enumerate() {
                    tile[k * count + r] = *value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::simd::{InstructionSet, choose};
    use crate::encoder::reference::linear::reference_quantize_row;
    use proptest::prelude::*;

    /// Calls [`quantize_pairs`].
    struct Pairs<'a>(ActivationRows<'a>, i32, &'a mut Scratch);

    impl Job for Pairs<'_> {
        type Output = ();

        fn run<S: Simd>(self, simd: S) {
            quantize_pairs(simd, self.0, self.1, true, self.2);
        }
    }

    fn check(x: &[f32], rows: usize, inputs: usize, max: i32) {
        InstructionSet::available().for_each(|set| set.with(|| check_set(x, rows, inputs, max)));
    }

    fn check_set(x: &[f32], rows: usize, inputs: usize, max: i32) {
        let mut scratch = Scratch::new();
        let activations = ActivationRows { x, count: rows, inputs, factors: &[] };
        choose(Pairs(activations, max, &mut scratch));
        for (first, count) in tiles(rows) {
            for r in 0..count {
                let row = &x[(first + r) * inputs..][..inputs];
                let expected = reference_quantize_row(row, max);
                let got = scratch.activation_scales[first + r];
                assert!(
                    got == expected.scale || got.is_nan() && expected.scale.is_nan(),
                    "{got} {expected:?}"
                );
                assert_eq!(scratch.row_sums[first + r], expected.q.iter().sum::<i32>());
                let pairs = inputs.div_ceil(2);
                for k in 0..pairs * 2 {
                    let pair = scratch.activations[first * pairs + k / 2 * count + r];
                    let q = if k % 2 == 0 { pair as i16 } else { (pair >> 16) as i16 };
                    assert_eq!(i32::from(q), expected.q.get(k).copied().unwrap_or(0), "row {r} input {k}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn pairs_equal_the_reference(
            rows in 0usize..10, inputs in 1usize..70, max in 1i32..=32767, seed in any::<u64>(), size in -30i32..30,
        ) {
            let mut random = crate::encoder::cpu::kernels::testing::Random(seed);
            let x: Vec<f32> = (0..rows * inputs).map(|_| random.normal() * 2f32.powi(size)).collect();
            check(&x, rows, inputs, max);
        }

        #[test]
        fn floats_are_interleaved(rows in 0usize..10, inputs in 1usize..30) {
            let x: Vec<f32> = (0..rows * inputs).map(|i| i as f32).collect();
            let mut packed = vec![0.0; x.len()];
            pack_floats(&x, rows, inputs, &mut packed);
            for (first, count) in tiles(rows) {
                for (r, k) in (0..count).flat_map(|r| (0..inputs).map(move |k| (r, k))) {
                    prop_assert_eq!(packed[first * inputs + k * count + r], x[(first + r) * inputs + k]);
                }
            }
        }
    }

    #[test]
    fn a_row_with_nan_or_infinity_affects_no_other_row() {
        let mut x = vec![1.0f32; 6 * 11];
        x[3] = f32::NAN;
        x[11 + 10] = f32::INFINITY;
        x[22..33].fill(0.0);
        x[33..44].fill(f32::from_bits(1));
        x[44..55].fill(-f32::MAX);
        check(&x, 6, 11, 2047);
        check(&x, 6, 11, 32767);
    }
}
