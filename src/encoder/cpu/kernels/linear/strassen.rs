//! Exact int8 products in seven block products instead of eight, after Strassen ("Gaussian elimination is not
//! optimal", 1969) in Winograd's form with 15 additions.
//!
//! Two tiles of activations are a 2 × 2 matrix `A`: one row of blocks per tile, one column per half of the
//! inputs. The panels of two passes are a 2 × 2 matrix `B`: one row per half of the inputs, one column per
//! pass. `C = A · B`:
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

use super::i8_product::{WidenedStep, multiply_add, widen_pair};
use super::layout::{AlignedI8x16, TILE_ROWS};
use crate::encoder::cpu::kernels::scratch::ensure_len;
use crate::encoder::cpu::kernels::simd::{Floats, I32x4, Ints, Job, MAX_PANELS, Simd, Wide16};

/// Rows that are computed together: two tiles.
pub(super) const GROUP_ROWS: usize = 2 * TILE_ROWS;

const _: () = assert!(TILE_ROWS == 4, "a tile's row is a lane of a vector here");

/// Returns how many of `rows` rows, the first ones, can be computed in seven products when a row has `pairs`
/// pairs of inputs. 0 if the pairs cannot be halved.
pub(super) fn strassen_rows(rows: usize, pairs: usize) -> usize {
    let halves = pairs > 0 && pairs.is_multiple_of(2);
    if halves { rows / GROUP_ROWS * GROUP_ROWS } else { 0 }
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

/// Adds up the seven products of each two tiles with the panels of two passes.
struct MultiplyFactors<'a> {
    weights: [[&'a [AlignedI8x16]; MAX_PANELS]; 2],
    /// The numbers that [`pack_factors`] stores.
    factors: &'a [[i32; TILE_ROWS]],
    /// For each two tiles, for each product, for each row, for each panel, eight sums.
    products: &'a mut [[i32; 8]],
}

impl Job for MultiplyFactors<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { weights, factors, products } = self;
        let mut wide = [const { WidenedStep::<HALF_STEP_PAIRS>::ZERO }; 7];
        let (pairs, mut acts) = (weights[0][0].len(), 0);
        for first in (0..pairs).step_by(2 * HALF_STEP_PAIRS) {
            let count = HALF_STEP_PAIRS.min((pairs - first) / 2);
            for p in 0..S::PANELS {
                let [left, right] = weights.map(|panels| panels[p][first..][..2 * count].split_at(count));
                widen_factors::<S>([left.0, right.0, left.1, right.1], p, &mut wide);
            }
            // Without this the compiler adds up the weights again for each tile.
            let wide = std::hint::black_box(&wide);
            for products in products.chunks_exact_mut(7 * TILE_ROWS * S::PANELS) {
                for (wide, sums) in wide.iter().zip(products.chunks_exact_mut(TILE_ROWS * S::PANELS)) {
                    let wide = &wide.pairs()[..count * S::PANELS];
                    multiply_add(simd, wide, &factors[acts..][..count], sums);
                    acts += count;
                }
            }
        }
    }
}

/// Computes the second factors of a panel of each pass, B11, B21, B22, T4, T1, T2 and T3 in the order of the
/// products, widened.
#[inline(always)]
fn widen_factors<S: Simd>(
    weights: [&[AlignedI8x16]; 4],
    panel: usize,
    wide: &mut [WidenedStep<HALF_STEP_PAIRS>; 7],
) {
    let [b11s, b12s, b21s, b22s] = weights;
    for (i, b11) in b11s.iter().enumerate() {
        let (b11, b12) = (widen_pair::<S>(b11), widen_pair::<S>(&b12s[i]));
        let (b21, b22) = (widen_pair::<S>(&b21s[i]), widen_pair::<S>(&b22s[i]));
        let t1 = b12.sub(b11);
        let t2 = b22.sub(t1);
        let t3 = b22.sub(b12);
        let t4 = t2.sub(b21);
        for (wide, b) in wide.iter_mut().zip([b11, b21, b22, t4, t1, t2, t3]) {
            b.store(&mut wide.pairs_mut()[i * S::PANELS + panel]);
        }
    }
}

/// Computes the sums of all rows, a multiple of [`GROUP_ROWS`], for the panels of two passes: for each row,
/// for each panel, eight sums.
pub(super) fn multiply_passes<S: Simd>(
    simd: S,
    weights: [[&[AlignedI8x16]; MAX_PANELS]; 2],
    factors: &[i32],
    products: &mut Vec<[i32; 8]>,
    out: [&mut [[i32; 8]]; 2],
) {
    let groups = out[0].len() / (GROUP_ROWS * S::PANELS);
    let products = ensure_len(products, groups * 7 * TILE_ROWS * S::PANELS);
    products.fill([0; 8]);
    let factors = factors.as_chunks().0;
    simd.vectorize(MultiplyFactors { weights, factors, products: &mut *products });
    simd.vectorize(Combine { products, out });
}

/// Adds up the results from the products.
struct Combine<'a> {
    products: &'a [[i32; 8]],
    out: [&'a mut [[i32; 8]]; 2],
}

impl Job for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        // Sums per tile.
        let tile = TILE_ROWS * S::PANELS * 8;
        let [left, right] = self.out.map(|sums| sums.as_flattened_mut().chunks_exact_mut(2 * tile));
        let products = self.products.as_flattened().chunks_exact(7 * tile);
        for ((products, left), right) in products.zip(left).zip(right) {
            let [(c11, c21), (c12, c22)] = [left, right].map(|sums| sums.split_at_mut(tile));
            for at in (0..tile).step_by(S::F32::LANES) {
                let mut p = [S::I32::splat(0); 7];
                for (i, p) in p.iter_mut().enumerate() {
                    *p = S::I32::load(&products[i * tile + at..]);
                }
                let [p1, p2, p3, p4, p5, p6, p7] = p;
                let u2 = p1.add(p6);
                let u3 = u2.add(p7);
                p1.add(p2).store(&mut c11[at..]);
                u2.add(p5).add(p3).store(&mut c12[at..]);
                u3.sub(p4).store(&mut c21[at..]);
                u3.add(p5).store(&mut c22[at..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::simd::{InstructionSet, choose};
    use crate::encoder::spec::activation_max;

    /// Returns the sums of both passes for one group of rows.
    struct MultiplyPasses<'a> {
        weights: [[&'a [AlignedI8x16]; MAX_PANELS]; 2],
        factors: &'a [i32],
        products: &'a mut Vec<[i32; 8]>,
    }

    impl Job for MultiplyPasses<'_> {
        type Output = [Vec<[i32; 8]>; 2];

        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut both = [0, 1].map(|_| vec![[0; 8]; GROUP_ROWS * S::PANELS]);
            let out = both.each_mut().map(|sums| &mut sums[..]);
            multiply_passes(simd, self.weights, self.factors, self.products, out);
            both
        }
    }

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
            pack_factors(&packed, PAIRS, &mut factors);
            for set in InstructionSet::available() {
                let weights = panels.each_ref().map(|panel| [&panel[..]; MAX_PANELS]);
                let job = MultiplyPasses { weights, factors: &factors, products: &mut products };
                let both = set.with(|| choose(job));
                for (panel, got) in both.iter().enumerate() {
                    let per_row = got.len() / GROUP_ROWS;
                    assert!(per_row > 0);
                    for (row, got) in got.chunks_exact(per_row).enumerate() {
                        let exact = (0..PAIRS)
                            .map(|k| 2 * i64::from(act(row / TILE_ROWS, k)) * i64::from(weight(k, panel)));
                        let expected: i64 = exact.sum();
                        assert!(got.as_flattened().iter().all(|sum| i64::from(*sum) == expected), "{a} {b}");
                    }
                }
            }
        }
    }
}
