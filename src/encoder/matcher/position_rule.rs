//! Finds out what integers that index a table are: positions, or zeros.
//!
//! The integers are evaluated, see [`probe`](super::probe). Only tokens count: what a graph computes for
//! padding is masked later. Integers that depend on the token ids are evaluated on ids that the graph compares
//! with (its integer constants), mixed with others.

use super::expr::IdKind;
use super::probe::{Evaluation, Probe};
use crate::encoder::graph::prelude::*;
use crate::encoder::spec::PositionRule;

/// The most constants that may be the id of a token that does not count.
const MAX_CANDIDATES: usize = 24;
/// Lists of ids per probe batch.
const ID_LISTS: u32 = 4;

impl Probe<'_> {
    /// Returns what integers are that depend only on the mask, on lengths and, with `from_ids`, on token ids.
    pub(super) fn index(&mut self, outlet: OutletId, from_ids: bool) -> Option<IdKind> {
        let mut candidates: Vec<u32> = Vec::new();
        if from_ids {
            let constants = self.constants(outlet);
            let ids = constants.into_iter().filter_map(|c| u32::try_from(c).ok());
            candidates.extend(ids.filter(|id| (*id as usize) < self.vocab_size()));
            if candidates.len() > MAX_CANDIDATES {
                return None;
            }
        }
        let vocab_size = self.vocab_size() as u32;
        let lists = if from_ids { ID_LISTS } else { 1 };
        let tried = self.evaluate_with_ids(outlet, |cells| {
            (0..lists).map(|seed| mixed_ids(cells, seed, &candidates, vocab_size)).collect()
        })?;
        let zero =
            |(t, _): &(Evaluation, _)| !t.values.is_empty() && tokens(t).all(|(_, value)| value == 0.0);
        if tried.iter().all(zero) && tried.iter().all(|(t, _)| is_per_token(t)) {
            return Some(IdKind::Zero);
        }
        let rules = std::iter::once(None).chain(candidates.into_iter().map(Some));
        let mut rules = rules.filter_map(|skipped_id| rule(&tried, skipped_id));
        rules.find(|rule| tried.iter().all(|(t, ids)| follows(t, ids, *rule))).map(IdKind::Positions)
    }
}

/// Returns token ids: a third of them candidates, every other list with a candidate first.
fn mixed_ids(cells: usize, seed: u32, candidates: &[u32], vocab_size: u32) -> Vec<u32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9).wrapping_add(12345);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut ids: Vec<u32> = (0..cells)
        .map(|_| {
            let (choice, number) = (next() % 3, next());
            match candidates.len() as u32 {
                count @ 1.. if choice == 0 => candidates[(number % count) as usize],
                _ => number % vocab_size.max(1),
            }
        })
        .collect();
    if let (1, Some(first), Some(id)) = (seed % 2, ids.first_mut(), candidates.first()) {
        *first = *id;
    }
    ids
}

/// Returns true if an evaluation has one value per token, of one text or of all.
fn is_per_token(t: &Evaluation) -> bool {
    [t.tokens, t.batch * t.tokens].contains(&t.values.len())
}

/// Returns the number of tokens of a text: all of them if the values are the same for all texts.
fn length(t: &Evaluation, text: usize) -> usize {
    if t.values.len() < t.batch * t.tokens { t.tokens } else { t.length(text) }
}

/// Returns index and value of each token, padding left out.
fn tokens(t: &Evaluation) -> impl Iterator<Item = (usize, f32)> {
    t.values.iter().copied().enumerate().filter(|(i, _)| i % t.tokens < length(t, i / t.tokens))
}

/// Returns the rule that the first token of the first evaluation suggests.
fn rule(tried: &[(Evaluation, Vec<u32>)], skipped_id: Option<u32>) -> Option<PositionRule> {
    let (t, ids) = tried.first()?;
    let value = *t.values.first()?;
    let first = if skipped_id == Some(*ids.first()?) { value + 1.0 } else { value };
    let in_range = (0.0..1e6).contains(&first) && (skipped_id.is_none() || first >= 1.0);
    in_range.then_some(PositionRule { first: first as usize, skipped_id })
}

/// Returns true if the integers of all tokens follow a rule.
fn follows(t: &Evaluation, ids: &[u32], rule: PositionRule) -> bool {
    // One list of positions for all texts, or positions of each text.
    let texts = if t.values.len() == t.tokens { 1 } else { t.batch };
    (texts == t.batch || rule.skipped_id.is_none())
        && is_per_token(t)
        && (0..texts).all(|text| {
            let start = text * t.tokens;
            let expected = rule.rows(&ids[start..start + length(t, text)]);
            expected.zip(&t.values[start..]).all(|(row, value)| row as f32 == *value)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_ids_have_candidates_and_others() {
        let ids = mixed_ids(60, 1, &[7, 9], 1000);
        assert_eq!(ids[0], 7);
        for candidate in [7, 9] {
            assert!(ids.iter().filter(|id| **id == candidate).count() > 3, "{ids:?}");
        }
        assert!(ids.iter().filter(|id| ![7, 9].contains(id)).count() > 20);
        assert!(ids.iter().all(|id| *id < 1000));
        assert_ne!(ids, mixed_ids(60, 3, &[7, 9], 1000));
    }
}
