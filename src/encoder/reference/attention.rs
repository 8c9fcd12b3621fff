//! `Attention`: for each sequence and each head,
//! `context = softmax(Q · Kᵀ · scale) · V`, heads side by side.
//!
//! `q`, `k`, `v`: `[tokens, hidden]` each, or side by side in one `[tokens, 3 · hidden]`;
//! `context`: `[tokens, hidden]`. `hidden = heads · head_size`, `scale` is usually
//! `1 / √head_size`. A sequence sees itself only, so there is no mask. With `first_row_only`, `q`
//! has one row a sequence (its first token's, the CLS row), and so has the context.

use crate::encoder::spec::AttentionSpec;

/// The op on three `[rows, hidden]` matrices, in double precision.
pub fn reference_attention(
    spec: &AttentionSpec,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    cu_seqlens: &[usize],
) -> Vec<f32> {
    let hidden = spec.hidden();
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
                let scores: Vec<f64> = keys.clone().map(|key| score(key) * f64::from(spec.scale)).collect();
                let most = scores.iter().fold(f64::NEG_INFINITY, |m, s| m.max(*s));
                let weights: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
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
