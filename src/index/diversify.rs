//! Hits that differ from each other: near duplicates left out, and maximal marginal relevance.

use super::catalog::Catalog;
use super::request::SearchRequest;
use super::vectors::dot::dot;
use crate::error::Result;

/// Diversity reorders so many of the first hits; the others follow in their order. A constant: with a number that depends
/// on the page, the pages of one search would be parts of different orders.
const POOL: usize = 200;
/// Relevance falls by 1 within so many ranks.
const RANKS: f32 = 50.0;

/// Reorders hits so that each is good and unlike those before it (Carbonell and Goldstein, 1998): the next one has the
/// largest `(1 − diversity) · relevance − diversity · cosine to the nearest chosen one`. Hits whose cosine to a chosen one
/// is at least `collapse` are left out. Returns the first `wanted`; fewer only if there are no more.
///
/// `first(n)` returns the first n hits, of which the first `pins` keep their places.
///
/// # Errors
/// `INVALID_CATALOG` if rows are damaged.
pub(crate) fn diversify(
    catalog: &Catalog,
    request: &SearchRequest,
    pins: usize,
    wanted: usize,
    first: &dyn Fn(usize) -> Vec<usize>,
) -> Result<Vec<usize>> {
    let collapse = request.collapse.unwrap_or(f32::INFINITY);
    let diversity = request.diversity;
    let pool = first(pins + if diversity > 0.0 { POOL } else { 0 });
    let mut left = Vec::new();
    for (rank, &item) in pool.iter().enumerate() {
        left.push(Candidate { item, rank, vector: direction(catalog, item)?, nearest: -1.0 });
    }
    let mut chosen: Vec<Candidate> = Vec::new();
    while chosen.len() < wanted && !left.is_empty() {
        let value = |at: usize| {
            let candidate: &Candidate = &left[at];
            (1.0 - diversity) * (1.0 - candidate.rank as f32 / RANKS) - diversity * candidate.nearest
        };
        let best = (0..left.len()).reduce(|best, at| if value(at) > value(best) { at } else { best });
        let next = left.remove(if chosen.len() < pins { 0 } else { best.unwrap_or(0) });
        for other in &mut left {
            other.nearest = other.nearest.max(dot(&other.vector, &next.vector));
        }
        left.retain(|other| other.rank < pins || other.nearest < collapse);
        chosen.push(next);
    }
    let (mut seen, mut count) = (pool.len(), pool.len() + wanted);
    while chosen.len() < wanted {
        let ranked = first(count);
        for &item in ranked.iter().skip(seen) {
            if chosen.len() == wanted {
                break;
            }
            let vector = direction(catalog, item)?;
            if chosen.iter().all(|other| dot(&other.vector, &vector) < collapse) {
                chosen.push(Candidate { item, rank: 0, vector, nearest: 0.0 });
            }
        }
        if ranked.len() < count {
            break;
        }
        (seen, count) = (count, 4 * count);
    }
    Ok(chosen.into_iter().map(|candidate| candidate.item).collect())
}

struct Candidate {
    item: usize,
    rank: usize,
    /// Of length 1.
    vector: Vec<f32>,
    /// The largest cosine to a chosen one.
    nearest: f32,
}

/// Returns an item's vector with length 1.
fn direction(catalog: &Catalog, item: usize) -> Result<Vec<f32>> {
    let mut vector = catalog.vector(item)?.unwrap_or_default();
    let length = dot(&vector, &vector).sqrt().max(1e-12);
    vector.iter_mut().for_each(|x| *x /= length);
    Ok(vector)
}
