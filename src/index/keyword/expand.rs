//! The clauses of a query with every spelling that the catalog knows: pinyin and synonyms beside the query's own.

use super::clause::{Alternative, Clause};
use super::source::Source;
use crate::index::catalog::Catalog;
use crate::index::order::sort_by;
use crate::index::readings::Sound;
use crate::index::segment::Segment;
use crate::index::synonyms::SynonymMatch;
use crate::index::text::class::CharClass;
use crate::index::text::clauses::{self, Pattern, clauses};
use crate::index::text::folded::Folded;

const PINYIN_WEIGHT: f32 = 0.4;
const INITIALS_WEIGHT: f32 = 0.2;
const SYNONYM_WEIGHT: f32 = 0.8;
const SPLIT_WEIGHT: f32 = 0.5;
/// Initials of fewer characters match too much.
const MIN_INITIALS: usize = 2;
const MAX_INITIALS: usize = 8;
/// The largest number of clauses: parts of a longer query are not asked for, so a search has an end.
const MAX_CLAUSES: usize = 256;
/// So many different words of a query have more than their own spelling: looking for others reads much of the dictionary.
const MAX_EXPANDED: usize = 16;

/// Returns the clauses of a query. `is_open`: the last word may be unfinished.
pub(crate) fn expand(query: &Folded, is_open: bool, catalog: &Catalog) -> Vec<Clause> {
    let mut expanded = Vec::new();
    let mut words: Vec<Vec<clauses::Alternative>> = Vec::new();
    for mut clause in clauses(query, is_open).into_iter().take(MAX_CLAUSES) {
        let is_word = query.chars[clause.chars.start].class != CharClass::Dense;
        if is_word && !words.contains(&clause.alternatives) {
            words.push(clause.alternatives.clone());
        }
        let is_expanded =
            !is_word || words.iter().take(MAX_EXPANDED).any(|word| *word == clause.alternatives);
        if !is_expanded {
            clause.alternatives.retain(|alternative| !matches!(alternative.pattern, Pattern::OneEdit(_)));
        }
        expanded.push(with_others(query, clause, is_open, is_expanded.then_some(catalog)));
    }
    for found in catalog.synonyms.find(query) {
        add_synonyms(&mut expanded, &found, query, catalog);
    }
    expanded
}

/// Returns a clause with the other spellings that a catalog knows. None: with its own alone.
fn with_others(query: &Folded, clause: clauses::Clause, is_open: bool, catalog: Option<&Catalog>) -> Clause {
    let mut alternatives: Vec<Alternative> = clause
        .alternatives
        .into_iter()
        .map(|alternative| {
            let is_fallback = matches!(alternative.pattern, Pattern::OneEdit(_));
            Alternative { sources: sources(alternative.pattern), weight: alternative.weight, is_fallback }
        })
        .collect();
    let Some(catalog) = catalog else { return Clause { chars: clause.chars, alternatives } };
    if let Some(words) = clause_words(&alternatives).and_then(|words| split_words(&words, catalog)) {
        let sources = words.into_iter().map(Source::Term).collect();
        alternatives.push(Alternative { sources, weight: SPLIT_WEIGHT, is_fallback: true });
    }
    let chars = &query.chars[clause.chars.clone()];
    if chars.iter().all(|folded| folded.class == CharClass::Letter && folded.c.is_ascii()) {
        let word: String = chars.iter().map(|folded| folded.c).collect();
        let is_open = is_open && clause.chars.end == query.chars.len();
        let start = clause.chars.start;
        let follows_dense = start > 0 && query.chars[start - 1].class == CharClass::Dense;
        for sounds in catalog.readings.spellings(&word, is_open) {
            // One syllable is a short word in many languages: it is read as pinyin if it is nothing else, or if it is
            // typed right after Chinese: 充电b, 充电bao.
            let is_fallback = sounds.len() == 1 && !follows_dense;
            alternatives.push(Alternative { sources: bigrams(&sounds), weight: PINYIN_WEIGHT, is_fallback });
        }
        if (MIN_INITIALS..=MAX_INITIALS).contains(&word.len()) {
            let sources = bigrams(&catalog.readings.initials(&word));
            alternatives.push(Alternative { sources, weight: INITIALS_WEIGHT, is_fallback: true });
        }
    }
    Clause { chars: clause.chars, alternatives }
}

/// Returns the words of a clause that may be written together: all of its parts, or the one word of letters.
fn clause_words(alternatives: &[Alternative]) -> Option<Vec<String>> {
    alternatives.iter().find_map(|alternative| match alternative.sources.as_slice() {
        [Source::OneEdit(word)] => Some(vec![word.clone()]),
        [_, _, ..] => {
            let word = |source: &Source| match source {
                Source::Term(term) => Some(term.clone()),
                _ => None,
            };
            alternative.sources.iter().map(word).collect()
        }
        _ => None,
    })
}

/// Splits each word that the catalog has not into two words that it has: `typec` into `type`, `c`, in the most even way.
/// None if there is such a word without a split, or no such word.
fn split_words(words: &[String], catalog: &Catalog) -> Option<Vec<String>> {
    let is_known = |word: &str| {
        let has = |segment: &Segment| matches!(segment.dictionary().and_then(|d| d.find(word)), Ok(Some(_)));
        catalog.segments.iter().any(has)
    };
    let mut split = Vec::new();
    for word in words {
        if is_known(word) {
            split.push(word.clone());
            continue;
        }
        let middle = word.len() / 2;
        let mut borders: Vec<usize> = word.char_indices().skip(1).map(|(i, _)| i).collect();
        sort_by(&mut borders, &|a, b| a.abs_diff(middle).cmp(&b.abs_diff(middle)));
        let border = borders.into_iter().find(|&i| is_known(&word[..i]) && is_known(&word[i..]))?;
        split.extend([word[..border].to_string(), word[border..].to_string()]);
    }
    (split.len() > words.len()).then_some(split)
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
pub(crate) fn all_of(word: &Folded) -> Vec<Source> {
    let own = clauses(word, false).into_iter().filter_map(|clause| clause.alternatives.into_iter().next());
    own.flat_map(|alternative| sources(alternative.pattern)).collect()
}
