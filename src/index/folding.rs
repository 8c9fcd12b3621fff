//! Joins the character tables of a catalog's files, which different releases may have written. A query is folded once for
//! all files, so a word is found in every file only if all of them fold alike.
//!
//! A table lists only characters whose folded form occurs in its file. So two files contradict each other if both list a
//! character with different forms, or if one lists a character that the other one has in a term. The second is looked for
//! among dense characters, each of which begins a term: releases differ in what they simplify. What letters fold to does not
//! change between versions of Unicode.

use super::catalog::Catalog;
use super::characters::CharacterTable;
use super::dictionary::Dictionary;
use super::format::container::SectionKind;
use super::segment::Segment;
use crate::error::{Result, fail};

impl Catalog {
    /// Returns the character table with that of a delta's segment. See [`Self::joined_characters`].
    pub(super) fn characters_with(&self, delta: &Segment) -> Result<CharacterTable> {
        self.joined_characters(
            delta.section(SectionKind::Characters)?,
            delta.section(SectionKind::Dictionary)?,
        )
    }

    /// Returns the character table with that of a delta, whose sections `characters` and `dictionary` are.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the delta folds a character in another way than the files before it.
    pub(crate) fn joined_characters(&self, characters: &[u8], dictionary: &[u8]) -> Result<CharacterTable> {
        let (mut joined, delta) = (self.characters.clone(), CharacterTable::read(characters)?);
        if let Some(c) = conflict(&joined, &self.segments, &delta, &Dictionary::open(dictionary)?)? {
            fail!(
                InvalidCatalog,
                "delta: it folds {c} in another way than the files before it, which another release wrote: build the \
                 catalog again, or run `corom index compact` before the first change of this release"
            );
        }
        joined.extend(&delta);
        Ok(joined)
    }
}

/// Returns a character that two files fold differently.
fn conflict(
    known: &CharacterTable,
    before: &[Segment],
    delta: &CharacterTable,
    terms: &Dictionary,
) -> Result<Option<char>> {
    let mut found = None;
    for (code, folded) in delta.entries() {
        let Some(c) = char::from_u32(code) else { continue };
        match known.get(c) {
            Some(other) if other == folded => {}
            Some(_) => found = Some(c),
            None => {
                for segment in before {
                    let dictionary = Dictionary::open(segment.section(SectionKind::Dictionary)?)?;
                    dictionary.with_prefix(c.encode_utf8(&mut [0; 4]), |_, _| {
                        found = Some(c);
                        false
                    })?;
                }
            }
        }
    }
    let mut last = '\0';
    terms.with_prefix("", |term, _| {
        let first = std::str::from_utf8(term).ok().and_then(|term| term.chars().next()).unwrap_or('\0');
        if first != last && known.get(first).is_some() {
            found = Some(first);
        }
        last = first;
        found.is_none()
    })?;
    Ok(found)
}
