//! A clause of a query with what it found.

use std::ops::Range;

use super::chain;
use super::source::{Scratch, Source};
use crate::error::Result;
use crate::index::bm25::Bm25;
use crate::index::catalog::Catalog;

/// One way to match a clause: all of several sources.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alternative {
    pub(crate) sources: Vec<Source>,
    /// The weight of a match, beside 1 for the query's own spelling.
    pub(crate) weight: f32,
    /// The alternative is only tried if no other one has a match.
    pub(crate) is_fallback: bool,
}

/// One thing that a query asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    /// Its place in the query's folded characters.
    pub(crate) chars: Range<usize>,
    pub(crate) alternatives: Vec<Alternative>,
}

/// The items that match an alternative.
#[derive(Debug)]
pub(crate) struct Matches {
    /// The number of the alternative.
    pub(crate) alternative: usize,
    pub(crate) weight: f32,
    pub(crate) idf: f32,
    /// Items and their weighted term frequency, by item number.
    pub(crate) items: Vec<(u32, f32)>,
}

/// The items that match a clause.
#[derive(Debug)]
pub(crate) struct ClauseMatches {
    pub(crate) matches: Vec<Matches>,
}

/// The match of an item with a clause: the numbers of its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClauseScore {
    pub(crate) alternative: usize,
    pub(crate) weight: f32,
    pub(crate) idf: f32,
    pub(crate) frequency: f32,
    pub(crate) score: f32,
}

impl Alternative {
    /// Returns the live items that match, with their weighted term frequency, by item number.
    fn items(&self, catalog: &Catalog, bm25: Bm25, scratch: &mut Scratch) -> Result<Vec<(u32, f32)>> {
        if chain::is_row(&self.sources) {
            return chain::items(&self.sources, catalog, bm25, scratch);
        }
        let mut items = None;
        for source in &self.sources {
            let found = source.items(catalog, bm25, scratch)?;
            items = Some(match items {
                None => found,
                Some(items) => intersection(items, &found),
            });
        }
        Ok(items.unwrap_or_default())
    }
}

impl Matches {
    /// Returns the weighted term frequency of an item, if it matches.
    pub(crate) fn frequency(&self, item: u32) -> Option<f32> {
        let at = self.items.binary_search_by_key(&item, |&(item, _)| item).ok()?;
        Some(self.items[at].1)
    }

    fn score(&self, bm25: Bm25, frequency: f32) -> ClauseScore {
        let Self { alternative, weight, idf, .. } = *self;
        ClauseScore { alternative, weight, idf, frequency, score: weight * idf * bm25.saturate(frequency) }
    }
}

impl ClauseMatches {
    /// Finds the items that match a clause.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the index is damaged.
    pub(crate) fn find(
        clause: &Clause,
        catalog: &Catalog,
        bm25: Bm25,
        scratch: &mut Scratch,
    ) -> Result<Self> {
        let all_items = catalog.len();
        let mut matches = Vec::new();
        for is_fallback in [false, true] {
            if is_fallback && !matches.is_empty() {
                break;
            }
            for (number, alternative) in clause.alternatives.iter().enumerate() {
                if alternative.is_fallback != is_fallback {
                    continue;
                }
                let items = alternative.items(catalog, bm25, scratch)?;
                if !items.is_empty() {
                    let idf = Bm25::idf(items.len(), all_items);
                    matches.push(Matches { alternative: number, weight: alternative.weight, idf, items });
                }
            }
        }
        Ok(Self { matches })
    }

    /// Returns what the clause counts among the clauses of its query: its largest inverse document frequency.
    pub(crate) fn importance(&self) -> f32 {
        self.matches.iter().fold(0.0, |largest, matches| largest.max(matches.idf))
    }

    /// Passes every matching item to `visit` with its best score, once per alternative that improves it.
    pub(crate) fn each_score(&self, bm25: Bm25, mut visit: impl FnMut(u32, f32)) {
        for matches in &self.matches {
            for &(item, frequency) in &matches.items {
                visit(item, matches.score(bm25, frequency).score);
            }
        }
    }

    /// Returns the best score of an item, and what it comes from.
    pub(crate) fn score(&self, bm25: Bm25, item: u32) -> Option<ClauseScore> {
        let of = |matches: &Matches| Some(matches.score(bm25, matches.frequency(item)?));
        self.matches
            .iter()
            .filter_map(of)
            .reduce(|best, other| if other.score > best.score { other } else { best })
    }
}

/// Returns the items of both lists, with the smaller frequency.
fn intersection(a: Vec<(u32, f32)>, b: &[(u32, f32)]) -> Vec<(u32, f32)> {
    let mut rest = b;
    let mut both = Vec::new();
    for (item, frequency) in a {
        let skip = rest.partition_point(|&(other, _)| other < item);
        rest = &rest[skip..];
        if let Some(&(other, other_frequency)) = rest.first()
            && other == item
        {
            both.push((item, frequency.min(other_frequency)));
        }
    }
    both
}
