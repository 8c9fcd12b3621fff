//! Classes of characters by the effect that BERT's normalizer and pre-tokenizer have on them, found out by
//! asking them.

use tokenizers::{Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use crate::tokenizer::builder::Pipeline;

/// The number of characters whose classes are stored together.
const PAGE: usize = 64;

/// The effect of a character between two letters.
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

type Page = [Option<CharClass>; PAGE];

/// The classes of the characters that texts had, page by page. A long text asks for each character several times,
/// so a page is found by its number.
#[derive(Debug, Default)]
pub(super) struct CharClasses(Vec<Option<Box<Page>>>);

impl CharClasses {
    /// Returns the class of a character.
    pub(super) fn of(&mut self, pipeline: &Pipeline, c: char) -> CharClass {
        let (number, place) = (c as usize / PAGE, c as usize % PAGE);
        if self.0.len() <= number {
            self.0.resize(number + 1, None);
        }
        let page = self.0[number].get_or_insert_with(|| Box::new([None; PAGE]));
        *page[place].get_or_insert_with(|| classify(pipeline, c))
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
