//! Mines hard negatives: the passages that a model finds for a query and that are not relevant.

use std::num::NonZeroUsize;

use super::evaluation::{run_of, search};
use super::pairs::Pairs;
use crate::embedder::Embedder;
use crate::error::{Result, fail};
use crate::eval::{Hit, RowType, Run, Texts};

/// Searches with `embedder` and returns the best `depth` passages of each query without the relevant ones, as a run.
///
/// # Errors
/// `INVALID_ARGUMENT` for a depth of 0, and those of embedding.
pub fn mine(
    embedder: &mut Embedder,
    pairs: &Pairs,
    depth: usize,
    row_type: RowType,
    threads: NonZeroUsize,
) -> Result<Run> {
    if depth == 0 {
        fail!(InvalidArgument, "--depth 0: expected 1 or more");
    }
    let mut queries = Texts::default();
    let judged: Vec<&[u32]> = pairs
        .judged()
        .map(|(query, positives)| {
            queries.push(pairs.queries().id(query), pairs.queries().text(query));
            positives
        })
        .collect();
    let most = judged.iter().map(|positives| positives.len()).max().unwrap_or(0);
    let found = search(embedder, pairs.corpus(), &queries, depth + most, row_type, threads)?;
    let without: Vec<Vec<Hit>> = found
        .into_iter()
        .zip(judged)
        .map(|(mut hits, positives)| {
            hits.retain(|hit| !positives.contains(&hit.row));
            hits.truncate(depth);
            hits
        })
        .collect();
    Ok(run_of(&queries, pairs.corpus(), &without))
}
