//! Words of letters and digits: their parts, and the compounds that model numbers and sizes are written as.

use std::ops::Range;

use super::class::CharClass;
use super::folded::{Folded, FoldedChar, Run, RunKind};

/// Characters that join the words of one number or name: `5w-40`, `225/55r18`, `2.0t`.
const JOINERS: &[char] = &['-', '_', '/', '.', '*', '+', '\'', '×', '·'];
/// Joiners that also join letters, if one of the words is an affix: `type-c`, `men's`.
const AFFIX_JOINERS: &[char] = &['-', '_', '.', '\''];
/// The longest affix in letters.
const MAX_AFFIX: usize = 2;
/// The longest compound.
pub(super) const MAX_WORDS: usize = 6;
/// Compounds of so many digits are also found by the digits alone: `2255518`.
const MIN_DIGITS: usize = 5;

/// One word, or several that are joined.
#[derive(Debug)]
pub(super) struct Compound {
    pub(super) words: Vec<Range<usize>>,
}

impl Compound {
    /// Finds the compound that begins with the word run `runs[at]`. Returns it and the index of the run after it.
    pub(super) fn at(folded: &Folded, runs: &[Run], at: usize) -> (Self, usize) {
        let mut words = vec![runs[at].chars.clone()];
        let mut next = at + 1;
        while words.len() < MAX_WORDS {
            let [between, word] = match runs.get(next..next + 2) {
                Some([a, b]) if b.kind == RunKind::Word => [a, b],
                _ => break,
            };
            let joiner = &folded.chars[between.chars.clone()];
            let last = &words[words.len() - 1];
            if !joins(joiner, &folded.chars[last.clone()], &folded.chars[word.chars.clone()]) {
                break;
            }
            words.push(word.chars.clone());
            next += 2;
        }
        (Self { words }, next)
    }

    /// Returns the range of folded characters from the first word to the last.
    pub(super) fn chars(&self) -> Range<usize> {
        self.words[0].start..self.words[self.words.len() - 1].end
    }

    /// Returns the words written together, without an `x` between digits: `5w40`, `typec`, `m420` of `m4x20`. None if that
    /// is the word itself.
    pub(super) fn compact(&self, folded: &Folded) -> Option<String> {
        let chars: Vec<_> = self.words.iter().cloned().flat_map(|word| &folded.chars[word]).collect();
        let is_digit_at = |i: usize| chars.get(i).is_some_and(|folded| is_digit(folded));
        let is_times = |i: usize| chars[i].c == 'x' && i > 0 && is_digit_at(i - 1) && is_digit_at(i + 1);
        let text: Vec<char> = (0..chars.len()).filter(|&i| !is_times(i)).map(|i| chars[i].c).collect();
        (self.words.len() > 1 || text.len() < chars.len()).then(|| text.into_iter().collect())
    }

    /// Returns the digits alone, if the compound has enough of them and letters beside them.
    pub(super) fn digits(&self, folded: &Folded) -> Option<String> {
        let chars = || self.words.iter().cloned().flat_map(|word| &folded.chars[word]);
        let digits: String = chars().filter(|folded| is_digit(folded)).map(|folded| folded.c).collect();
        (self.words.len() > 1 && digits.len() >= MIN_DIGITS && chars().any(|folded| !is_digit(folded)))
            .then_some(digits)
    }
}

/// Returns true for a character that joins words.
pub(crate) fn is_joiner(c: char) -> bool {
    JOINERS.contains(&c)
}

/// Returns true if what stands between two words joins them: one joiner beside a digit or an affix, or a space between two words with digits of
/// which one also has letters, as in `225/55 R18`.
fn joins(between: &[FoldedChar], left: &[FoldedChar], right: &[FoldedChar]) -> bool {
    let [FoldedChar { c, .. }] = between else { return false };
    if JOINERS.contains(c) {
        let is_affix = left.len().min(right.len()) <= MAX_AFFIX && AFFIX_JOINERS.contains(c);
        return is_affix || left.iter().chain(right).any(is_digit);
    }
    *c == ' '
        && left.iter().any(is_digit)
        && right.iter().any(is_digit)
        && left.iter().chain(right).any(|folded| !is_digit(folded))
}

fn is_digit(folded: &FoldedChar) -> bool {
    folded.class == CharClass::Digit
}

/// Splits a word where a digit is followed by a letter: `z62z72` into `z62`, `z72`.
pub(super) fn models(folded: &Folded, word: Range<usize>) -> Vec<Range<usize>> {
    split(folded, word, |before, after| before == CharClass::Digit && after == CharClass::Letter)
}

/// Splits a word at every border of letters and digits: `iphone15` into `iphone`, `15`.
pub(super) fn parts(folded: &Folded, word: Range<usize>) -> Vec<Range<usize>> {
    split(folded, word, |before, after| before != after)
}

fn split(
    folded: &Folded,
    word: Range<usize>,
    is_border: impl Fn(CharClass, CharClass) -> bool,
) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = word.start;
    for i in word.start + 1..word.end {
        if is_border(folded.chars[i - 1].class, folded.chars[i].class) {
            parts.push(start..i);
            start = i;
        }
    }
    parts.push(start..word.end);
    parts
}
