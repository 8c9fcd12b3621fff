//! Folding by Unicode's tables: compatibility decomposition, accents removed, case folding, traditional to simplified.

use std::collections::HashMap;
use std::sync::OnceLock;

use unicode_normalization_alignments::UnicodeNormalization;

use crate::index::fold::{Fold, is_ignored};

/// Pairs of a traditional and a simplified character: `TSCharacters` of OpenCC (Apache-2.0), the first form of each,
/// chains resolved.
const SIMPLIFIED: &str = include_str!("data/simplified.txt");

/// No character after it folds: there are no letters and no ideographs.
const LAST_FOLDED: char = '\u{3FFFF}';

/// The fold of the builder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnicodeFold;

impl Fold for UnicodeFold {
    fn fold(&self, c: char, emit: &mut dyn FnMut(char)) {
        fold_char(c).into_iter().for_each(emit);
    }
}

/// The letter of Turkish whose upper case is I. Unicode's case folding leaves it as it is.
const DOTLESS_I: char = 'ı';

fn fold_char(c: char) -> Vec<char> {
    // U+0345, an accent, is a letter in upper case.
    let decomposed = c.to_string().nfkd().map(|(c, _)| c).filter(|&c| !is_ignored(c)).collect::<Vec<_>>();
    let decomposed = decomposed.into_iter().flat_map(fold_case).collect::<String>();
    let simplified = simplified();
    decomposed
        .nfkd()
        .map(|(c, _)| c)
        .filter(|&c| !is_ignored(c))
        .map(|c| simplified.get(&c).copied().unwrap_or(c))
        .collect()
}

/// Folds the case of a character: ß and ẞ are ss, ς is σ. Both are the lower case of an upper case.
fn fold_case(c: char) -> impl Iterator<Item = char> {
    let upper = |c: char| if c == DOTLESS_I { vec![c] } else { c.to_uppercase().collect() };
    c.to_lowercase().flat_map(upper).flat_map(char::to_lowercase)
}

fn simplified() -> &'static HashMap<char, char> {
    static MAP: OnceLock<HashMap<char, char>> = OnceLock::new();
    MAP.get_or_init(|| {
        let chars: Vec<char> = SIMPLIFIED.trim_end().chars().collect();
        chars.as_chunks().0.iter().map(|&[from, to]| (from, to)).collect()
    })
}

/// Returns every character that does not fold to itself, with its folded form, by code point. ASCII is left out.
pub(crate) fn all_folds() -> &'static [(char, String)] {
    static ALL: OnceLock<Vec<(char, String)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let chars = ('\u{80}'..=LAST_FOLDED).filter(|&c| !is_ignored(c));
        chars
            .map(|c| (c, fold_char(c).into_iter().collect::<String>()))
            .filter(|(c, f)| !f.chars().eq([*c]))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_fold_as_shops_write_them() {
        let folded = |text: &str| text.chars().flat_map(fold_char).collect::<String>();
        for (text, expected) in [
            ("ＮＩＫＥ", "nike"),
            ("褲", "裤"),
            ("長", "长"),
            ("é", "e"),
            ("㎏", "kg"),
            ("①", "1"),
            ("ｶﾞ", "カ\u{3099}"),
            ("ガ", "カ\u{3099}"),
            ("İ", "i"),
            ("ﬁ", "fi"),
            ("Ⅳ", "iv"),
            ("／", "/"),
            ("裤", "裤"),
            ("½", "1⁄2"),
            ("Straße", "strasse"),
            ("STRAẞE", "strasse"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδός", "οδοσ"),
            ("ﬆ", "st"),
            ("ΐ", "ι"),
            ("ᾳ", "α"),
            ("ı", "ı"),
        ] {
            assert_eq!(folded(text), expected, "{text}");
        }
    }

    #[test]
    fn no_character_after_the_last_one_folds() {
        let mut rest = (LAST_FOLDED..=char::MAX).skip(1).step_by(3).filter(|&c| !is_ignored(c));
        assert_eq!(rest.find(|&c| fold_char(c) != [c]), None);
    }

    #[test]
    fn folding_twice_is_folding_once() {
        for (c, folded) in all_folds() {
            let again: String =
                folded.chars().flat_map(|c| if c.is_ascii() { vec![c] } else { fold_char(c) }).collect();
            assert_eq!(&again, folded, "{c} {:#x}", u32::from(*c));
        }
    }
}
