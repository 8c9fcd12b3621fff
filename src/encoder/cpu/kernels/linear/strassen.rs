//! Exact int8 products in seven block products instead of eight, after Strassen ("Gaussian elimination is not
//! optimal", 1969) in Winograd's form with 15 additions.
//!
//! Two tiles of activations are a 2 × 2 matrix `A`: one row of blocks per tile, one column per half of the
//! inputs. Two panels of weights are a 2 × 2 matrix `B`: one row per half of the inputs, one column per
//! panel. `C = A · B`:
//!
//! | sums of `A` | sums of `B` | products | results |
//! |---|---|---|---|
//! | S1 = A21 + A22 | T1 = B12 − B11 | P1 = A11·B11, P2 = A12·B21 | C11 = P1 + P2 |
//! | S2 = S1 − A11 | T2 = B22 − T1 | P3 = S4·B22, P4 = A22·T4 | C12 = P1 + P6 + P5 + P3 |
//! | S3 = A11 − A21 | T3 = B22 − B12 | P5 = S1·T1, P6 = S2·T2 | C21 = P1 + P6 + P7 − P4 |
//! | S4 = A12 − S2 | T4 = T2 − B21 | P7 = S3·T3 | C22 = P1 + P6 + P7 + P5 |
//!
//! This is exact in integers. A sum of four activations fits an `i16` (see
//! [`activation_max`](crate::encoder::spec::activation_max)), a sum of four weights has 10 bits, and a
//! product that wraps in an `i32` is corrected by another one, because the results fit. So the bits are those
//! of eight products, and rows of one text may take either way.

use super::i8_product::{TileSums, WidenedPair, multiply_add, widen_pair};
use super::layout::{AlignedI8x16, TILE_ROWS};
use crate::encoder::cpu::kernels::scratch::ensure_len;
use crate::encoder::cpu::kernels::simd::I32x4;

/// Rows that are computed together: two tiles.
pub(super) const GROUP_ROWS: usize = 2 * TILE_ROWS;

/// The minimum number of rows. A base model's 128 tokens take about 10 % less time than with eight products
/// (docs/internals/kernels.md). With 16 to 44 tokens, the sums of the weights would cost more than the products
/// save: up to 5 % longer.
const MIN_ROWS: usize = 64;

const _: () = assert!(TILE_ROWS == 4, "a tile's row is a lane of a vector here");

/// Returns how many of `rows` rows, the first ones, are computed in seven products when a row has `pairs`
/// pairs of inputs. 0 if there are too few rows or if the pairs cannot be halved.
pub(super) fn strassen_rows(rows: usize, pairs: usize) -> usize {
    let halves = pairs > 0 && pairs.is_multiple_of(2);
    if rows >= MIN_ROWS && halves { rows / GROUP_ROWS * GROUP_ROWS } else { 0 }
}

/// Pairs of inputs per step of each half: the sums of the weights take 7 KiB. The two halves are interleaved,
/// step by step, so that a panel is read from its beginning to its end.
const HALF_STEP_PAIRS: usize = 32;

/// Packs the first factors, A11, A12, S4, A22, S1, S2 and S3 in the order of the products: for each step, for
/// each two tiles, for each factor, its pairs. `packed` are multiples of [`GROUP_ROWS`] rows of `pairs`
/// pairs.
pub(super) fn pack_factors(packed: &[i32], pairs: usize, factors: &mut Vec<i32>) {
    let count = packed.len() / (GROUP_ROWS * pairs);
    let mut factors = ensure_len(factors, count * 7 * TILE_ROWS * pairs / 2).as_chunks_mut::<4>().0;
    let packed = packed.as_chunks::<4>().0;
    for at in (0..pairs).step_by(2 * HALF_STEP_PAIRS) {
        let len = HALF_STEP_PAIRS.min((pairs - at) / 2);
        for two in 0..count {
            let first = two * 2 * pairs + at;
            let [a11, a12, a21, a22] =
                [0, len, pairs, pairs + len].map(|from| &packed[first + from..][..len]);
            let (step, more) = factors.split_at_mut(7 * len);
            for i in 0..len {
                let [a11, a12, a21, a22] = [a11, a12, a21, a22].map(|a| I32x4::load(&a[i]).to_i16_pairs());
                let s1 = a21.add(a22);
                let s2 = s1.sub(a11);
                let factors = [a11, a12, a12.sub(s2), a22, s1, s2, a11.sub(a21)];
                for (f, factor) in factors.into_iter().enumerate() {
                    factor.to_i32().store(&mut step[f * len + i]);
                }
            }
            factors = more;
        }
    }
}

/// Adds up the seven products of each two tiles with two panels. `factors` are what [`pack_factors`] stores.
#[inline(never)]
fn multiply_factors(
    panels: [&[AlignedI8x16]; 2],
    factors: &[[i32; TILE_ROWS]],
    products: &mut [[TileSums<TILE_ROWS>; 7]],
) {
    let mut wide = [[[[0; 4]; 2]; HALF_STEP_PAIRS]; 7];
    let mut acts = 0;
    for (left, right) in panels[0].chunks(2 * HALF_STEP_PAIRS).zip(panels[1].chunks(2 * HALF_STEP_PAIRS)) {
        let count = left.len() / 2;
        let [(b11, b21), (b12, b22)] = [left, right].map(|panel| panel.split_at(count));
        widen_factors([b11, b12, b21, b22], &mut wide);
        // Without this the compiler adds up the weights again for each tile.
        let wide = std::hint::black_box(&wide);
        for products in products.iter_mut() {
            for (wide, sums) in wide.iter().zip(products) {
                multiply_add(&wide[..count], &factors[acts..][..count], sums);
                acts += count;
            }
        }
    }
}

/// Computes the second factors, B11, B21, B22, T4, T1, T2 and T3 in the order of the products, widened.
#[inline(always)]
fn widen_factors(weights: [&[AlignedI8x16]; 4], wide: &mut [[WidenedPair; HALF_STEP_PAIRS]; 7]) {
    for i in 0..weights[0].len() {
        let [b11, b12, b21, b22] = weights.map(|b| widen_pair(&b[i]));
        for v in 0..2 {
            let t1 = b12[v].sub(b11[v]);
            let t2 = b22[v].sub(t1);
            let t3 = b22[v].sub(b12[v]);
            let t4 = t2.sub(b21[v]);
            for (wide, b) in wide.iter_mut().zip([b11[v], b21[v], b22[v], t4, t1, t2, t3]) {
                b.to_i32().store(&mut wide[i][v]);
            }
        }
    }
}

/// Computes the sums of all rows, a multiple of [`GROUP_ROWS`], for two panels.
pub(super) fn multiply_panels(
    panels: [&[AlignedI8x16]; 2],
    factors: &[i32],
    products: &mut Vec<[[i32; 4]; 2]>,
    out: [&mut [[[i32; 4]; 2]]; 2],
) {
    let products = ensure_len(products, out[0].len() / GROUP_ROWS * 7 * TILE_ROWS);
    products.fill([[0; 4]; 2]);
    let products = products.as_chunks_mut::<TILE_ROWS>().0.as_chunks_mut::<7>().0;
    multiply_factors(panels, factors.as_chunks().0, products);
    let [left, right] = out.map(|s| s.as_chunks_mut::<TILE_ROWS>().0.as_chunks_mut::<2>().0);
    for ((products, left), right) in products.iter().zip(left).zip(right) {
        for r in 0..TILE_ROWS {
            for v in 0..2 {
                let [p1, p2, p3, p4, p5, p6, p7] = products.each_ref().map(|p| I32x4::load(&p[r][v]));
                let u2 = p1.add(p6);
                let u3 = u2.add(p7);
                p1.add(p2).store(&mut left[0][r][v]);
                u2.add(p5).add(p3).store(&mut right[0][r][v]);
                u3.sub(p4).store(&mut left[1][r][v]);
                u3.add(p5).store(&mut right[1][r][v]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::spec::activation_max;

    /// Blocks of one sign each with the largest magnitudes have the largest sums, which wrap.
    #[test]
    fn strassen_is_exact_for_the_largest_operands_of_all_signs() {
        const PAIRS: usize = 256;
        let max = activation_max(2 * PAIRS, 128) as i16;
        assert_eq!(max, 8191);
        let half = |pair: usize| pair / HALF_STEP_PAIRS % 2;
        let sign = |signs: usize, first: usize, second: usize| signs >> (2 * first + second) & 1 == 1;
        for (a, b) in (0..16).flat_map(|a| (0..16).map(move |b| (a, b))) {
            let act = |tile: usize, pair: usize| if sign(a, tile, half(pair)) { max } else { -max };
            let weight = |pair: usize, panel: usize| if sign(b, half(pair), panel) { 127i8 } else { -128 };
            let twice = |x: i16| i32::from(x) << 16 | i32::from(x as u16);
            let packed: Vec<i32> = (0..2 * PAIRS * TILE_ROWS)
                .map(|i| twice(act(i / TILE_ROWS / PAIRS, i / TILE_ROWS % PAIRS)))
                .collect();
            let panels =
                [0, 1].map(|panel| (0..PAIRS).map(|k| AlignedI8x16([weight(k, panel); 16])).collect());
            let panels: &[Vec<AlignedI8x16>; 2] = &panels;
            let (mut factors, mut products) = (Vec::new(), Vec::new());
            let (mut left, mut right) = ([[[0; 4]; 2]; GROUP_ROWS], [[[0; 4]; 2]; GROUP_ROWS]);
            pack_factors(&packed, PAIRS, &mut factors);
            multiply_panels(
                panels.each_ref().map(|p| &p[..]),
                &factors,
                &mut products,
                [&mut left, &mut right],
            );
            for (panel, got) in [left, right].iter().enumerate() {
                for (row, got) in got.iter().enumerate() {
                    let exact = (0..PAIRS)
                        .map(|k| 2 * i64::from(act(row / TILE_ROWS, k)) * i64::from(weight(k, panel)));
                    let expected: i64 = exact.sum();
                    assert!(got.as_flattened().iter().all(|sum| i64::from(*sum) == expected), "{a} {b}");
                }
            }
        }
    }
}
