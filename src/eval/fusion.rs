//! Joins the results of two searches.

use std::collections::{HashMap, HashSet};

use super::scan::Found;
use super::top_k::{Hit, TopK};

/// The way in which two lists become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fusion {
    /// The weighted sum of both scores, each minus its mean over all rows, divided by its deviation. The number is the
    /// weight of the first search, 0 to 1.
    Scores(f64),
    /// Reciprocal rank fusion (Cormack et al., 2009): the sum of 1 / (k + rank). The number is k, 60 in the paper.
    ReciprocalRank(f64),
}

/// A search with the score of any row.
pub struct LegScores<'a> {
    /// The best rows with mean and deviation.
    pub found: &'a Found,
    /// Returns the score of a row that is not among the best.
    pub score: &'a dyn Fn(u32) -> f32,
}

/// Returns the best `top_k` rows of either search, best first. Equal scores keep the order of the rows.
pub fn fuse(fusion: Fusion, legs: [LegScores<'_>; 2], top_k: usize) -> Vec<Hit> {
    let ranks = legs.each_ref().map(|leg| -> HashMap<u32, usize> {
        leg.found.hits.iter().enumerate().map(|(rank, hit)| (hit.row, rank)).collect()
    });
    let weight = if let Fusion::Scores(weight) = fusion { weight } else { 0.5 };
    let (mut best, mut seen) = (TopK::new(top_k), HashSet::new());
    for row in legs.iter().flat_map(|leg| leg.found.hits.iter().map(|hit| hit.row)) {
        if seen.insert(row) {
            let part = |leg: usize| part(fusion, &legs[leg], row, ranks[leg].get(&row).copied());
            best.push(Hit { row, score: (weight * part(0) + (1.0 - weight) * part(1)) as f32 });
        }
    }
    best.into_sorted()
}

/// Returns the part of a search in the score of a row. `rank` counts from 0; the rows below the best have none.
fn part(fusion: Fusion, leg: &LegScores<'_>, row: u32, rank: Option<usize>) -> f64 {
    match fusion {
        Fusion::ReciprocalRank(k) => rank.map_or(0.0, |rank| 1.0 / (k + rank as f64 + 1.0)),
        Fusion::Scores(_) => {
            let score = rank.map_or_else(|| (leg.score)(row), |rank| leg.found.hits[rank].score);
            let deviation = leg.found.deviation;
            if deviation > 0.0 { (f64::from(score) - leg.found.mean) / deviation } else { 0.0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(hits: &[(u32, f32)], mean: f64, deviation: f64) -> Found {
        Found { hits: hits.iter().map(|&(row, score)| Hit { row, score }).collect(), mean, deviation }
    }

    #[test]
    fn scores_are_normalized_and_weighted() {
        let a = found(&[(5, 3.0), (2, 2.0)], 1.0, 0.5);
        let b = found(&[(7, 9.0)], 0.0, 3.0);
        let fused = |weight| {
            let legs = [LegScores { found: &a, score: &|_| 0.5 }, LegScores { found: &b, score: &|_| 0.0 }];
            fuse(Fusion::Scores(weight), legs, 10)
        };
        let rows = |hits: Vec<Hit>| hits.iter().map(|hit| (hit.row, hit.score)).collect::<Vec<_>>();
        assert_eq!(rows(fused(0.5)), [(5, 2.0), (2, 1.0), (7, 1.0)]);
        assert_eq!(rows(fused(0.0)), [(7, 3.0), (2, 0.0), (5, 0.0)]);
    }

    #[test]
    fn reciprocal_rank_adds_over_both_lists() {
        let a = found(&[(1, 3.0), (2, 2.0)], 0.0, 1.0);
        let b = found(&[(2, 9.0)], 0.0, 1.0);
        let legs = [LegScores { found: &a, score: &|_| 0.0 }, LegScores { found: &b, score: &|_| 0.0 }];
        let fused = fuse(Fusion::ReciprocalRank(60.0), legs, 1);
        assert_eq!(fused.len(), 1);
        assert_eq!(fused[0].row, 2);
        assert!((fused[0].score - 0.5 * (1.0 / 62.0 + 1.0 / 61.0) as f32).abs() < 1e-7);
    }
}
