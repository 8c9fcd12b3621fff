//! The keyword scores of all items for one query.

use std::rc::Rc;

use super::clause::{Alternative, Clause, ClauseMatches, ClauseScore};
use super::expand::expand;
use super::source::Scratch;
use crate::error::Result;
use crate::index::bits::Bits;
use crate::index::bm25::Bm25;
use crate::index::catalog::Catalog;
use crate::index::request::Matching;
use crate::index::text::class::CharClass;
use crate::index::text::folded::Folded;

/// The share of the query's importance that an item has to match with [`Matching::Most`].
const MOST: f32 = 0.5;

/// The result of keyword search over all live items, whatever the filter is.
#[derive(Debug)]
pub(crate) struct KeywordLeg {
    pub(crate) query: Folded,
    pub(crate) clauses: Vec<Clause>,
    /// The matches of each clause. Equal clauses share theirs.
    found: Vec<Rc<ClauseMatches>>,
    bm25: Bm25,
    /// The score of each item.
    pub(crate) scores: Vec<f32>,
    /// The items that match.
    pub(crate) items: Bits,
}

impl KeywordLeg {
    /// Searches. `is_open`: the last word may be unfinished.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the index is damaged.
    pub(crate) fn search(catalog: &Catalog, text: &str, is_open: bool, matching: Matching) -> Result<Self> {
        let bm25 = Bm25::default();
        let query = Folded::new(text, &catalog.characters);
        let clauses = expand(&query, is_open, catalog);
        let items = catalog.items();
        let mut scratch = Scratch::new(items);
        let mut found: Vec<Rc<ClauseMatches>> = Vec::new();
        for (number, clause) in clauses.iter().enumerate() {
            let equal = clauses[..number].iter().position(|other| other.alternatives == clause.alternatives);
            found.push(match equal {
                Some(other) => found[other].clone(),
                None => Rc::new(ClauseMatches::find(clause, catalog, bm25, &mut scratch)?),
            });
        }
        let importance: Vec<f32> = found.iter().map(|clause| clause.importance()).collect();
        let needed = match matching {
            Matching::Any => 0.0,
            Matching::Most => MOST * importance.iter().sum::<f32>(),
            // A clause without a match has no importance, but still has to match.
            Matching::All if found.iter().any(|clause| clause.matches.is_empty()) => f32::INFINITY,
            Matching::All => importance.iter().sum::<f32>() * 0.9999,
        };
        let mut leg =
            Self { query, clauses, found, bm25, scores: vec![0.0; items], items: Bits::none(items) };
        let mut covered = vec![0.0_f32; items];
        let mut best = vec![0.0_f32; items];
        for (clause, importance) in leg.found.iter().zip(importance) {
            let mut touched = Vec::new();
            clause.each_score(bm25, |item, score| {
                let before = &mut best[item as usize];
                if *before == 0.0 {
                    touched.push(item);
                }
                *before = before.max(score);
            });
            for item in touched {
                let item = item as usize;
                leg.scores[item] += std::mem::take(&mut best[item]);
                covered[item] += importance;
                leg.items.insert(item);
            }
        }
        for item in leg.items.iter().collect::<Vec<_>>() {
            if covered[item] < needed {
                leg.items.remove(item);
                leg.scores[item] = 0.0;
            }
        }
        Ok(leg)
    }

    /// Returns how an item matches each clause that it matches: the clause's number and the numbers of its score.
    pub(crate) fn explain(&self, item: usize) -> Vec<(usize, ClauseScore)> {
        let score = |(number, found): (usize, &Rc<ClauseMatches>)| {
            Some((number, found.score(self.bm25, item as u32)?))
        };
        self.found.iter().enumerate().filter_map(score).collect()
    }

    /// Returns the spellings that an item matches. Others, such as words with one edit, are not tried where these are found.
    pub(crate) fn matching(&self, item: usize) -> Vec<&Alternative> {
        let mut matching = Vec::new();
        for (clause, found) in self.clauses.iter().zip(&self.found) {
            let own = found.matches.iter().filter(|matches| matches.frequency(item as u32).is_some());
            matching.extend(own.map(|matches| &clause.alternatives[matches.alternative]));
        }
        matching
    }

    /// Returns the item with the best score, whatever the filter is.
    pub(crate) fn best(&self) -> Option<usize> {
        self.items.iter().reduce(|best, item| if self.scores[item] > self.scores[best] { item } else { best })
    }

    /// Returns the share of the query's characters that the best item matches: how much of what the query says the keyword
    /// score knows of.
    pub(crate) fn coverage(&self) -> f32 {
        let Some(best) = self.best() else { return 0.0 };
        let mut is_matched = vec![false; self.query.chars.len()];
        for (number, _) in self.explain(best) {
            is_matched[self.clauses[number].chars.clone()].fill(true);
        }
        let chars = self.query.chars.iter().zip(is_matched).filter(|(c, _)| c.class != CharClass::Separator);
        let (all, matched) = chars.fold((0, 0), |(all, n), (_, is)| (all + 1, n + u32::from(is)));
        matched as f32 / all.max(1) as f32
    }

    /// Returns true if the query asks for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }
}
