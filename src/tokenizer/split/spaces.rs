//! Cuts texts for SentencePiece's pre-tokenizer (Metaspace) and GPT-2's (ByteLevel): before a single space, which
//! begins the next word in both.

use super::added::{AddedTokens, ceil};
use super::part::{MAX_PART_BYTES, Part};
use crate::tokenizer::builder::Pipeline;

/// The two pre-tokenizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tokenizer) enum Spaces {
    /// Metaspace before a Unigram. The beginning of a word has tokens that are certain, so a text can also be cut
    /// inside a word.
    Pieces,
    /// ByteLevel before a BPE. It also splits between letters, digits and punctuation.
    Bytes {
        /// True if a space is put before a text without one: then only a cut before a space is exact.
        adds_space: bool,
    },
}

impl Spaces {
    /// Returns the part of the text that starts at byte `from`.
    pub(super) fn next_part(
        self,
        pipeline: &Pipeline,
        added: &AddedTokens,
        text: &str,
        from: usize,
        min_bytes: usize,
    ) -> Part {
        let start = ceil(text, from + min_bytes);
        let end = ceil(text, (from + MAX_PART_BYTES).min(text.len()));
        let may_cut = |at: usize| {
            let (left, right) = text.split_at(at);
            added.may_cut(pipeline, left, right)
        };
        let mut before = text[..start].chars().next_back();
        let mut inside = None;
        for (i, c) in text.get(start..end).unwrap_or("").char_indices() {
            let at = start + i;
            let after = text[at + c.len_utf8()..].chars().next();
            if let Some(before) = before
                && self.splits_between(before, c, after)
                && may_cut(at)
            {
                return Part::Exact(at);
            }
            if self == Self::Pieces
                && inside.is_none()
                && before.is_some_and(is_simple)
                && is_simple(c)
                && may_cut(at)
            {
                inside = Some(at);
            }
            before = Some(c);
        }
        match inside {
            Some(at) => Part::InsideWord(at),
            None if text.len() - from <= MAX_PART_BYTES => Part::Exact(text.len()),
            None => Part::None,
        }
    }

    /// Returns true if the pre-tokenizer always splits between `before` and `c`, and the normalizer treats them
    /// apart.
    fn splits_between(self, before: char, c: char, after: Option<char>) -> bool {
        if c == ' ' {
            return is_simple(before) && after.is_some_and(is_simple);
        }
        let kind = |c: char| (c.is_ascii_alphabetic(), c.is_ascii_digit());
        // An apostrophe may begin a contraction: `'s`.
        self == Self::Bytes { adds_space: false }
            && [before, c].iter().all(|c| c.is_ascii_graphic() && *c != '\'')
            && kind(before) != kind(c)
    }
}

/// Returns true for characters that stand alone: no neighbor of this kind combines with them, and no normalizer turns
/// them into white space. The set suffices for the texts that occur in practice.
fn is_simple(c: char) -> bool {
    c.is_ascii_graphic()
        || matches!(c, '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' | '\u{391}'..='\u{3c9}'
            | '\u{400}'..='\u{481}' | '\u{48a}'..='\u{52f}' | '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{63f}'
            | '\u{641}'..='\u{64a}' | '\u{e01}'..='\u{e2e}' | '\u{3001}' | '\u{3002}' | '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{ff01}'..='\u{ff5e}'
            | '\u{1f300}'..='\u{1f3fa}' | '\u{1f400}'..='\u{1f64f}' | '\u{1f900}'..='\u{1f9ff}')
}
