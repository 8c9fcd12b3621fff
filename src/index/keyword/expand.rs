//! The clauses of a query with every spelling that the catalog knows: pinyin and synonyms beside the query's own.

use super::clause::{Alternative, Clause};
use super::source::Source;
use crate::index::catalog::Catalog;
use crate::index::readings::Sound;
use crate::index::synonyms::SynonymMatch;
use crate::index::text::class::CharClass;
use crate::index::text::clauses::{self, Pattern, clauses};
use crate::index::text::folded::Folded;

const PINYIN_WEIGHT: f32 = 0.4;
const INITIALS_WEIGHT: f32 = 0.2;
const SYNONYM_WEIGHT: f32 = 0.8;
/// Initials of fewer characters match too much.
const MIN_INITIALS: usize = 2;
const MAX_INITIALS: usize = 8;

/// Returns the clauses of a query. `is_open`: the last word may be unfinished.
pub(crate) fn expand(query: &Folded, is_open: bool, catalog: &Catalog) -> Vec<Clause> {
    let mut expanded: Vec<Clause> = clauses(query, is_open)
        .into_iter()
        .map(|clause| with_pinyin(query, clause, is_open, catalog))
        .collect();
    for found in catalog.synonyms.find(query) {
        add_synonyms(&mut expanded, &found, query, catalog);
    }
    expanded
}

fn with_pinyin(query: &Folded, clause: clauses::Clause, is_open: bool, catalog: &Catalog) -> Clause {
    let mut alternatives: Vec<Alternative> = clause
        .alternatives
        .into_iter()
        .map(|alternative| {
            let is_fallback = matches!(alternative.pattern, Pattern::OneEdit(_));
            Alternative { sources: sources(alternative.pattern), weight: alternative.weight, is_fallback }
        })
        .collect();
    let chars = &query.chars[clause.chars.clone()];
    if chars.iter().all(|folded| folded.class == CharClass::Letter && folded.c.is_ascii()) {
        let word: String = chars.iter().map(|folded| folded.c).collect();
        let is_open = is_open && clause.chars.end == query.chars.len();
        for sounds in catalog.readings.spellings(&word, is_open) {
            // One syllable is a short word in many languages: it is read as pinyin if it is nothing else.
            let is_fallback = sounds.len() == 1;
            alternatives.push(Alternative { sources: bigrams(&sounds), weight: PINYIN_WEIGHT, is_fallback });
        }
        if (MIN_INITIALS..=MAX_INITIALS).contains(&word.len()) {
            let sources = bigrams(&catalog.readings.initials(&word));
            alternatives.push(Alternative { sources, weight: INITIALS_WEIGHT, is_fallback: true });
        }
    }
    Clause { chars: clause.chars, alternatives }
}

fn sources(pattern: Pattern) -> Vec<Source> {
    match pattern {
        Pattern::Term(term) => vec![Source::Term(term)],
        Pattern::Prefix(prefix) => vec![Source::Prefix(prefix)],
        Pattern::All(terms) => terms.into_iter().map(Source::Term).collect(),
        Pattern::OneEdit(word) => vec![Source::OneEdit(word)],
    }
}

/// Returns the sources of a row of sounds: one sound alone, else each pair of neighbors.
fn bigrams(sounds: &[Sound]) -> Vec<Source> {
    match sounds {
        [_] => vec![Source::Sounds(sounds.to_vec())],
        _ => sounds.windows(2).map(|pair| Source::Sounds(pair.to_vec())).collect(),
    }
}

/// Replaces the clauses within a word that has synonyms by one clause: the word or one of its synonyms.
fn add_synonyms(expanded: &mut Vec<Clause>, found: &SynonymMatch, query: &Folded, catalog: &Catalog) {
    let is_within =
        |clause: &Clause| found.chars.start <= clause.chars.start && clause.chars.end <= found.chars.end;
    let Some(place) = expanded.iter().position(is_within) else { return };
    let word = Folded { chars: query.chars[found.chars.clone()].to_vec() };
    let mut alternatives = vec![Alternative { sources: all_of(&word), weight: 1.0, is_fallback: false }];
    for other in catalog.synonyms.others(found) {
        alternatives.push(Alternative { sources: all_of(other), weight: SYNONYM_WEIGHT, is_fallback: false });
    }
    // The terms of a single clause beside its own spelling stay.
    let mut replaced = expanded.iter().filter(|clause| is_within(clause));
    if let (Some(only), None) = (replaced.next(), replaced.next()) {
        alternatives.extend(only.alternatives.iter().filter(|other| other.weight < 1.0).cloned());
    }
    expanded.retain(|clause| !is_within(clause));
    expanded.insert(place, Clause { chars: found.chars.clone(), alternatives });
}

/// Returns the sources that all have to match for a whole word or phrase.
fn all_of(word: &Folded) -> Vec<Source> {
    let own = clauses(word, false).into_iter().filter_map(|clause| clause.alternatives.into_iter().next());
    own.flat_map(|alternative| sources(alternative.pattern)).collect()
}
