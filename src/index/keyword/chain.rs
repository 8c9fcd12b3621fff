//! Items that have a row of characters which are read as a row of sounds: `kuotuiku` or `ktk` for 阔腿裤.
//!
//! The dictionary has pairs of characters. A row is pairs that are linked: the second character of one is the first
//! character of the next. Without links the pairs of different words of an item would do, and initials find those in many
//! items.

use super::links::Links;
use super::source::{Scratch, Source};
use crate::error::Result;
use crate::index::bm25::Bm25;
use crate::index::catalog::Catalog;

/// Returns true if sources are the pairs of a row of sounds.
pub(crate) fn is_row(sources: &[Source]) -> bool {
    sources.len() > 1 && sources.iter().all(|source| matches!(source, Source::Sounds(_)))
}

/// Returns the live items that have the row, with the smallest of its pairs' term frequencies, by item number.
///
/// # Errors
/// `INVALID_CATALOG` if the index is damaged.
pub(crate) fn items(
    row: &[Source],
    catalog: &Catalog,
    bm25: Bm25,
    scratch: &mut Scratch,
) -> Result<Vec<(u32, f32)>> {
    let mut before: Option<Vec<u64>> = None;
    let mut found: Vec<(u32, f32)> = Vec::new();
    for pair in row {
        let mut after = vec![0; catalog.items()];
        for segment in &catalog.segments {
            let mut result = Ok(());
            pair.each_term(segment, catalog, &mut |term, entry| {
                let mut chars = term.chars();
                if let (Some(first), Some(second), Ok(())) = (chars.next(), chars.next(), &result) {
                    let mut links = Links::new(before.as_deref(), &mut after, first, second);
                    result = scratch.add(catalog, segment, entry, bm25, Some(&mut links));
                }
            })?;
            result?;
        }
        let mut with_pair = scratch.take();
        if before.is_some() {
            // Every item with a linked pair was found before.
            let mut rest = found.as_slice();
            for (item, frequency) in &mut with_pair {
                rest = &rest[rest.partition_point(|(other, _)| other < item)..];
                *frequency = rest.first().map_or(0.0, |(_, other)| frequency.min(*other));
            }
        }
        (before, found) = (Some(after), with_pair);
    }
    Ok(found)
}
