//! `Embed`: `y = LayerNorm(word[id] + token_type[type] + position[p]) · gamma + beta`.
//!
//! `ids`, `types`: `[tokens]`; `word`: `[vocabulary, hidden]`, `token_type`: `[types, hidden]`,
//! `position`: `[positions, hidden]`; `y`: `[tokens, hidden]`. A token's position is its place in
//! its sequence.

use super::add_norm::reference_layer_norm;

/// Tables and norm of an `Embed`, as floats.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceEmbed<'a> {
    /// `[vocabulary, hidden]`.
    pub word: &'a [f32],
    /// `[types, hidden]`, or empty: no such table.
    pub token_type: &'a [f32],
    /// `[positions, hidden]`, or empty.
    pub position: &'a [f32],
    /// `[hidden]`.
    pub gamma: &'a [f32],
    /// `[hidden]`.
    pub beta: &'a [f32],
    /// See [`add_norm`](super::add_norm).
    pub eps: f32,
}

/// The op; all ids must be in range.
pub fn reference_embed(
    embed: &ReferenceEmbed<'_>,
    ids: &[u32],
    types: &[u32],
    cu_seqlens: &[usize],
) -> Vec<f32> {
    let hidden = embed.gamma.len();
    let at = |table: &[f32], row: usize, k: usize| table.get(row * hidden + k).map_or(0.0, |x| f64::from(*x));
    let mut y = Vec::new();
    for sequence in cu_seqlens.windows(2) {
        for (position, token) in (sequence[0]..sequence[1]).enumerate() {
            let row: Vec<f64> = (0..hidden)
                .map(|k| {
                    at(embed.word, ids[token] as usize, k)
                        + at(embed.token_type, types[token] as usize, k)
                        + at(embed.position, position, k)
                })
                .collect();
            y.extend(reference_layer_norm(&row, embed.gamma, embed.beta, embed.eps));
        }
    }
    y
}
