//! `Attention` for all heads, one sequence and one head at a time.
//!
//! Keys are packed into panels of eight, values into panels of eight columns, once a head; then
//! four queries at a time: their scores (`[keys, 4]`, never more than that is held), softmax over
//! the keys with a query a lane, and the context. Both products run `Linear`'s f32 kernel: at 128
//! tokens of a base model they are a fortieth of the multiplications, so integers would gain
//! little, and floats keep the scores exact.

use super::Scratch;
use super::linear::{Kernel, PANEL_COLUMNS, PanelRow, TILE_ROWS, multiply_tile_f32};
use super::math::Math;
use super::scratch::ensure_len;
use super::simd::{F32x4, I32x4};
use crate::encoder::spec::AttentionSpec;
use std::ops::Range;

/// A matrix of rows that may be part of a wider one: q, k and v of a fused `[tokens, 3·hidden]`.
#[derive(Debug, Clone, Copy)]
pub struct StridedRows<'a> {
    data: &'a [f32],
    stride: usize,
    from: usize,
}

impl<'a> StridedRows<'a> {
    /// All of a matrix whose rows are `width` wide.
    pub fn new(data: &'a [f32], width: usize) -> Self {
        Self::part(data, width, 0)
    }

    /// What begins at column `from` of a matrix whose rows are `stride` wide.
    pub fn part(data: &'a [f32], stride: usize, from: usize) -> Self {
        Self { data, stride, from }
    }

    /// Whether it has `rows` rows with `width` columns.
    fn has(&self, rows: usize, width: usize) -> bool {
        self.from + width <= self.stride && rows * self.stride <= self.data.len()
    }

    #[inline(always)]
    fn row(&self, row: usize, columns: &Range<usize>) -> &'a [f32] {
        &self.data[row * self.stride + self.from..][columns.clone()]
    }
}

/// Queries, keys and values: `[tokens, hidden]` each; `q` has one row a sequence instead where
/// only the first row tile_queries.
#[derive(Debug, Clone, Copy)]
pub struct Qkv<'a> {
    /// Queries.
    pub q: StridedRows<'a>,
    /// Keys.
    pub k: StridedRows<'a>,
    /// Values.
    pub v: StridedRows<'a>,
}

impl<'a> Qkv<'a> {
    /// All three side by side in one `[tokens, 3·hidden]`.
    pub fn fused(data: &'a [f32], hidden: usize) -> Self {
        let part = |i| StridedRows::part(data, 3 * hidden, i * hidden);
        Self { q: part(0), k: part(1), v: part(2) }
    }
}

/// The op: `out` is `[tokens, hidden]`, or `[sequences, hidden]` where only the first row tile_queries. A
/// relaxed `kernel` fuses multiplications and additions. A row of an empty sequence is zero.
///
/// # Panics
/// If a matrix is smaller than its shape.
pub fn attention(
    spec: &AttentionSpec,
    qkv: Qkv<'_>,
    cu_seqlens: &[usize],
    kernel: Kernel,
    out: &mut [f32],
    scratch: &mut Scratch,
) {
    let hidden = spec.hidden();
    let tokens = cu_seqlens.last().copied().unwrap_or(0);
    let sequences = cu_seqlens.len().saturating_sub(1);
    let queries = if spec.first_row_only { sequences } else { tokens };
    assert!(qkv.q.has(queries, hidden), "q has a row a query");
    assert!(qkv.k.has(tokens, hidden) && qkv.v.has(tokens, hidden), "k and v are [tokens, hidden]");
    assert_eq!(out.len(), queries * hidden, "out has a row a query");
    for (s, sequence) in cu_seqlens.windows(2).enumerate() {
        let keys = sequence[0]..sequence[1];
        let queries = if spec.first_row_only { s..s + 1 } else { keys.clone() };
        if keys.is_empty() {
            out[queries.start * hidden..queries.end * hidden].fill(0.0);
            continue;
        }
        for head in 0..spec.heads {
            let columns = head * spec.head_size..(head + 1) * spec.head_size;
            pack_keys(qkv.k, &keys, &columns, &mut scratch.keys);
            pack_values(qkv.v, &keys, &columns, &mut scratch.values);
            for first in queries.clone().step_by(TILE_ROWS) {
                let queries = first..queries.end.min(first + TILE_ROWS);
                attend_tile(spec, qkv.q, keys.len(), queries, &columns, kernel, out, scratch);
            }
        }
    }
}

/// Keys: for each panel of eight keys, for each column, the keys' values; 0 past the last key.
fn pack_keys(k: StridedRows<'_>, keys: &Range<usize>, columns: &Range<usize>, packed: &mut Vec<PanelRow>) {
    let width = columns.len();
    let packed = ensure_len(packed, keys.len().div_ceil(PANEL_COLUMNS) * width);
    for (p, panel) in packed.chunks_exact_mut(width.max(1)).enumerate() {
        for lane in 0..PANEL_COLUMNS {
            let key = keys.start + p * PANEL_COLUMNS + lane;
            if key < keys.end {
                for (eight, value) in panel.iter_mut().zip(k.row(key, columns)) {
                    eight.0[lane] = *value;
                }
            } else {
                panel.iter_mut().for_each(|eight| eight.0[lane] = 0.0);
            }
        }
    }
}

/// Values: for each panel of eight columns, for each key, its values; 0 past the last column.
fn pack_values(v: StridedRows<'_>, keys: &Range<usize>, columns: &Range<usize>, packed: &mut Vec<PanelRow>) {
    let packed = ensure_len(packed, columns.len().div_ceil(PANEL_COLUMNS) * keys.len());
    for (i, key) in keys.clone().enumerate() {
        let (octets, rest) = v.row(key, columns).as_chunks::<PANEL_COLUMNS>();
        for (p, octet) in octets.iter().enumerate() {
            packed[p * keys.len() + i] = PanelRow(*octet);
        }
        if !rest.is_empty() {
            let eight = &mut packed[octets.len() * keys.len() + i];
            *eight = PanelRow::ZERO;
            eight.0[..rest.len()].copy_from_slice(rest);
        }
    }
}

/// Up to four queries of one head against its packed keys and values. Queries that are missing
/// from the four are zero: cheaper than kernels of their own for at most three a sequence.
#[allow(clippy::too_many_arguments, reason = "all of them the loop's variables, one level up")]
fn attend_tile(
    spec: &AttentionSpec,
    q: StridedRows<'_>,
    keys: usize,
    queries: Range<usize>,
    columns: &Range<usize>,
    kernel: Kernel,
    out: &mut [f32],
    scratch: &mut Scratch,
) {
    let width = spec.head_size;
    let tile_queries = ensure_len(&mut scratch.float_activations, width * TILE_ROWS);
    tile_queries.fill(0.0);
    for (r, query) in queries.clone().enumerate() {
        for (out, value) in tile_queries[r..].iter_mut().step_by(TILE_ROWS).zip(q.row(query, columns)) {
            *out = value * spec.scale;
        }
    }

    let panels = keys.div_ceil(PANEL_COLUMNS);
    let scores = ensure_len(&mut scratch.scores, panels * PANEL_COLUMNS * TILE_ROWS);
    let (score_rows, _) = scores.as_chunks_mut::<TILE_ROWS>();
    for (panel, scores) in scratch.keys[..panels * width]
        .chunks_exact(width.max(1))
        .zip(score_rows.as_chunks_mut::<PANEL_COLUMNS>().0)
    {
        let mut sums = [[[0.0; 4]; 2]; TILE_ROWS];
        multiply_tile_f32(panel, tile_queries, TILE_ROWS, kernel.is_relaxed(), &mut sums);
        for v in 0..2 {
            let by_key = I32x4::transpose([0, 1, 2, 3].map(|r| F32x4::load(&sums[r][v]).to_bits()));
            for (key, score) in by_key.into_iter().zip(&mut scores[4 * v..]) {
                key.to_float().store(score);
            }
        }
    }
    let scores = &mut score_rows[..keys];
    let parts = softmax(scores);

    let scores = scores.as_flattened();
    for (p, panel) in scratch.values[..width.div_ceil(PANEL_COLUMNS) * keys].chunks_exact(keys).enumerate() {
        let mut sums = [[[0.0; 4]; 2]; TILE_ROWS];
        multiply_tile_f32(panel, scores, TILE_ROWS, kernel.is_relaxed(), &mut sums);
        for (r, query) in queries.clone().enumerate() {
            let part = F32x4::splat(parts[r]);
            let to = &mut out[query * spec.hidden()..][columns.clone()][p * PANEL_COLUMNS..];
            for (sum, to) in sums[r].iter().zip(to.chunks_mut(4)) {
                F32x4::load(sum).mul(part).store_part(to);
            }
        }
    }
}

/// Softmax over the rows, each lane by itself, all but the division: returns what each lane is
/// still to be multiplied with. A lane with a NaN becomes NaN.
fn softmax(scores: &mut [[f32; TILE_ROWS]]) -> [f32; TILE_ROWS] {
    let most = scores.iter().map(F32x4::load).fold(F32x4::splat(f32::NEG_INFINITY), F32x4::max);
    let (math, mut sum) = (Math::new(), F32x4::zero());
    for score in scores {
        let weight = math.exp_negative(F32x4::load(score).sub(most));
        sum = sum.add(weight);
        weight.store(score);
    }
    F32x4::splat(1.0).div(sum).to_array()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::reference::attention::reference_attention;
    use proptest::prelude::*;

    fn prefix_sums(lengths: &[usize]) -> Vec<usize> {
        let mut sums = vec![0];
        lengths.iter().for_each(|l| sums.push(sums.last().unwrap() + l));
        sums
    }

    fn check(heads: usize, head_size: usize, lengths: &[usize], first_row_only: bool, seed: u64) {
        let mut random = Random(seed);
        let cu_seqlens = prefix_sums(lengths);
        let tokens = *cu_seqlens.last().unwrap();
        let spec = AttentionSpec { first_row_only, ..AttentionSpec::new(heads * head_size, heads) };
        let hidden = spec.hidden();
        let fused: Vec<f32> = random.normals(tokens * 3 * hidden).iter().map(|x| x * 3.0).collect();
        let split = |i: usize| -> Vec<f32> {
            fused
                .chunks_exact(3 * hidden.max(1))
                .flat_map(|row| &row[i * hidden..(i + 1) * hidden])
                .copied()
                .collect()
        };
        let (mut q, k, v) = (split(0), split(1), split(2));
        let mut qkv = Qkv::fused(&fused, hidden);
        if first_row_only {
            q = random.normals(lengths.len() * hidden);
            qkv.q = StridedRows::new(&q, hidden);
        }
        let mut expected = reference_attention(&spec, &q, &k, &v, &cu_seqlens);
        if first_row_only {
            // The reference leaves an empty sequence out.
            let mut rows = expected.chunks_exact(hidden);
            let zeros = vec![0.0; hidden];
            expected = lengths
                .iter()
                .flat_map(|l| if *l > 0 { rows.next().unwrap() } else { &zeros })
                .copied()
                .collect();
        }
        for kernel in [Kernel::Exact, Kernel::RelaxedI16] {
            let mut out = vec![f32::NAN; expected.len()];
            let mut scratch = Scratch::new();
            attention(&spec, qkv, &cu_seqlens, kernel, &mut out, &mut scratch);
            // Scores are up to 80 here: their rounding is what shows.
            for (got, expected) in out.iter().zip(&expected) {
                assert!((got - expected).abs() < 1e-4, "{got} {expected}");
            }
            // Dirty scratch memory changes nothing.
            let mut again = vec![f32::NAN; expected.len()];
            attention(&spec, qkv, &cu_seqlens, kernel, &mut again, &mut scratch);
            assert_eq!(out, again);
        }
    }

    proptest! {
        #[test]
        fn is_the_reference_s(
            heads in 1usize..4, head_size in 1usize..35, lengths in prop::collection::vec(0usize..40, 0..4),
            first in any::<bool>(), seed in any::<u64>(),
        ) {
            check(heads, head_size, &lengths, first, seed);
        }
    }

    #[test]
    fn every_length_up_to_a_few_panels() {
        for length in 0..35 {
            check(2, 16, &[length], false, 3);
        }
        check(12, 64, &[128, 7], false, 4);
    }

    #[test]
    fn large_scores_and_bad_numbers() {
        let spec = AttentionSpec::new(4, 1);
        let mut data = vec![0.0; 3 * 12];
        // Token 0's scores are 1e6 and more: the largest takes all, nothing overflows.
        data[..4].fill(1e3);
        for token in 0..3 {
            data[token * 12 + 4..token * 12 + 8].fill(token as f32 * 1e3);
            data[token * 12 + 8..token * 12 + 12].fill(token as f32);
        }
        let run = |data: &[f32]| {
            let mut out = vec![0.0; 12];
            attention(&spec, Qkv::fused(data, 4), &[0, 3], Kernel::Exact, &mut out, &mut Scratch::new());
            out
        };
        let out = run(&data);
        assert_eq!(out[..4], [2.0; 4]);
        assert!((out[4] - 1.0).abs() < 1e-6, "equal scores");
        data[12] = f32::NAN;
        let out = run(&data);
        assert!(out[4].is_nan() && out[0] == 2.0, "a NaN query harms its own row");
    }
}
