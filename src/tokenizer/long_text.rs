//! Finds places where a long text can be cut, and shortens words that are too long for the vocabulary. Neither
//! changes any token.

use std::ops::Range;

/// Bytes after which the next safe place to cut is searched. Most product texts are shorter.
const MIN_PART_BYTES: usize = 2048;

/// The rules for cutting and shortening.
///
/// The word boundaries of BERT's tokenizer make cutting safe: it puts spaces around every Chinese character
/// and splits at white space, and neither ever combines with its neighbors under Unicode normalization.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextSplitter {
    /// WordPiece turns a word with more characters into one `[UNK]`.
    pub(super) max_word_chars: usize,
}

/// A part of text without the middle of over-long words.
#[derive(Debug, Default)]
pub(super) struct Shortened {
    /// The shortened text, or `None` if no word is over-long.
    pub(super) text: Option<String>,
    /// Positions in the shortened text and the bytes omitted there, ascending.
    cuts: Vec<(usize, usize)>,
}

impl Shortened {
    /// Returns the position in the original part of a position in the shortened text.
    pub(super) fn original(&self, position: usize) -> usize {
        let left_out: usize = self.cuts.iter().take_while(|c| c.0 <= position).map(|c| c.1).sum();
        position + left_out
    }
}

impl TextSplitter {
    /// Returns the end of the part that starts at byte `from`: the first safe place to cut at least
    /// [`MIN_PART_BYTES`] later, or the end of the text.
    pub(super) fn next_split(text: &str, from: usize) -> usize {
        if text.len() - from <= MIN_PART_BYTES {
            return text.len();
        }
        let mut at = from + MIN_PART_BYTES;
        while !text.is_char_boundary(at) {
            at += 1;
        }
        text[at..].char_indices().find(|&(_, c)| may_split_before(c)).map_or(text.len(), |(i, _)| at + i)
    }

    /// Shortens each run of letters that is long enough to make its word an `[UNK]`.
    pub(super) fn shorten(self, part: &str) -> Shortened {
        let keep = self.max_word_chars.saturating_add(1);
        if part.len() <= keep {
            return Shortened::default();
        }
        let mut kept: Vec<Range<usize>> = Vec::new();
        let (mut start, mut run) = (0, 0);
        for (i, c) in part.char_indices() {
            let was = run;
            run = if is_unsplit_letter(c) { run + 1 } else { 0 };
            if run == keep.saturating_add(1) {
                kept.push(start..i);
            }
            if run == 0 && was > keep {
                start = i;
            }
        }
        if kept.is_empty() {
            return Shortened::default();
        }
        if run <= keep {
            kept.push(start..part.len());
        }
        let mut text = String::new();
        let mut cuts = Vec::new();
        for (i, range) in kept.iter().enumerate() {
            text.push_str(&part[range.clone()]);
            let next = kept.get(i + 1).map_or(part.len(), |next| next.start);
            if next > range.end {
                cuts.push((text.len(), next - range.end));
            }
        }
        Shortened { text: Some(text), cuts }
    }
}

/// Returns true if a part is only white space and so has no tokens.
pub(super) fn is_blank(part: &str) -> bool {
    part.chars().all(is_space)
}

/// Returns true for white space that the normalizer turns into a space, the full-width space included.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{3000}')
}

fn may_split_before(c: char) -> bool {
    is_space(c) || matches!(c, '\u{4e00}'..='\u{9fff}')
}

/// Returns true for letters and digits that the normalizer keeps (perhaps as another letter) and at which the
/// pre-tokenizer never splits. The subset suffices for the junk that occurs in practice.
fn is_unsplit_letter(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{ff}'
            | '\u{400}'..='\u{481}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPLITTER: TextSplitter = TextSplitter { max_word_chars: 5 };

    #[test]
    fn shorten_keeps_short_words() {
        assert!(SPLITTER.shorten("abcdef 中文 abcdef").text.is_none());
    }

    #[test]
    fn shorten_maps_positions_back_to_the_original() {
        let part = "a abcdefghij, 中zzzzzzzzz";
        let shortened = SPLITTER.shorten(part);
        let text = shortened.text.as_deref().unwrap();
        assert_eq!(text, "a abcdef, 中zzzzzz");
        let comma = text.find(',').unwrap();
        assert_eq!(shortened.original(comma), part.find(',').unwrap());
        assert_eq!(shortened.original(2), 2);
        assert_eq!(shortened.original(text.find('z').unwrap()), part.find('z').unwrap());
        assert_eq!(shortened.original(text.len()), part.len());
    }

    #[test]
    fn next_split_is_before_white_space_or_a_chinese_character() {
        let text = format!("{}中{}", "é".repeat(1500), "x".repeat(10));
        assert_eq!(TextSplitter::next_split(&text, 0), 3000);
        assert_eq!(TextSplitter::next_split(&text, 3000), text.len());
        assert_eq!(TextSplitter::next_split("short", 0), 5);
    }
}
