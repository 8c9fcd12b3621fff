//! Removes the tokens that given texts do not use ([`ConvertOptions::keep_vocab`](super::ConvertOptions::keep_vocab)).
//!
//! A WordPiece tokenizer takes the longest token that a word begins with. Without the other tokens that is still the
//! same token, so a text whose tokens are all kept has the same tokens, the same embeddings and the same vector.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode, Result, fail};
use crate::prompts::Prompts;
use crate::tokenizer::Tokenizer;

/// The maximum length of a text whose tokens are counted.
const MAX_LENGTH: usize = 1 << 20;

/// Tokens of BERT that a tokenizer may name nowhere but in its vocabulary.
const SPECIAL_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// The tokens that are kept, by their ids before, in ascending order. The new id of a token is its place.
#[derive(Debug)]
pub(crate) struct KeptVocabulary {
    ids: Vec<u32>,
    vocab_size: usize,
}

impl KeptVocabulary {
    /// Keeps the tokens of the texts, alone and after each prompt, special and added tokens, and the tokens of one
    /// printable ASCII character, so that each model number still has tokens. Ids up to `pad_token_id` stay the same.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` if the tokenizer is not WordPiece, `INVALID_ARGUMENT` without a text, the errors of
    /// [`Tokenizer::encode`].
    pub(crate) fn of_texts(
        tokenizer_json: &str,
        vocab_size: usize,
        pad_token_id: i64,
        texts: &[String],
        prompts: &Prompts,
    ) -> Result<Self> {
        let json = parse(tokenizer_json)?;
        let vocab = word_pieces(&json)?;
        if texts.is_empty() {
            fail!(InvalidArgument, "the texts of the vocabulary to keep are missing: at least one is needed");
        }
        let tokenizer = Tokenizer::from_json(tokenizer_json.as_bytes(), MAX_LENGTH, vocab_size)?;
        let mut kept: BTreeSet<u32> = special_ids(&json, vocab);
        kept.extend((0..vocab_size as u32).take_while(|&id| i64::from(id) <= pad_token_id));
        let is_ascii_character =
            |token: &str| token.len() == 1 || (token.len() == 3 && token.starts_with("##"));
        kept.extend(
            vocab.iter().filter(|(token, _)| is_ascii_character(token)).filter_map(|(_, id)| id_of(id)),
        );
        let prompts: BTreeSet<&str> = prompts.by_name.values().map(String::as_str).chain([""]).collect();
        for text in texts {
            for prompt in &prompts {
                kept.extend(tokenizer.encode(&format!("{prompt}{text}"))?.input_ids);
            }
        }
        let this = Self { ids: kept.into_iter().collect(), vocab_size };
        this.check(&tokenizer, tokenizer_json, texts)?;
        Ok(this)
    }

    /// Returns the number of tokens that are kept.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns the number of tokens before.
    pub(crate) fn full_size(&self) -> usize {
        self.vocab_size
    }

    /// Returns the rows of the kept tokens of a table `[vocab_size, width]`.
    pub(crate) fn rows(&self, table: &[f32], width: usize) -> Vec<f32> {
        self.ids.iter().flat_map(|&id| &table[id as usize * width..][..width]).copied().collect()
    }

    /// Returns a `tokenizer.json` with the kept tokens under their new ids.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if it is not valid.
    pub(crate) fn tokenizer_json(&self, full: &str) -> Result<String> {
        let mut json = parse(full)?;
        let kept: Map<String, Value> = (word_pieces(&json)?.iter())
            .filter_map(|(token, id)| Some((token.clone(), Value::from(self.new_id(id_of(id)?)?))))
            .collect();
        json["model"]["vocab"] = Value::Object(kept);
        if let Some(tokens) = json["added_tokens"].as_array_mut() {
            tokens.iter_mut().for_each(|token| self.renumber(&mut token["id"]));
        }
        self.renumber_post_processor(&mut json["post_processor"]);
        if let Some(padding) = json["padding"].as_object_mut()
            && let Some(id) = padding.get_mut("pad_id")
        {
            self.renumber(id);
        }
        serde_json::to_string(&json)
            .map_err(|e| Error::with_source(ErrorCode::Internal, "tokenizer.json cannot be serialized", e))
    }

    /// Gives the ids in a post-processor their new numbers: those of a template, or the two of BERT's and RoBERTa's.
    fn renumber_post_processor(&self, processor: &mut Value) {
        if let Some(processors) = processor["processors"].as_array_mut() {
            processors.iter_mut().for_each(|processor| self.renumber_post_processor(processor));
        }
        if let Some(tokens) = processor["special_tokens"].as_object_mut() {
            let ids = tokens.values_mut().filter_map(|token| token["ids"].as_array_mut()).flatten();
            ids.for_each(|id| self.renumber(id));
        }
        for name in ["sep", "cls"] {
            if let Some([_, id]) = processor[name].as_array_mut().map(Vec::as_mut_slice) {
                self.renumber(id);
            }
        }
    }

    fn renumber(&self, id: &mut Value) {
        if let Some(new) = id_of(id).and_then(|id| self.new_id(id)) {
            *id = Value::from(new);
        }
    }

    fn new_id(&self, id: u32) -> Option<u32> {
        self.ids.binary_search(&id).ok().map(|place| place as u32)
    }

    /// Compares the tokens of every text under the new tokenizer with those before.
    fn check(&self, before: &Tokenizer, json: &str, texts: &[String]) -> Result<()> {
        let after = Tokenizer::from_json(self.tokenizer_json(json)?.as_bytes(), MAX_LENGTH, self.len())?;
        for text in texts {
            let expected = before.encode(text)?.input_ids.into_iter().map(|id| self.new_id(id));
            if !expected.eq(after.encode(text)?.input_ids.into_iter().map(Some)) {
                fail!(
                    UnsupportedModel,
                    "the tokenizer gives {text:?} other tokens once the unused ones are removed; convert the model \
                     with its whole vocabulary"
                );
            }
        }
        Ok(())
    }
}

/// Returns the ids that a tokenizer needs for every text: special and added tokens.
fn special_ids(json: &Value, vocab: &Map<String, Value>) -> BTreeSet<u32> {
    let mut ids = BTreeSet::new();
    let named = SPECIAL_TOKENS.into_iter().chain(json["model"]["unk_token"].as_str());
    ids.extend(named.filter_map(|token| id_of(vocab.get(token)?)));
    ids.extend(json["added_tokens"].as_array().into_iter().flatten().filter_map(|token| id_of(&token["id"])));
    add_processor_ids(&json["post_processor"], &mut ids);
    ids.extend(id_of(&json["padding"]["pad_id"]));
    ids
}

fn add_processor_ids(processor: &Value, ids: &mut BTreeSet<u32>) {
    let nested = processor["processors"].as_array().into_iter().flatten();
    nested.for_each(|processor| add_processor_ids(processor, ids));
    let tokens = processor["special_tokens"].as_object().into_iter().flat_map(Map::values);
    ids.extend(tokens.filter_map(|token| token["ids"].as_array()).flatten().filter_map(id_of));
    ids.extend(["sep", "cls"].iter().filter_map(|name| id_of(&processor[name][1])));
}

fn parse(json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|e| {
        Error::with_source(ErrorCode::InvalidTokenizer, format!("tokenizer.json is not valid JSON: {e}"), e)
    })
}

/// Returns the vocabulary of a WordPiece tokenizer.
fn word_pieces(json: &Value) -> Result<&Map<String, Value>> {
    let kind = json["model"]["type"].as_str().unwrap_or("of an unknown kind");
    match json["model"]["vocab"].as_object() {
        Some(vocab) if kind == "WordPiece" => Ok(vocab),
        _ => fail!(
            UnsupportedModel,
            "only a WordPiece vocabulary can lose tokens without changing the tokens of other texts; this tokenizer is \
             {kind}"
        ),
    }
}

fn id_of(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}
