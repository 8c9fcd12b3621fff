//! Finds added tokens in a text, and normalizes the rest.

use daachorse::{DoubleArrayAhoCorasick, DoubleArrayAhoCorasickBuilder, MatchKind};
use tokenizers::normalizer::Range;
use tokenizers::{
    AddedToken, AddedVocabulary, NormalizedString, Normalizer, Offsets, PreTokenizedString, Token,
};

use super::{TextNormalizer, invalid};
use crate::error::Result;

type Automaton = DoubleArrayAhoCorasick<u32>;
type Parts = Vec<(NormalizedString, Option<Vec<Token>>)>;

/// The added tokens of a tokenizer, ready to be searched for. Of the tokens that start at one place, the longest is
/// found.
pub(in crate::tokenizer) struct AddedTokenFinder {
    /// Finds the tokens that are searched for in the text as it is.
    plain: Option<Automaton>,
    /// Finds the tokens that are searched for in the normalized text.
    normalized: Option<Automaton>,
    /// True if a token is only found as a word of its own. The letters of words are those of a regular expression.
    has_single_words: bool,
}

impl AddedTokenFinder {
    /// Prepares the search. A tokenizer whose normalizer or tokens change needs another one.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if two tokens have the same text once they are normalized. `NEEDS_UNFUSED` for
    /// `single_word` in a binary without regular expressions.
    pub(in crate::tokenizer) fn new(vocabulary: &AddedVocabulary) -> Result<Self> {
        let tokens = vocabulary.get_added_tokens_decoder();
        let (mut plain, mut normalized) = (Vec::new(), Vec::new());
        for (&id, token) in tokens {
            if token.normalized {
                normalized.push((vocabulary.simple_id_to_token(id).unwrap_or_default(), id));
            } else {
                plain.push((token.content.clone(), id));
            }
        }
        let has_single_words = tokens.values().any(|token| token.single_word);
        #[cfg(not(feature = "regex"))]
        if has_single_words {
            crate::error::fail!(
                NeedsUnfused,
                "tokenizer.json: added tokens with `single_word` are not in this binary; corom-unfused.wasm has them"
            );
        }
        Ok(Self { plain: automaton(plain)?, normalized: automaton(normalized)?, has_single_words })
    }

    /// Returns the text in parts: added tokens, and the normalized text between them.
    pub(in crate::tokenizer) fn extract(
        &self,
        vocabulary: &AddedVocabulary,
        normalizer: Option<&TextNormalizer>,
        text: &str,
    ) -> tokenizers::Result<PreTokenizedString> {
        #[cfg(feature = "regex")]
        if self.has_single_words {
            return Ok(vocabulary.extract_and_normalize(normalizer, text));
        }
        debug_assert!(!self.has_single_words);
        let mut parts = PreTokenizedString::from(text);
        parts.split(|_, text| split(vocabulary, text, self.plain.as_ref()))?;
        parts.split(|_, mut text| {
            if let Some(normalizer) = normalizer {
                normalizer.normalize(&mut text)?;
            }
            split(vocabulary, text, self.normalized.as_ref())
        })?;
        Ok(parts)
    }
}

fn automaton(tokens: Vec<(String, u32)>) -> Result<Option<Automaton>> {
    if tokens.is_empty() {
        return Ok(None);
    }
    let builder = DoubleArrayAhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest);
    builder.build_with_values(tokens).map(Some).map_err(|e| invalid("added_tokens", &e))
}

/// Splits a text at the tokens that an automaton finds.
fn split(
    vocabulary: &AddedVocabulary,
    text: NormalizedString,
    automaton: Option<&Automaton>,
) -> tokenizers::Result<Parts> {
    let Some(automaton) = automaton else { return Ok(vec![(text, None)]) };
    let mut parts = Vec::new();
    for (id, (start, end)) in matches(vocabulary, text.get(), automaton) {
        let part =
            text.slice(Range::Normalized(start..end)).ok_or("an added token ends inside a character")?;
        let tokens = id.map(|id| vec![Token::new(id, part.get().to_owned(), (0, part.get().len()))]);
        parts.push((part, tokens));
    }
    Ok(parts)
}

/// Returns the parts of a text, each with the id of the token that it is.
fn matches(vocabulary: &AddedVocabulary, text: &str, automaton: &Automaton) -> Vec<(Option<u32>, Offsets)> {
    let mut parts = Vec::new();
    let mut end = 0;
    for found in automaton.leftmost_find_iter(text) {
        let id = found.value();
        let Some(token) = vocabulary.get_added_tokens_decoder().get(&id) else { continue };
        if vocabulary.get_encode_special_tokens() && vocabulary.is_special_token(&token.content) {
            continue;
        }
        let start = if token.lstrip {
            // White space that the token before has taken stays with it.
            text[..found.start()].trim_end().len().max(end)
        } else {
            found.start()
        };
        let stop = found.end() + taken_after(token, &text[found.end()..]);
        if end < start {
            parts.push((None, (end, start)));
        }
        parts.push((Some(id), (start, stop)));
        end = stop;
    }
    if end < text.len() || parts.is_empty() {
        parts.push((None, (end, text.len())));
    }
    parts
}

/// Returns the bytes of white space after a token that it takes.
fn taken_after(token: &AddedToken, rest: &str) -> usize {
    if token.rstrip { rest.len() - rest.trim_start().len() } else { 0 }
}
