//! What BERT's normalizer and pre-tokenizer do with a character, found out by asking them.

use std::collections::BTreeMap;

use tokenizers::{Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use crate::tokenizer::builder::Pipeline;

/// The number of characters whose classes are stored together.
const PAGE: u32 = 64;

/// What becomes of a character between two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CharClass {
    /// White space: it separates words and has no token.
    Space,
    /// A word of its own: punctuation, a Chinese character.
    Single,
    /// A part of the word, with at least one character there.
    Word,
    /// Nothing: a control character, or a combining mark where accents are stripped.
    Removed,
    /// Something else.
    Other,
}

/// The classes of the characters that texts had, page by page.
#[derive(Debug, Default)]
pub(super) struct CharClasses(BTreeMap<u32, [Option<CharClass>; PAGE as usize]>);

impl CharClasses {
    /// Returns the class of a character.
    pub(super) fn of(&mut self, pipeline: &Pipeline, c: char) -> CharClass {
        let code = c as u32;
        let page = self.0.entry(code / PAGE).or_insert([None; PAGE as usize]);
        *page[(code % PAGE) as usize].get_or_insert_with(|| classify(pipeline, c))
    }
}

fn classify(pipeline: &Pipeline, c: char) -> CharClass {
    let mut text = PreTokenizedString::from(format!("a{c}a"));
    let normalized = match pipeline.get_normalizer() {
        Some(normalizer) => text.normalize(|part| normalizer.normalize(part)),
        None => Ok(()),
    };
    let split = match pipeline.get_pre_tokenizer() {
        Some(pre_tokenizer) => pre_tokenizer.pre_tokenize(&mut text),
        None => Ok(()),
    };
    if normalized.is_err() || split.is_err() {
        return CharClass::Other;
    }
    let words = text.get_splits(OffsetReferential::Normalized, OffsetType::None);
    let words: Vec<&str> = words.iter().map(|word| word.0).collect();
    match words[..] {
        ["a", "a"] => CharClass::Space,
        ["aa"] => CharClass::Removed,
        ["a", _, "a"] => CharClass::Single,
        [word] if word.len() > 2 && word.starts_with('a') && word.ends_with('a') => CharClass::Word,
        _ => CharClass::Other,
    }
}
