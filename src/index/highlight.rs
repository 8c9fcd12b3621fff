//! Highlights: the ranges of a text that a query's clauses match.

use super::catalog::Catalog;
use super::keyword::clause::Alternative;
use super::order::sort;
use super::text::folded::Folded;
use super::text::terms::{Term, index_terms};

/// Returns the ranges of a text that have what an item matches, in UTF-16 code units: rising, and apart from each other.
pub(crate) fn ranges(catalog: &Catalog, matching: &[&Alternative], text: &str) -> Vec<[u32; 2]> {
    let folded = Folded::new(text, &catalog.characters);
    let (terms, _) = index_terms(&folded);
    let mut ranges = Vec::new();
    for alternative in matching {
        // Of a spelling of several sources every one has to be in the text.
        let places: Vec<Vec<[u32; 2]>> = alternative
            .sources
            .iter()
            .map(|source| {
                let place = |term: &Term| {
                    let length = source.matched_chars(&term.text, &catalog.readings)?;
                    let is_whole = length == term.text.chars().count();
                    let end = if is_whole { term.end } else { end_of(&folded, term, length) };
                    let range = folded.source_range(term.start..end);
                    Some([range.start, range.end])
                };
                terms.iter().filter_map(place).collect()
            })
            .collect();
        if places.iter().all(|places| !places.is_empty()) {
            ranges.extend(places.into_iter().flatten());
        }
    }
    sort(&mut ranges);
    let mut merged: Vec<[u32; 2]> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range[0] <= last[1] => last[1] = last[1].max(range[1]),
            _ => merged.push(range),
        }
    }
    merged
}

/// Returns the end of the first characters of a term in the text. A term that was joined from words leaves out what
/// stands between them: `5w4` is `5W-4`.
fn end_of(folded: &Folded, term: &Term, length: usize) -> usize {
    let mut end = term.start;
    for c in term.text.chars().take(length) {
        let rest = folded.chars[end..term.end].iter();
        end += rest.take_while(|other| other.c != c).count() + 1;
    }
    end.min(term.end)
}
