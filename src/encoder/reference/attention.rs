//! `Attention`: `context = softmax(Q · Kᵀ · scale) · V` for each sequence and each head.
//!
//! `q`, `k`, `v` and `context` are `[tokens, hidden]`, with the heads side by side: `hidden = heads ·
//! head_size`. `scale` is usually `1 / √head_size`. A sequence attends only to itself, so there is no mask.
//! With [`first_row_only`](AttentionSpec::first_row_only), `q` and `context` have one row per sequence: that
//! of its first token, the CLS row. Scores are clipped to [`score_range`](AttentionSpec::score_range).

use crate::encoder::spec::AttentionSpec;

/// Returns the context, computed in `f64`. It has no row for an empty sequence.
///
/// ```
/// use corom::encoder::reference::attention::reference_attention;
/// use corom::encoder::spec::AttentionSpec;
///
/// // Two tokens with equal scores: the context is the mean of the values.
/// let (q, k, v) = ([0.0, 0.0], [1.0, 2.0], [1.0, 3.0]);
/// assert_eq!(reference_attention(&AttentionSpec::new(1, 1), &q, &k, &v, &[0, 2]), [2.0, 2.0]);
/// ```
pub fn reference_attention(
    spec: &AttentionSpec,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    cu_seqlens: &[usize],
) -> Vec<f32> {
    let hidden = spec.hidden();
    let [low, high] = spec.score_range;
    let at = |m: &[f32], row: usize, i: usize| f64::from(m[row * hidden + i]);
    let mut context = Vec::new();
    for (s, sequence) in cu_seqlens.windows(2).enumerate() {
        let keys = sequence[0]..sequence[1];
        let queries = if spec.first_row_only { s..s + 1 } else { keys.clone() };
        for query in queries.take(if keys.is_empty() { 0 } else { usize::MAX }) {
            let start = context.len();
            context.resize(start + hidden, 0.0);
            for head in 0..spec.heads {
                let columns = head * spec.head_size..(head + 1) * spec.head_size;
                let score = |key| columns.clone().map(|i| at(q, query, i) * at(k, key, i)).sum::<f64>();
                let clipped = |score: f64| score.clamp(f64::from(low), f64::from(high));
                let scores: Vec<f64> =
                    keys.clone().map(|key| clipped(score(key) * f64::from(spec.scale))).collect();
                let max = scores.iter().fold(f64::NEG_INFINITY, |m, s| m.max(*s));
                let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
                let sum: f64 = weights.iter().sum();
                for i in columns.clone() {
                    let value: f64 =
                        weights.iter().zip(keys.clone()).map(|(w, key)| w / sum * at(v, key, i)).sum();
                    context[start + i] = value as f32;
                }
            }
        }
    }
    context
}
