//! The normalizer: the changes of a text before it is split.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokenizers::normalizers::{
    BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Strip,
    StripAccents,
};
use tokenizers::{NormalizedString, Normalizer};

use super::replace::Replace;
use super::{other, sequence};
use crate::error::Result;

/// A normalizer of `tokenizer.json`.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(in crate::tokenizer) enum TextNormalizer {
    /// BERT's.
    Bert(BertNormalizer),
    /// Removes white space at the ends.
    Strip(Strip),
    /// Removes combining marks.
    StripAccents(StripAccents),
    /// Unicode's composed form.
    Nfc(NFC),
    /// Unicode's decomposed form.
    Nfd(NFD),
    /// Unicode's composed compatibility form.
    Nfkc(NFKC),
    /// Unicode's decomposed compatibility form.
    Nfkd(NFKD),
    /// Lower case.
    Lowercase(Lowercase),
    /// The rules of SentencePiece's `nmt_nfkc`.
    Nmt(Nmt),
    /// SentencePiece's character map.
    Precompiled(Precompiled),
    /// Puts a text in front.
    Prepend(Prepend),
    /// Bytes as characters.
    ByteLevel(ByteLevel),
    /// Replaces a text.
    Replace(Replace),
    /// Several, one after the other.
    Sequence(NormalizerSequence),
    /// One with a regular expression.
    #[cfg(feature = "regex")]
    Other(tokenizers::NormalizerWrapper),
}

/// Normalizers that run one after the other.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "Sequence")]
pub(in crate::tokenizer) struct NormalizerSequence {
    normalizers: Vec<TextNormalizer>,
}

impl TextNormalizer {
    /// Parses a normalizer.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if it cannot be read, `NEEDS_UNFUSED` if its rules are not in this binary.
    pub(in crate::tokenizer) fn parse(value: &Value) -> Result<Self> {
        Ok(match Self::parse_simple(value)? {
            Some(normalizer) => normalizer,
            #[cfg(feature = "regex")]
            None => Self::Other(other(value, "normalizer")?),
            #[cfg(not(feature = "regex"))]
            None => other(value, "normalizer")?,
        })
    }

    /// Parses a normalizer whose rules are in every binary.
    fn parse_simple(value: &Value) -> Result<Option<Self>> {
        fn read<T: DeserializeOwned>(
            value: &Value,
            make: impl FnOnce(T) -> TextNormalizer,
        ) -> Option<TextNormalizer> {
            T::deserialize(value).ok().map(make)
        }
        Ok(match value.get("type").and_then(Value::as_str).unwrap_or("") {
            "BertNormalizer" => read(value, Self::Bert),
            "Strip" => read(value, Self::Strip),
            "StripAccents" => read(value, Self::StripAccents),
            "NFC" => read(value, Self::Nfc),
            "NFD" => read(value, Self::Nfd),
            "NFKC" => read(value, Self::Nfkc),
            "NFKD" => read(value, Self::Nfkd),
            "Lowercase" => read(value, Self::Lowercase),
            "Nmt" => read(value, Self::Nmt),
            "Precompiled" => read(value, Self::Precompiled),
            "Prepend" => read(value, Self::Prepend),
            "ByteLevel" => read(value, Self::ByteLevel),
            "Replace" => Replace::deserialize_simple(value).map(Self::Replace),
            "Sequence" => sequence(value, "normalizers", Self::parse)?
                .map(|normalizers| Self::Sequence(NormalizerSequence { normalizers })),
            _ => None,
        })
    }
}

impl Normalizer for TextNormalizer {
    fn normalize(&self, text: &mut NormalizedString) -> tokenizers::Result<()> {
        match self {
            Self::Bert(part) => part.normalize(text),
            Self::Strip(part) => part.normalize(text),
            Self::StripAccents(part) => part.normalize(text),
            Self::Nfc(part) => part.normalize(text),
            Self::Nfd(part) => part.normalize(text),
            Self::Nfkc(part) => part.normalize(text),
            Self::Nfkd(part) => part.normalize(text),
            Self::Lowercase(part) => part.normalize(text),
            Self::Nmt(part) => part.normalize(text),
            Self::Precompiled(part) => part.normalize(text),
            Self::Prepend(part) => part.normalize(text),
            Self::ByteLevel(part) => part.normalize(text),
            Self::Replace(part) => part.normalize(text),
            Self::Sequence(part) => part.normalizers.iter().try_for_each(|part| part.normalize(text)),
            #[cfg(feature = "regex")]
            Self::Other(part) => part.normalize(text),
        }
    }
}
