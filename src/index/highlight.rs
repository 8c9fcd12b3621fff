//! Highlights: the ranges of a text that a query's clauses match.

use super::catalog::Catalog;
use super::keyword::clause::Alternative;
use super::order::sort;
use super::text::folded::Folded;
use super::text::terms::index_terms;

/// Returns the ranges of a text that have what an item matches, in UTF-16 code units: rising, and apart from each other.
pub(crate) fn ranges(catalog: &Catalog, matching: &[&Alternative], text: &str) -> Vec<[u32; 2]> {
    let folded = Folded::new(text, &catalog.characters);
    let terms = index_terms(&folded);
    let mut ranges = Vec::new();
    for alternative in matching {
        // Of a spelling of several sources every one has to be in the text.
        let places: Vec<Vec<[u32; 2]>> = alternative
            .sources
            .iter()
            .map(|source| {
                let place = |term: &super::text::terms::Term| {
                    let length = source.matched_chars(&term.text, &catalog.readings)?;
                    // A term that was joined from words is longer in the text than on its own.
                    let is_whole = length == term.text.chars().count();
                    let end = if is_whole { term.end } else { (term.start + length).min(term.end) };
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
