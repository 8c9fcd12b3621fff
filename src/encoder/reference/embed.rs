//! `Embed`: `y = LayerNorm(word[id] + token_type[type] + position[p])` for each token.
//!
//! `ids` and `types` are `[tokens]`, `word` is `[vocabulary, hidden]`, `token_type` is `[types, hidden]`,
//! `position` is `[positions, hidden]` and `y` is `[tokens, hidden]`. [`PositionRule`] gives the
//! position `p` of a token.

use super::add_norm::reference_layer_norm;
use crate::encoder::spec::PositionRule;

/// The tables and the LayerNorm of an `Embed`, as floats.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceEmbed<'a> {
    /// `[vocabulary, hidden]`.
    pub word: &'a [f32],
    /// `[types, hidden]`, or empty if there is no such table.
    pub token_type: &'a [f32],
    /// `[positions, hidden]`, or empty if there is no such table.
    pub position: &'a [f32],
    /// The row of `position` that a token reads.
    pub rule: PositionRule,
    /// `[hidden]`.
    pub gamma: &'a [f32],
    /// `[hidden]`.
    pub beta: &'a [f32],
    /// See [`add_norm`](super::add_norm).
    pub eps: f32,
}

/// Returns the embeddings, computed in `f64`.
///
/// ```
/// use corom::encoder::reference::embed::{ReferenceEmbed, reference_embed};
///
/// let embed = ReferenceEmbed {
///     word: &[0.0, 2.0, 2.0, 0.0],
///     token_type: &[],
///     position: &[],
///     rule: Default::default(),
///     gamma: &[1.0, 1.0],
///     beta: &[0.0, 0.0],
///     eps: 0.0,
/// };
/// assert_eq!(reference_embed(&embed, &[1, 0], &[0, 0], &[0, 2]), [1.0, -1.0, -1.0, 1.0]);
/// ```
///
/// # Panics
/// If a word id is out of range.
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
        let positions = embed.rule.rows(&ids[sequence[0]..sequence[1]]);
        for (token, position) in (sequence[0]..sequence[1]).zip(positions) {
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
