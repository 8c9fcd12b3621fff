//! GPT-2's pre-tokenizer, `ByteLevel`: words by a fixed expression, whose bytes become printable characters.
//!
//! The expression, from OpenAI's encoder of GPT-2, as its first alternative that matches:
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.

use serde::Serialize;
use tokenizers::normalizer::Range;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{NormalizedString, PreTokenizedString, PreTokenizer};

use super::char_ranges::{LETTERS, NUMBERS};

const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// A `ByteLevel` pre-tokenizer that needs no regular expression.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub(in crate::tokenizer) struct ByteLevelWords(pub(super) ByteLevel);

impl PreTokenizer for ByteLevelWords {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        text.split(|_, mut text| {
            if self.0.add_prefix_space && !text.get().starts_with(' ') {
                text.prepend(" ");
            }
            if self.0.use_regex { words(&text) } else { Ok(vec![text]) }
        })?;
        text.normalize(|text| {
            let bytes = text.get().char_indices().flat_map(|(at, c)| {
                text.get().as_bytes()[at..at + c.len_utf8()]
                    .iter()
                    .enumerate()
                    .map(|(number, &byte)| (printable(byte), isize::from(number > 0)))
            });
            let bytes: Vec<(char, isize)> = bytes.collect();
            text.transform(bytes, 0);
            Ok(())
        })
    }
}

/// Splits a text into the matches of the expression. They cover it.
fn words(text: &NormalizedString) -> tokenizers::Result<Vec<NormalizedString>> {
    let mut words = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get().get(start..).filter(|rest| !rest.is_empty()) {
        let end = start + match_length(rest);
        words.push(text.slice(Range::Normalized(start..end)).ok_or("a word ends inside a character")?);
        start = end;
    }
    Ok(words)
}

/// Returns the bytes of the expression's match at the start of a text that is not empty.
fn match_length(text: &str) -> usize {
    if let Some(contraction) = CONTRACTIONS.iter().find(|contraction| text.starts_with(**contraction)) {
        return contraction.len();
    }
    let word = text.strip_prefix(' ').unwrap_or(text);
    let kind = word.chars().next().map_or(CharKind::Space, CharKind::of);
    if kind != CharKind::Space {
        let length = run_length(word, kind);
        return text.len() - word.len() + length;
    }
    let spaces = run_length(text, CharKind::Space);
    match text[..spaces].char_indices().next_back() {
        // The last space before a word belongs to the next match.
        Some((last, _)) if spaces < text.len() && last > 0 => last,
        _ => spaces,
    }
}

/// Returns the bytes of the characters of one kind at the start of a text.
fn run_length(text: &str, kind: CharKind) -> usize {
    text.find(|c| CharKind::of(c) != kind).unwrap_or(text.len())
}

/// The kinds of characters that the expression tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CharKind {
    Letter,
    Number,
    Space,
    Other,
}

impl CharKind {
    fn of(c: char) -> Self {
        if is_in(&LETTERS, c) {
            Self::Letter
        } else if is_in(&NUMBERS, c) {
            Self::Number
        } else if c.is_whitespace() {
            Self::Space
        } else {
            Self::Other
        }
    }
}

fn is_in(ranges: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    let after = ranges.partition_point(|&(first, _)| first <= c);
    after.checked_sub(1).is_some_and(|at| c <= ranges[at].1)
}

/// Returns the character that stands for a byte: the byte's own if it is printable in Latin-1, else one of those from
/// U+0100 on, in the order of the other bytes.
fn printable(byte: u8) -> char {
    let is_printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if is_printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&byte| !is_printable(byte)).count();
    char::from_u32(0x100 + before as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}
