//! The pre-tokenizer: it splits a text into words.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::delimiter::CharDelimiterSplit;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::metaspace::Metaspace;
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::{PreTokenizedString, PreTokenizer};

use super::byte_level::ByteLevelWords;
use super::{other, sequence};
use crate::error::Result;

/// A pre-tokenizer of `tokenizer.json`.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(in crate::tokenizer) enum WordSplitter {
    /// BERT's: at white space and punctuation.
    Bert(BertPreTokenizer),
    /// GPT-2's, whose bytes become characters.
    ByteLevel(ByteLevelWords),
    /// At a character.
    Delimiter(CharDelimiterSplit),
    /// SentencePiece's: spaces become `▁`.
    Metaspace(Metaspace),
    /// At punctuation.
    Punctuation(Punctuation),
    /// At white space.
    WhitespaceSplit(WhitespaceSplit),
    /// At digits.
    Digits(Digits),
    /// Several, one after the other.
    Sequence(SplitterSequence),
    /// One with a regular expression, or with tables of scripts.
    #[cfg(feature = "regex")]
    Other(tokenizers::PreTokenizerWrapper),
}

/// Pre-tokenizers that run one after the other.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "Sequence")]
pub(in crate::tokenizer) struct SplitterSequence {
    pretokenizers: Vec<WordSplitter>,
}

impl WordSplitter {
    /// Parses a pre-tokenizer.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if it cannot be read, `NEEDS_UNFUSED` if its rules are not in this binary.
    pub(in crate::tokenizer) fn parse(value: &Value) -> Result<Self> {
        Ok(match Self::parse_simple(value)? {
            Some(splitter) => splitter,
            #[cfg(feature = "regex")]
            None => Self::Other(other(value, "pre_tokenizer")?),
            #[cfg(not(feature = "regex"))]
            None => other(value, "pre_tokenizer")?,
        })
    }

    /// Parses a pre-tokenizer whose rules are in every binary.
    fn parse_simple(value: &Value) -> Result<Option<Self>> {
        fn read<T: DeserializeOwned>(
            value: &Value,
            make: impl FnOnce(T) -> WordSplitter,
        ) -> Option<WordSplitter> {
            T::deserialize(value).ok().map(make)
        }
        Ok(match value.get("type").and_then(Value::as_str).unwrap_or("") {
            "BertPreTokenizer" => read(value, Self::Bert),
            "ByteLevel" => read(value, |part| Self::ByteLevel(ByteLevelWords(part))),
            "CharDelimiterSplit" => read(value, Self::Delimiter),
            "Metaspace" => read(value, Self::Metaspace),
            "Punctuation" => read(value, Self::Punctuation),
            "WhitespaceSplit" => read(value, Self::WhitespaceSplit),
            "Digits" => read(value, Self::Digits),
            "Sequence" => sequence(value, "pretokenizers", Self::parse)?
                .map(|pretokenizers| Self::Sequence(SplitterSequence { pretokenizers })),
            _ => None,
        })
    }
}

impl PreTokenizer for WordSplitter {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        match self {
            Self::Bert(part) => part.pre_tokenize(text),
            Self::ByteLevel(part) => part.pre_tokenize(text),
            Self::Delimiter(part) => part.pre_tokenize(text),
            Self::Metaspace(part) => part.pre_tokenize(text),
            Self::Punctuation(part) => part.pre_tokenize(text),
            Self::WhitespaceSplit(part) => part.pre_tokenize(text),
            Self::Digits(part) => part.pre_tokenize(text),
            Self::Sequence(part) => part.pretokenizers.iter().try_for_each(|part| part.pre_tokenize(text)),
            #[cfg(feature = "regex")]
            Self::Other(part) => part.pre_tokenize(text),
        }
    }
}
