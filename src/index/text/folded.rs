//! A text in folded characters, each with its place in the source.

use std::ops::Range;

use super::class::{CharClass, is_ignored};

/// Folds characters: compatibility forms, case, marks, and traditional to simplified Chinese.
///
/// The builder of a catalog folds by Unicode's tables. A catalog folds by its own table, which has what occurs in its
/// texts. Both give the same terms for every text whose terms occur in the catalog.
pub(crate) trait Fold {
    /// Passes the folded form of `c` to `emit`: no, one or several characters.
    fn fold(&self, c: char, emit: &mut dyn FnMut(char));
}

/// A folded character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FoldedChar {
    pub(crate) c: char,
    pub(crate) class: CharClass,
    /// The source character's place, in UTF-16 code units.
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A folded text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folded {
    pub(crate) chars: Vec<FoldedChar>,
}

impl Folded {
    /// Folds a text. ASCII needs no table. A point between two digits is part of their number: 1.5l is not 15l.
    pub(crate) fn new(text: &str, fold: &dyn Fold) -> Self {
        let mut chars = Vec::with_capacity(text.len());
        let mut start = 0;
        for source in text.chars() {
            let end = start + source.len_utf16() as u32;
            let mut emit = |c| chars.push(FoldedChar { c, class: CharClass::of(c), start, end });
            if source.is_ascii() {
                emit(source.to_ascii_lowercase());
            } else if !is_ignored(source) {
                fold.fold(source, &mut emit);
            }
            start = end;
        }
        let is_digit = |folded: &FoldedChar| folded.c.is_ascii_digit();
        for i in 1..chars.len().saturating_sub(1) {
            if chars[i].c == '.' && is_digit(&chars[i - 1]) && is_digit(&chars[i + 1]) {
                chars[i].class = CharClass::Digit;
            }
        }
        Self { chars }
    }

    /// Returns the source's UTF-16 range of a range of folded characters.
    pub(crate) fn source_range(&self, chars: Range<usize>) -> Range<u32> {
        self.chars[chars.start].start..self.chars[chars.end - 1].end
    }

    /// Splits the text into runs: of dense characters, of words, of separators.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (i, folded) in self.chars.iter().enumerate() {
            let kind = RunKind::of(folded.class);
            match runs.last_mut() {
                Some(run) if run.kind == kind => run.chars.end = i + 1,
                _ => runs.push(Run { kind, chars: i..i + 1 }),
            }
        }
        runs
    }
}

/// The kind of characters in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunKind {
    Dense,
    Word,
    Separator,
}

impl RunKind {
    fn of(class: CharClass) -> Self {
        match class {
            CharClass::Dense => Self::Dense,
            CharClass::Separator => Self::Separator,
            _ => Self::Word,
        }
    }
}

/// Characters of one kind that stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) kind: RunKind,
    /// Indices of folded characters.
    pub(crate) chars: Range<usize>,
}
