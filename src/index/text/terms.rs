//! The terms of a text: what a catalog's index has of it, and what a query asks for.
//!
//! | of | terms of the index |
//! |---|---|
//! | a run of dense characters, 阔腿裤 | its bigrams 阔腿, 腿裤 and the last character 裤 |
//! | a word, `z62z72` | the word, and its parts `z62`, `z72`, `z`, `62`, `72` |
//! | joined words, `225/55R18`, `type-c` | the words, together `22555r18`, and the digits `2255518` |
//! | a part of joined words, `225/55R18 98V` | together `22555r18`, and the digits `2255518` |
//! | a number before a dense character, `17寸` | `17寸` |
//!
//! A query of one dense character asks for all terms that begin with it. With the last character of each run among the
//! terms, these are all terms that contain it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::class::CharClass;
use super::folded::{Folded, Run, RunKind};
use super::words::{Compound, models, parts};

/// The longest term in characters. Of a longer word only the beginning is indexed.
pub(crate) const MAX_TERM_CHARS: usize = 64;

/// A term and where it stands in the folded text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: String,
}

/// Returns the terms of a text for the index, in the order of their places, and the length of the text in terms. A term
/// that stands several times is returned several times, but once per place.
///
/// Joined words also have a term for each part of them, written together: what joins the words of a size or a name often
/// only separates it from the next one, as in `225/55R18 98V` and `小米·V4-83`. These do not count in the length.
pub(crate) fn index_terms(folded: &Folded) -> (Vec<Term>, usize) {
    let mut terms = BTreeSet::new();
    let mut compounds = Vec::new();
    let runs = folded.runs();
    let mut at = 0;
    while at < runs.len() {
        let run = &runs[at];
        match run.kind {
            RunKind::Separator => at += 1,
            RunKind::Dense => {
                for start in run.chars.clone() {
                    add(&mut terms, folded, start..(start + 2).min(run.chars.end));
                }
                at += 1;
            }
            RunKind::Word => {
                let (compound, next) = Compound::at(folded, &runs, at);
                add_compound(&mut terms, folded, &compound);
                compounds.push(compound);
                at = next;
            }
        }
    }
    for number in numbers_before_dense(folded, &runs) {
        add(&mut terms, folded, number);
    }
    let length = terms.len();
    for Compound { words } in &compounds {
        for start in 0..words.len() {
            for end in start + 1..=words.len() {
                add_joined(&mut terms, folded, &Compound { words: words[start..end].to_vec() });
            }
        }
    }
    (terms.into_iter().collect(), length)
}

fn add_compound(terms: &mut BTreeSet<Term>, folded: &Folded, compound: &Compound) {
    for word in &compound.words {
        add(terms, folded, word.clone());
        for part in models(folded, word.clone()).into_iter().chain(parts(folded, word.clone())) {
            add(terms, folded, part);
        }
    }
    add_joined(terms, folded, compound);
}

/// Adds the words of a compound written together, and its digits.
fn add_joined(terms: &mut BTreeSet<Term>, folded: &Folded, compound: &Compound) {
    let Range { start, end } = compound.chars();
    for text in [compound.compact(folded), compound.digits(folded)].into_iter().flatten() {
        terms.insert(Term { start, end, text: text.chars().take(MAX_TERM_CHARS).collect() });
    }
}

/// Adds the term that the characters `chars` are.
fn add(terms: &mut BTreeSet<Term>, folded: &Folded, chars: Range<usize>) {
    terms.insert(Term { start: chars.start, end: chars.end, text: term_text(folded, chars) });
}

/// Returns the characters as a term.
pub(super) fn term_text(folded: &Folded, chars: Range<usize>) -> String {
    folded.chars[chars].iter().take(MAX_TERM_CHARS).map(|folded| folded.c).collect()
}

/// Returns the places of numbers that a dense character follows, with that character: `17寸`, `2.0升`.
pub(super) fn numbers_before_dense(folded: &Folded, runs: &[Run]) -> Vec<Range<usize>> {
    let is_digit = |i: &usize| folded.chars[*i].class == CharClass::Digit;
    runs.windows(2)
        .filter(|pair| pair[0].kind == RunKind::Word && pair[1].kind == RunKind::Dense)
        .filter_map(|pair| {
            let digits = pair[0].chars.clone().rev().take_while(is_digit).count();
            (digits > 0).then(|| pair[0].chars.end - digits..pair[1].chars.start + 1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::folded::{Fold, Folded};
    use super::index_terms;

    struct NoFold;
    impl Fold for NoFold {
        fn fold(&self, c: char, emit: &mut dyn FnMut(char)) {
            emit(c);
        }
    }

    fn terms(text: &str) -> String {
        let (terms, _) = index_terms(&Folded::new(text, &NoFold));
        terms.iter().map(|term| term.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn dense_runs_are_bigrams_and_the_last_character() {
        assert_eq!(terms("阔腿裤"), "阔腿 腿裤 裤");
        assert_eq!(terms("花，束"), "花 束");
        assert_eq!(terms(""), "");
        assert_eq!(terms(" -- "), "");
    }

    #[test]
    fn words_have_parts() {
        assert_eq!(terms("NIKE"), "nike");
        assert_eq!(terms("Z62Z72"), "z z62 z62z72 62 z z72 72");
        assert_eq!(terms("iphone15"), "iphone iphone15 15");
    }

    #[test]
    fn joined_words_are_compounds() {
        assert_eq!(terms("5W-40"), "5 5w 5w40 w 40");
        assert!(terms("225/55R18").split(' ').any(|term| term == "22555r18"));
        assert!(terms("225/55 R18").split(' ').any(|term| term == "2255518"));
        assert!(terms("225/55R18").split(' ').any(|term| term == "2255518"));
        assert_eq!(terms("T-shirt"), "t tshirt shirt");
        assert_eq!(terms("dry-fit"), "dry fit");
        assert_eq!(terms("M4x20"), "m m4 m420 m4x20 4 x x20 20");
        assert_eq!(terms("nike 42"), "nike 42");
    }

    #[test]
    fn parts_of_compounds_are_written_together_and_have_no_length() {
        for (text, parts) in [
            ("225/55R18 98V", vec!["2255518", "22555r18", "551898", "55r1898v"]),
            ("ab·V4-83·x", vec!["abv4", "abv483", "v483", "v483x", "83x"]),
            ("M4x20 98V", vec!["m420"]),
        ] {
            let (terms, length) = index_terms(&Folded::new(text, &NoFold));
            for part in &parts {
                assert_eq!(terms.iter().filter(|term| term.text == *part).count(), 1, "{text}: {part}");
            }
            assert_eq!(terms.len() - length, parts.len(), "{text}: {terms:?}");
        }
        for text in ["5W-40", "type-c", "225/55R18", "nike", "阔腿裤", "M4x20", ""] {
            let (terms, length) = index_terms(&Folded::new(text, &NoFold));
            assert_eq!(terms.len(), length, "{text}: {terms:?}");
        }
    }

    #[test]
    fn a_point_is_part_of_its_number() {
        assert_eq!(terms("1.5L"), "1.5 1.5l l");
        assert_eq!(terms("2.0T，1.5升"), "2.0 2.0t t 1.5 1.5升 升");
        assert_eq!(terms("v2. 3."), "v v2 2 3");
    }

    #[test]
    fn numbers_take_the_next_dense_character() {
        assert_eq!(terms("17寸"), "17 17寸 寸");
        assert_eq!(terms("R17寸轮"), "r r17 17 17寸 寸轮 轮");
    }
}
