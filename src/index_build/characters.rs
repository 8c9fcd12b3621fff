//! The character table of a catalog: what its texts need of Unicode.

use std::collections::BTreeSet;

use super::fold::{UnicodeFold, all_folds};
use crate::index::fold::{CharClass, Folded, is_joiner};
use crate::index::sections::CharacterTable;

/// Returns the characters of texts after folding that are part of terms.
pub(crate) fn term_characters<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<char> {
    let mut characters = BTreeSet::new();
    for text in texts {
        let folded = Folded::new(text, &UnicodeFold).chars;
        characters.extend(folded.iter().filter(|f| f.class != CharClass::Separator).map(|folded| folded.c));
    }
    characters
}

/// Writes the character table for texts with these characters.
pub(crate) fn write(characters: &BTreeSet<char>) -> Vec<u8> {
    let is_needed = |folded: &str| {
        let is_term = |c: char| CharClass::of(c) != CharClass::Separator;
        folded.chars().any(|c| is_term(c) || is_joiner(c) || c == ' ')
            // Pinyin is typed in letters that the texts may not have.
            && folded.chars().all(|c| !is_term(c) || c.is_ascii() || characters.contains(&c))
    };
    let folds = all_folds().iter().filter(|(_, folded)| is_needed(folded));
    CharacterTable::write(folds.map(|(c, folded)| (*c, folded.as_str())))
}
