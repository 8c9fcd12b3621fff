//! Attention of all heads: `softmax(Q · Kᵀ · scale) · V` for each sequence and head.
//!
//! For each sequence and each head:
//!
//! 1. Pack the keys into panels of eight keys, and the values into panels of eight columns.
//! 2. For each tile of four queries, compute the scores `[keys, 4]`, clip them to their range, softmax over the keys with one query per
//!    lane, and the context. No more than the scores of one tile exist at a time.
//!
//! Both products use the f32 kernel of [`linear`](super::linear). At 128 tokens of a base model they are a
//! fortieth of all multiplications, so integers would gain little, and with floats the scores stay exact.

use super::Scratch;
use super::clip::clip;
use super::linear::{FloatSums, Kernel, PANEL_COLUMNS, PanelRow, TILE_ROWS, float_panels, multiply_tile_f32};
use super::scratch::ensure_len;
use super::simd::{F32x4, I32x4, Job, Simd, choose};
use super::softmax::Softmax;
use crate::encoder::spec::{AttentionSpec, UNBOUNDED};
use std::ops::Range;

/// Rows that may be some columns of a wider matrix, such as the queries in `[tokens, 3 · hidden]`.
#[derive(Debug, Clone, Copy)]
pub struct StridedRows<'a> {
    data: &'a [f32],
    stride: usize,
    from: usize,
}

impl<'a> StridedRows<'a> {
    /// Takes a whole matrix whose rows are `width` wide.
    pub fn new(data: &'a [f32], width: usize) -> Self {
        Self::part(data, width, 0)
    }

    /// Takes the columns from `from` on of a matrix whose rows are `stride` wide.
    pub fn part(data: &'a [f32], stride: usize, from: usize) -> Self {
        Self { data, stride, from }
    }

    /// Returns true if there are `rows` rows of `width` columns.
    fn has(&self, rows: usize, width: usize) -> bool {
        self.from + width <= self.stride && rows * self.stride <= self.data.len()
    }

    /// Returns some columns of one row.
    #[inline(always)]
    fn row(&self, row: usize, columns: &Range<usize>) -> &'a [f32] {
        &self.data[row * self.stride + self.from..][columns.clone()]
    }
}

/// Queries, keys and values, `[tokens, hidden]` each. With
/// [`first_row_only`](AttentionSpec::first_row_only), `q` has one row per sequence.
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
    /// Takes all three side by side in one matrix, `[tokens, 3 · hidden]`.
    pub fn fused(data: &'a [f32], hidden: usize) -> Self {
        let part = |i| StridedRows::part(data, 3 * hidden, i * hidden);
        Self { q: part(0), k: part(1), v: part(2) }
    }
}

/// Computes `out`, which has one row of `hidden` values per row of `q`. A relaxed `kernel` fuses products and
/// sums. The row of an empty sequence is 0.
///
/// ```
/// use corom::encoder::cpu::kernels::Scratch;
/// use corom::encoder::cpu::kernels::attention::{Qkv, StridedRows, attention};
/// use corom::encoder::cpu::kernels::linear::Kernel;
/// use corom::encoder::spec::AttentionSpec;
///
/// // Two tokens with equal scores: the context is the mean of the values.
/// let [q, k, v] = [[0.0, 0.0], [1.0, 2.0], [1.0, 3.0]];
/// let [q, k, v] = [&q, &k, &v].map(|rows| StridedRows::new(rows, 1));
/// let mut out = [0.0; 2];
/// let spec = AttentionSpec::new(1, 1);
/// attention(&spec, Qkv { q, k, v }, &[0, 2], Kernel::Exact, &mut out, &mut Scratch::new());
/// assert_eq!(out, [2.0, 2.0]);
/// ```
///
/// # Panics
/// If a matrix is smaller than its shape, or `out` has another size.
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
    assert!(qkv.q.has(queries, hidden), "q has one row per query");
    assert!(qkv.k.has(tokens, hidden) && qkv.v.has(tokens, hidden), "k and v are [tokens, hidden]");
    assert_eq!(out.len(), queries * hidden, "out has one row per query");
    choose(Attend { spec, qkv, cu_seqlens, relaxed: kernel.is_relaxed(), out, scratch });
}

/// See [`attention`].
struct Attend<'a> {
    spec: &'a AttentionSpec,
    qkv: Qkv<'a>,
    cu_seqlens: &'a [usize],
    relaxed: bool,
    out: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl Job for Attend<'_> {
    type Output = ();

    fn run<S: Simd>(self, simd: S) {
        let Self { spec, qkv, cu_seqlens, relaxed, out, scratch } = self;
        let hidden = spec.hidden();
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
                    let tile = QueryTile { spec, relaxed, keys: keys.len(), queries, columns: &columns };
                    tile.attend(simd, qkv.q, out, scratch);
                }
            }
        }
    }
}

/// Packs keys: for each panel of eight keys, for each column, the values of the keys. Missing keys are 0.
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

/// Packs values: for each panel of eight columns, for each key, its values. Missing columns are 0.
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

/// Up to four queries of one head. Missing queries are 0: that is cheaper than kernels for shorter tiles,
/// because each sequence has at most one such tile.
struct QueryTile<'a> {
    spec: &'a AttentionSpec,
    relaxed: bool,
    /// The number of keys.
    keys: usize,
    queries: Range<usize>,
    /// The columns of the head.
    columns: &'a Range<usize>,
}

impl QueryTile<'_> {
    /// Computes the context of the queries from the packed keys and values.
    fn attend<S: Simd>(&self, simd: S, q: StridedRows<'_>, out: &mut [f32], scratch: &mut Scratch) {
        let Self { spec, relaxed, keys, columns, .. } = *self;
        let (width, hidden) = (spec.head_size, spec.hidden());
        let tile_queries = ensure_len(&mut scratch.float_activations, width * TILE_ROWS);
        tile_queries.fill(0.0);
        for (r, query) in self.queries.clone().enumerate() {
            for (out, value) in tile_queries[r..].iter_mut().step_by(TILE_ROWS).zip(q.row(query, columns)) {
                *out = value * spec.scale;
            }
        }

        let panels = keys.div_ceil(PANEL_COLUMNS);
        let scores = ensure_len(&mut scratch.scores, panels * PANEL_COLUMNS * TILE_ROWS);
        let (score_rows, _) = scores.as_chunks_mut::<TILE_ROWS>();
        for_each_pass(simd, &scratch.keys[..panels * width], panels, tile_queries, relaxed, |panel, sums| {
            let scores = &mut score_rows[panel * PANEL_COLUMNS..][..PANEL_COLUMNS];
            for v in 0..2 {
                let four = |r: usize| F32x4::load(&sums[r].as_chunks().0[v]).to_bits();
                let by_key = I32x4::transpose([four(0), four(1), four(2), four(3)]);
                for (key, score) in by_key.into_iter().zip(&mut scores[4 * v..]) {
                    key.to_float().store(score);
                }
            }
        });
        let scores = &mut score_rows[..keys];
        if spec.score_range != UNBOUNDED {
            clip(scores.as_flattened_mut(), spec.score_range);
        }
        let factors = simd.vectorize(Softmax(scores));

        let (scores, panels) = (scores.as_flattened(), width.div_ceil(PANEL_COLUMNS));
        for_each_pass(simd, &scratch.values[..panels * keys], panels, scores, relaxed, |panel, sums| {
            for ((query, sums), factor) in self.queries.clone().zip(sums).zip(factors) {
                let to = &mut out[query * hidden..][..hidden][columns.clone()][panel * PANEL_COLUMNS..];
                for (sum, to) in sums.as_chunks::<4>().0.iter().zip(to.chunks_mut(4)) {
                    F32x4::load(sum).mul(F32x4::splat(factor)).store_part(to);
                }
            }
        });
    }
}

/// Multiplies a tile of four rows of `acts` with `count` panels of the same length. Calls `store` with the
/// number of each panel and its eight sums of each row.
#[inline(always)]
fn for_each_pass<S: Simd>(
    simd: S,
    panels: &[PanelRow],
    count: usize,
    acts: &[f32],
    relaxed: bool,
    mut store: impl FnMut(usize, [&[f32; PANEL_COLUMNS]; TILE_ROWS]),
) {
    let len = panels.len() / count.max(1);
    for first in (0..count).step_by(float_panels::<S>()) {
        // After the last panel, it repeats.
        let weights = [0, 1].map(|p| &panels[(first + p).min(count - 1) * len..][..len]);
        let mut sums: FloatSums = [[[0.0; PANEL_COLUMNS]; 2]; TILE_ROWS];
        multiply_tile_f32(simd, weights, acts, TILE_ROWS, relaxed, &mut sums);
        for (p, panel) in (first..count).take(float_panels::<S>()).enumerate() {
            store(panel, sums.each_ref().map(|row| &row[p]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::simd::InstructionSet;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::reference::attention::reference_attention;
    use proptest::prelude::*;

    fn prefix_sums(lengths: &[usize]) -> Vec<usize> {
        let mut sums = vec![0];
        lengths.iter().for_each(|l| sums.push(sums.last().unwrap() + l));
        sums
    }

    fn check(
        heads: usize,
        head_size: usize,
        lengths: &[usize],
        first_row_only: bool,
        score_range: [f32; 2],
        seed: u64,
    ) {
        let mut random = Random(seed);
        let cu_seqlens = prefix_sums(lengths);
        let tokens = *cu_seqlens.last().unwrap();
        let spec =
            AttentionSpec { first_row_only, score_range, ..AttentionSpec::new(heads * head_size, heads) };
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
            // The reference has no row for an empty sequence.
            let mut rows = expected.chunks_exact(hidden);
            let zeros = vec![0.0; hidden];
            expected = lengths
                .iter()
                .flat_map(|l| if *l > 0 { rows.next().unwrap() } else { &zeros })
                .copied()
                .collect();
        }
        for kernel in [Kernel::Exact, Kernel::RelaxedI16] {
            let mut scratch = Scratch::new();
            let mut run = |set: InstructionSet| {
                let mut out = vec![f32::NAN; expected.len()];
                set.with(|| attention(&spec, qkv, &cu_seqlens, kernel, &mut out, &mut scratch));
                out
            };
            let out = run(InstructionSet::Base);
            // The scores reach 80, so their rounding dominates the error.
            for (got, expected) in out.iter().zip(&expected) {
                assert!((got - expected).abs() < 1e-4, "{got} {expected}");
            }
            // Numbers that an earlier call left in the scratch memory must not matter.
            for set in InstructionSet::available() {
                assert_eq!(out, run(set), "{}", set.name());
            }
        }
    }

    proptest! {
        #[test]
        fn attention_is_close_to_the_reference(
            heads in 1usize..4, head_size in 1usize..35, lengths in prop::collection::vec(0usize..40, 0..4),
            first in any::<bool>(), seed in any::<u64>(),
        ) {
            check(heads, head_size, &lengths, first, UNBOUNDED, seed);
            check(heads, head_size, &lengths, first, [-3.0, 2.0], seed);
        }
    }

    #[test]
    fn attention_is_close_to_the_reference_for_every_length_up_to_a_few_panels() {
        for length in 0..35 {
            check(2, 16, &[length], false, UNBOUNDED, 3);
        }
        check(12, 64, &[128, 7], false, UNBOUNDED, 4);
    }

    /// Hidden size 384 with 12 heads and 96 with 3 heads; and heads whose size is no multiple of a panel.
    #[test]
    fn attention_is_close_to_the_reference_for_the_shapes_of_small_models() {
        for (heads, head_size) in [(12, 32), (3, 32), (3, 20), (5, 7)] {
            for first_row_only in [false, true] {
                check(heads, head_size, &[1, 64, 70, 129], first_row_only, UNBOUNDED, 5);
            }
        }
    }

    #[test]
    fn large_scores_do_not_overflow_and_nan_stays_in_its_row() {
        let spec = AttentionSpec::new(4, 1);
        let mut data = vec![0.0; 3 * 12];
        // The scores of token 0 reach 1e6. The key with the largest score has all the weight.
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
        assert!(out[4].is_nan() && out[0] == 2.0, "a NaN query affects its own row only");
    }
}
