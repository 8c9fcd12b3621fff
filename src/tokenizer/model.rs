//! The model of a tokenizer: which tokens a word has.
//!
//! WordPiece, BPE and WordLevel are those of the `tokenizers` crate. Unigram is our own ([`Unigram`]), because
//! the crate's keeps a hash map per byte of the vocabulary. A `model` of `tokenizer.json` is read field by
//! field: its vocabulary may have 250,000 tokens, and generic JSON values would take ten times the file's size.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::{BpeBuilder, Vocab};
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::models::wordpiece::{WordPieceBuilder, WordPieceTrainer};
use tokenizers::{Model, Token};

use super::unigram::Unigram;

/// A model, and the highest id that it returns.
#[derive(Debug, Clone)]
pub(super) struct TokenModel {
    kind: Kind,
    max_id: Option<u32>,
}

/// The two places where a model comes from.
#[derive(Debug, Clone)]
enum Kind {
    Crate(ModelWrapper),
    Unigram(Unigram),
}

impl TokenModel {
    /// Returns a model of the `tokenizers` crate with the highest id of its vocabulary.
    pub(super) fn new(model: impl Into<ModelWrapper>, max_id: Option<u32>) -> Self {
        Self { kind: Kind::Crate(model.into()), max_id }
    }

    /// Returns the highest id in the vocabulary, or `None` if it is empty.
    pub(super) fn max_id(&self) -> Option<u32> {
        self.max_id
    }

    /// Returns the model of the `tokenizers` crate, unless this is a Unigram.
    pub(super) fn as_crate(&self) -> Option<&ModelWrapper> {
        match &self.kind {
            Kind::Crate(model) => Some(model),
            Kind::Unigram(_) => None,
        }
    }

    /// Returns the Unigram, if this is one.
    pub(super) fn as_unigram(&self) -> Option<&Unigram> {
        match &self.kind {
            Kind::Crate(_) => None,
            Kind::Unigram(model) => Some(model),
        }
    }

    /// Returns the id that stands for what the vocabulary does not have.
    pub(super) fn unknown_id(&self) -> Option<u32> {
        match &self.kind {
            Kind::Unigram(model) => model.unknown_id(),
            Kind::Crate(ModelWrapper::WordPiece(model)) => model.token_to_id(&model.unk_token),
            Kind::Crate(ModelWrapper::WordLevel(model)) => model.token_to_id(&model.unk_token),
            Kind::Crate(ModelWrapper::BPE(model)) => model.token_to_id(model.unk_token.as_ref()?),
            Kind::Crate(_) => None,
        }
    }
}

impl Model for TokenModel {
    type Trainer = WordPieceTrainer;

    fn tokenize(&self, sequence: &str) -> tokenizers::Result<Vec<Token>> {
        match &self.kind {
            Kind::Crate(model) => model.tokenize(sequence),
            Kind::Unigram(model) => model.tokenize(sequence),
        }
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        match &self.kind {
            Kind::Crate(model) => model.token_to_id(token),
            Kind::Unigram(model) => model.id(token),
        }
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        match &self.kind {
            Kind::Crate(model) => model.id_to_token(id),
            Kind::Unigram(model) => model.piece(id).map(str::to_owned),
        }
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        match &self.kind {
            Kind::Crate(model) => model.get_vocab(),
            Kind::Unigram(model) => (0..).map_while(|id| Some((model.piece(id)?.to_owned(), id))).collect(),
        }
    }

    fn get_vocab_size(&self) -> usize {
        match &self.kind {
            Kind::Crate(model) => model.get_vocab_size(),
            Kind::Unigram(model) => model.len(),
        }
    }

    fn save(&self, _: &Path, _: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("a model is saved as a part of tokenizer.json".into())
    }

    fn get_trainer(&self) -> WordPieceTrainer {
        WordPieceTrainer::default()
    }
}

impl Serialize for TokenModel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            Kind::Crate(model) => model.serialize(serializer),
            Kind::Unigram(model) => model.serialize(serializer),
        }
    }
}

/// The fields of `model`, of every type of model. Absent fields are those that a type does not have.
#[derive(Deserialize)]
pub(super) struct ModelFields {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: Vocabulary,
    merges: Option<Merges>,
    unk_token: Option<String>,
    unk_id: Option<usize>,
    continuing_subword_prefix: Option<String>,
    max_input_chars_per_word: Option<usize>,
    end_of_word_suffix: Option<String>,
    fuse_unk: Option<bool>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
    dropout: Option<f32>,
}

/// A vocabulary: an id per token, or a list of tokens with scores.
enum Vocabulary {
    Ids(Vec<(String, u32)>),
    Scores(Unigram),
}

/// The settings that transformers' classes make in a model that they build from the file's vocabulary.
#[derive(Debug, Clone)]
pub(super) enum Rebuild {
    /// As the file says.
    None,
    /// BERT's WordPiece with this unknown token.
    WordPiece { unk_token: String },
    /// XLM-RoBERTa's Unigram, whose unknown token has id 3.
    Unigram,
    /// RoBERTa's BPE.
    Bpe,
}

impl ModelFields {
    /// Builds the model.
    ///
    /// # Errors
    /// A message, if fields are missing or contradict each other.
    pub(super) fn build(self, rebuild: &Rebuild) -> Result<TokenModel, String> {
        let kind = self.kind.as_deref().unwrap_or(match (&self.vocab, &self.merges) {
            (Vocabulary::Scores(_), _) => "Unigram",
            (_, Some(_)) => "BPE",
            (_, None) if self.max_input_chars_per_word.is_some() => "WordPiece",
            _ => "WordLevel",
        });
        let expected = match rebuild {
            Rebuild::None => kind,
            Rebuild::WordPiece { .. } => "WordPiece",
            Rebuild::Unigram => "Unigram",
            Rebuild::Bpe => "BPE",
        };
        if kind != expected {
            return Err(format!("the model is a {kind}; the folder's tokenizer_class has a {expected}"));
        }
        let missing = |name: &str| format!("the {kind} model has no `{name}`");
        let failed = |e: tokenizers::Error| e.to_string();
        let pairs = match (kind, self.vocab) {
            ("Unigram", Vocabulary::Scores(mut model)) => {
                let unk_id = if matches!(rebuild, Rebuild::Unigram) { Some(3) } else { self.unk_id };
                let fallback = self.byte_fallback == Some(true) && !matches!(rebuild, Rebuild::Unigram);
                model.set_unknown(unk_id, fallback)?;
                let max_id = u32::try_from(model.len()).ok().and_then(|n| n.checked_sub(1));
                return Ok(TokenModel { kind: Kind::Unigram(model), max_id });
            }
            ("Unigram", Vocabulary::Ids(_)) | (_, Vocabulary::Scores(_)) => {
                return Err(format!("the vocabulary is not that of a {kind}"));
            }
            (_, Vocabulary::Ids(pairs)) => pairs,
        };
        let max_id = pairs.iter().map(|pair| pair.1).max();
        let vocabulary: Vocab = pairs.into_iter().collect();
        match kind {
            "WordPiece" => {
                let (unk_token, prefix, max_chars) = match rebuild {
                    Rebuild::WordPiece { unk_token } => (unk_token.clone(), "##".to_owned(), 100),
                    _ => (
                        self.unk_token.ok_or_else(|| missing("unk_token"))?,
                        self.continuing_subword_prefix.ok_or_else(|| missing("continuing_subword_prefix"))?,
                        self.max_input_chars_per_word.ok_or_else(|| missing("max_input_chars_per_word"))?,
                    ),
                };
                let builder = WordPieceBuilder::new().vocab(vocabulary).unk_token(unk_token);
                let builder = builder.continuing_subword_prefix(prefix).max_input_chars_per_word(max_chars);
                Ok(TokenModel::new(builder.build().map_err(failed)?, max_id))
            }
            "WordLevel" => {
                let unk_token = self.unk_token.ok_or_else(|| missing("unk_token"))?;
                let model = WordLevel::builder().vocab(vocabulary).unk_token(unk_token).build();
                Ok(TokenModel::new(model.map_err(failed)?, max_id))
            }
            "BPE" => {
                let Some(Merges(merges)) = self.merges else { return Err(missing("merges")) };
                let mut builder = BpeBuilder::new();
                if !matches!(rebuild, Rebuild::Bpe) {
                    // The crate subtracts the length of the prefix from that of the second token.
                    let prefix = self.continuing_subword_prefix.as_deref().unwrap_or("");
                    if let Some((_, b)) = merges.iter().find(|(_, b)| !b.starts_with(prefix)) {
                        return Err(format!("the merge with `{b}` has no prefix `{prefix}`"));
                    }
                    builder = builder
                        .fuse_unk(self.fuse_unk == Some(true))
                        .byte_fallback(self.byte_fallback == Some(true))
                        .ignore_merges(self.ignore_merges == Some(true));
                    if let Some(unk_token) = self.unk_token {
                        builder = builder.unk_token(unk_token);
                    }
                    if let Some(prefix) = self.continuing_subword_prefix {
                        builder = builder.continuing_subword_prefix(prefix);
                    }
                    if let Some(suffix) = self.end_of_word_suffix {
                        builder = builder.end_of_word_suffix(suffix);
                    }
                    if self.dropout.is_some_and(|p| p > 0.0) {
                        return Err(
                            "`dropout` is set: the same text would have other tokens each time".into()
                        );
                    }
                }
                // Without a cache, which would keep 10,000 words in memory.
                let builder = builder.vocab_and_merges(vocabulary, merges).cache_capacity(0);
                Ok(TokenModel::new(builder.build().map_err(failed)?, max_id))
            }
            other => {
                Err(format!("the model's type is {other}; expected WordPiece, Unigram, BPE or WordLevel"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Vocabulary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a vocabulary")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Vocabulary, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Vocabulary::Ids(pairs))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Vocabulary, S::Error> {
                let mut model = Unigram::default();
                while let Some((piece, score)) = list.next_element::<(String, f64)>()? {
                    model.push(&piece, score).map_err(S::Error::custom)?;
                }
                model.sort();
                Ok(Vocabulary::Scores(model))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// The merges of a BPE, written as `["a b"]` or as `[["a", "b"]]`.
struct Merges(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Merges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Merge {
            Pair(String, String),
            Line(String),
        }
        let list: Vec<Merge> = Vec::deserialize(deserializer)?;
        let pairs = list.into_iter().filter_map(|merge| match merge {
            Merge::Pair(a, b) => Some(Ok((a, b))),
            Merge::Line(line) if line.starts_with("#version") => None,
            Merge::Line(line) => Some(match line.split(' ').collect::<Vec<_>>()[..] {
                [a, b] => Ok((a.to_owned(), b.to_owned())),
                _ => Err(D::Error::custom(format!("the merge `{line}` is not two tokens"))),
            }),
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }
}
