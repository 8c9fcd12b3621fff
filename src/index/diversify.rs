//! Hits that differ from each other: near duplicates left out, and maximal marginal relevance.

use super::catalog::Catalog;
use super::vectors::dot::dot;
use crate::error::Result;

/// Reorders ranked items so that each is good and unlike those before it (Carbonell and Goldstein, 1998):
/// the next item is the one with the largest `(1 − diversity) · relevance − diversity · cosine to the nearest chosen one`.
/// Relevance is 1 for the first item and falls to 0 with the rank. Items with a cosine of `collapse` or more are left out.
///
/// # Errors
/// `INVALID_CATALOG` if rows are damaged.
pub(crate) fn diversify(
    catalog: &Catalog,
    ranked: &[usize],
    wanted: usize,
    diversity: f32,
    collapse: Option<f32>,
) -> Result<Vec<usize>> {
    let mut vectors = Vec::new();
    for &item in ranked {
        let mut vector = catalog.vector(item)?.unwrap_or_default();
        let length = dot(&vector, &vector).sqrt().max(1e-12);
        vector.iter_mut().for_each(|x| *x /= length);
        vectors.push(vector);
    }
    let relevance = |at: usize| 1.0 - at as f32 / ranked.len().max(1) as f32;
    let mut nearest = vec![f32::NEG_INFINITY; ranked.len()];
    let mut is_left: Vec<bool> = vec![true; ranked.len()];
    let mut chosen = Vec::new();
    while chosen.len() < wanted {
        let value = |at: usize| match chosen.is_empty() {
            true => relevance(at),
            false => (1.0 - diversity) * relevance(at) - diversity * nearest[at],
        };
        let left = (0..ranked.len()).filter(|&at| is_left[at]);
        let Some(best) = left.reduce(|best, at| if value(at) > value(best) { at } else { best }) else {
            break;
        };
        is_left[best] = false;
        chosen.push(ranked[best]);
        for at in (0..ranked.len()).filter(|&at| is_left[at]).collect::<Vec<_>>() {
            nearest[at] = nearest[at].max(dot(&vectors[at], &vectors[best]));
            is_left[at] = collapse.is_none_or(|limit| nearest[at] < limit);
        }
    }
    Ok(chosen)
}
