//! Divides a long text into parts whose tokens, put together, are those of the whole text.
//!
//! The `tokenizers` crate takes 100 to 200 bytes of memory per byte of text, and WebAssembly never gives memory
//! back. So a text is tokenized in parts of about 2 KiB until there are enough tokens.
//!
//! - [`chars`] classifies characters by what the tokenizer itself does with them, so the rules hold for every
//!   setting of BERT's normalizer.
//! - [`added`] knows the added tokens: no cut may split one, or change which white space or neighbor it sees.
//! - [`words`] cuts texts for BERT's pre-tokenizer and shortens words that are too long for the vocabulary.
//! - [`spaces`] cuts texts for SentencePiece's and GPT-2's pre-tokenizers.
//! - [`part`] has the sizes of parts.
//! - [`kind`] says which of the two a tokenizer has.

mod added;
mod chars;
mod kind;
mod part;
mod spaces;
mod words;

use std::sync::{Mutex, PoisonError};

use super::builder::Pipeline;
use added::AddedTokens;
use chars::CharClasses;
use kind::Kind;
pub(super) use part::Part;
use part::{MAX_PART_BYTES, MAX_WHOLE_BYTES, MIN_PART_BYTES};
use spaces::Spaces;
pub(super) use words::Shortened;

/// Finds the parts of texts for one tokenizer.
#[derive(Debug)]
pub(super) struct Splitter {
    kind: Kind,
    added: AddedTokens,
    classes: Mutex<CharClasses>,
}

impl Splitter {
    /// Makes the rules for a tokenizer.
    pub(super) fn new(pipeline: &Pipeline) -> Self {
        Self { kind: Kind::of(pipeline), added: AddedTokens::of(pipeline), classes: Mutex::default() }
    }

    /// Returns the part of `text` that starts at byte `from`, at least `min_bytes` long.
    pub(super) fn next_part(&self, pipeline: &Pipeline, text: &str, from: usize, min_bytes: usize) -> Part {
        let min_bytes = min_bytes.max(MIN_PART_BYTES);
        if text.len() - from <= min_bytes {
            return Part::Exact(text.len());
        }
        match self.kind {
            Kind::Whole if text.len() - from <= MAX_WHOLE_BYTES => Part::Exact(text.len()),
            Kind::Whole => Part::None,
            Kind::Words { .. } => {
                let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
                Part::Exact(words::next_cut(pipeline, &self.added, &mut classes, text, from + min_bytes))
            }
            Kind::Spaces(spaces) => spaces.next_part(pipeline, &self.added, text, from, min_bytes),
        }
    }

    /// Leaves out what has no influence on the tokens of a part: the middle of words that are too long for the
    /// vocabulary, of long white space, and of long runs of characters that the normalizer removes.
    pub(super) fn shorten(&self, pipeline: &Pipeline, part: &str) -> Shortened {
        let Kind::Words { max_word_chars } = self.kind else { return Shortened::default() };
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        words::shorten(pipeline, &self.added, &mut classes, part, max_word_chars)
    }

    /// Returns the most bytes that are tokenized at once.
    pub(super) fn max_bytes(&self) -> usize {
        if self.kind == Kind::Whole { MAX_WHOLE_BYTES } else { MAX_PART_BYTES }
    }

    /// Returns where texts are divided, for messages, or `None` if they are not.
    pub(super) fn places(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Words { .. } => Some("white space or punctuation"),
            Kind::Spaces(Spaces::Pieces) => Some("a space or characters of its vocabulary"),
            Kind::Spaces(Spaces::Bytes { .. }) => Some("a space between words"),
            Kind::Whole => None,
        }
    }

    /// Returns true if a part is only white space and so has no tokens.
    pub(super) fn is_blank(&self, pipeline: &Pipeline, part: &str) -> bool {
        if !matches!(self.kind, Kind::Words { .. }) || self.added.has_blank() {
            return false;
        }
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        part.chars().all(|c| classes.of(pipeline, c) == chars::CharClass::Space)
    }
}
