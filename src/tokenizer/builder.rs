//! Builds a tokenizer from the files of a folder, as transformers 5 loads it. The loader and the converter both
//! build here, so one folder cannot have two tokenizers.

use serde_json::{Map, Value, json};
use tokenizers::{AddedToken, PostProcessorWrapper, TokenizerImpl};

use super::class::TokenizerClass;
use super::files::{TokenizerFiles, object};
use super::model::{Rebuild, TokenModel};
use super::normalizer::{bert, lower_case_first, precompiled, with_lower_case};
use super::parse::{TokenizerJson, parse};
use super::parts::{TextNormalizer, TokenDecoder, WordSplitter, decoder, invalid, part};
use super::special_tokens::SpecialTokens;
use super::vocabulary::word_piece;
use crate::error::{Error, ErrorCode, Result, fail};

/// The pipeline of the `tokenizers` crate with our models.
pub(super) type Pipeline =
    TokenizerImpl<TokenModel, TextNormalizer, WordSplitter, PostProcessorWrapper, TokenDecoder>;

/// The decisions of the caller. `None` means: as the files say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenizerOptions {
    /// True if text is lower-cased before its tokens are looked up. BERT's normalizer then strips accents too,
    /// unless `strip_accents` says otherwise. For another normalizer, text is lower-cased before it.
    pub lowercase: Option<bool>,
    /// True if special tokens in a text are text: the characters `[SEP]` are then not the token `[SEP]`.
    pub split_special_tokens: Option<bool>,
}

const BERT_TOKENS: [(&str, &str); 5] = [
    ("unk_token", "[UNK]"),
    ("sep_token", "[SEP]"),
    ("pad_token", "[PAD]"),
    ("cls_token", "[CLS]"),
    ("mask_token", "[MASK]"),
];
const ROBERTA_TOKENS: [(&str, &str); 7] = [
    ("bos_token", "<s>"),
    ("eos_token", "</s>"),
    ("sep_token", "</s>"),
    ("cls_token", "<s>"),
    ("unk_token", "<unk>"),
    ("pad_token", "<pad>"),
    ("mask_token", "<mask>"),
];

/// Builds the tokenizer of a folder. `vocab_size` is the number of the model's word embeddings.
///
/// # Errors
/// `MISSING_FILE` if there is neither `tokenizer.json` nor `vocab.txt`, `INVALID_TOKENIZER` if a file cannot be
/// read or an added token would have another id than the file says, `UNSUPPORTED_MODEL` for a class of transformers
/// whose rules corom does not have, `TOKENIZER_MISMATCH` if an id has no word embedding.
pub(super) fn build(files: &TokenizerFiles, vocab_size: usize) -> Result<Pipeline> {
    let config = object(files.config.as_deref(), "tokenizer_config.json")?;
    // A damaged config.json has an error of its own.
    let model_config = object(files.model_config.as_deref(), "config.json").unwrap_or_default();
    let class = TokenizerClass::of(&config, &model_config)?;
    let mut file = match &files.tokenizer {
        Some(json) => Some(parse(json)?),
        None => None,
    };
    let class = match (class, &file, &files.vocabulary) {
        (class, Some(_), _) => class,
        (TokenizerClass::Bert | TokenizerClass::File, None, Some(_)) => TokenizerClass::Bert,
        (_, None, Some(_)) => fail!(
            MissingFile,
            "tokenizer.json is missing: vocab.txt is the vocabulary of a BERT, and this folder's tokenizer is that of \
             a RoBERTa"
        ),
        (_, None, None) => fail!(
            MissingFile,
            "neither tokenizer.json nor vocab.txt is in the folder; one of them is needed to tokenize"
        ),
    };
    let defaults: &[(&str, &str)] = match class {
        TokenizerClass::Bert => &BERT_TOKENS,
        TokenizerClass::Roberta | TokenizerClass::XlmRoberta => &ROBERTA_TOKENS,
        TokenizerClass::File => &[],
    };
    let file_tokens: Vec<(u32, AddedToken)> = file
        .as_mut()
        .map(|file| std::mem::take(&mut file.added_tokens))
        .into_iter()
        .flatten()
        .map(super::parse::NumberedToken::into_pair)
        .collect();
    let special = SpecialTokens::read(
        &config,
        object(files.special_tokens.as_deref(), "special_tokens_map.json")?,
        &object(files.added_tokens.as_deref(), "added_tokens.json")?,
        &file_tokens,
        defaults,
    )?;
    let sentence_bert = object(files.sentence_bert.as_deref(), "sentence_bert_config.json")?;
    let mut parts = Parts::of(class, file, files.vocabulary.as_deref(), &special, &config)?;
    if sentence_bert.get("do_lower_case").and_then(Value::as_bool) == Some(true) {
        parts.normalizer = Some(lower_case_first(parts.normalizer));
    }
    let mut pipeline = Pipeline::new(parts.model);
    set_normalizer(&mut pipeline, parts.normalizer)?;
    let pre_tokenizer = parts.pre_tokenizer.filter(|value| !value.is_null());
    pipeline.with_pre_tokenizer(pre_tokenizer.as_ref().map(WordSplitter::parse).transpose()?);
    pipeline.with_decoder(decoder(parts.decoder));
    if class == TokenizerClass::File {
        add(&mut pipeline, file_tokens.iter().cloned())?;
    }
    let roles: Vec<AddedToken> = special.unnumbered().collect();
    let numbered = special.numbered.iter().map(|(&id, token)| {
        let has_role = token.special || roles.iter().any(|role| role.content == token.content);
        (id, token.clone().special(has_role))
    });
    add(&mut pipeline, numbered)?;
    add_unnumbered(&mut pipeline, roles, vocab_size)?;
    let processor = match class {
        TokenizerClass::File => parts.post_processor,
        _ => Some(template(class, &pipeline, &special, &config)?),
    };
    pipeline.with_post_processor(part::<PostProcessorWrapper>(processor, "post_processor")?);
    let split = config.get("split_special_tokens").and_then(Value::as_bool);
    pipeline.set_encode_special_tokens(split.unwrap_or(false));
    check_ids(&pipeline, vocab_size)?;
    Ok(pipeline)
}

/// Changes a tokenizer as the caller wants it.
///
/// # Errors
/// `INVALID_TOKENIZER` if the normalizer cannot be changed.
pub(super) fn apply(pipeline: &mut Pipeline, options: TokenizerOptions) -> Result<()> {
    if let Some(lowercase) = options.lowercase {
        let value = serde_json::to_value(pipeline.get_normalizer()).map_err(|e| invalid("normalizer", &e))?;
        let value = with_lower_case(Some(value).filter(|value| !value.is_null()), lowercase);
        set_normalizer(pipeline, value)?;
    }
    if let Some(split) = options.split_special_tokens {
        pipeline.set_encode_special_tokens(split);
    }
    Ok(())
}

/// Returns a `tokenizer.json` without its special added tokens.
///
/// # Errors
/// `INVALID_TOKENIZER` if it cannot be parsed.
#[cfg(feature = "regex")]
pub(super) fn without_special_tokens(json: &str) -> Result<String> {
    let mut value: Value = serde_json::from_str(json).map_err(|e| invalid("added_tokens", &e))?;
    if let Some(tokens) = value.get_mut("added_tokens").and_then(Value::as_array_mut) {
        tokens.retain(|token| token.get("special").and_then(Value::as_bool) != Some(true));
    }
    Ok(value.to_string())
}

/// The parts of a tokenizer before its tokens are added.
struct Parts {
    model: TokenModel,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    post_processor: Option<Value>,
    decoder: Option<Value>,
}

impl Parts {
    /// Takes the parts from the file, or makes those that the class makes itself.
    fn of(
        class: TokenizerClass,
        file: Option<TokenizerJson>,
        vocabulary: Option<&[u8]>,
        special: &SpecialTokens,
        config: &Map<String, Value>,
    ) -> Result<Self> {
        let token = |role: &str| special.content(role).unwrap_or_default();
        let failed = |e: String| Error::new(ErrorCode::InvalidTokenizer, format!("tokenizer.json: {e}"));
        let Some(file) = file else {
            let needed = ["unk_token", "cls_token", "sep_token"].map(|role| (role, token(role)));
            return Ok(Self {
                model: word_piece(vocabulary.unwrap_or_default(), token("unk_token"), &needed)?,
                normalizer: Some(bert(config)),
                pre_tokenizer: Some(json!({ "type": "BertPreTokenizer" })),
                post_processor: None,
                decoder: Some(word_piece_decoder()),
            });
        };
        let flag = |name: &str| config.get(name).and_then(Value::as_bool);
        let (rebuild, normalizer, pre_tokenizer) = match class {
            TokenizerClass::File => (Rebuild::None, file.normalizer, file.pre_tokenizer),
            TokenizerClass::Bert => (
                Rebuild::WordPiece { unk_token: token("unk_token").to_owned() },
                Some(bert(config)),
                Some(json!({ "type": "BertPreTokenizer" })),
            ),
            TokenizerClass::XlmRoberta => {
                let prepend = if flag("add_prefix_space").unwrap_or(true) { "always" } else { "never" };
                let metaspace = json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": prepend, "split": true });
                let split = json!({ "type": "WhitespaceSplit" });
                let pre_tokenizer = json!({ "type": "Sequence", "pretokenizers": [split, metaspace] });
                (Rebuild::Unigram, precompiled(file.normalizer.as_ref()), Some(pre_tokenizer))
            }
            TokenizerClass::Roberta => {
                let prefix = flag("add_prefix_space").unwrap_or(false);
                let bytes = json!({ "type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": true });
                (Rebuild::Bpe, None, Some(bytes))
            }
        };
        let model = file.model.build(&rebuild).map_err(failed)?;
        let decoder = if class == TokenizerClass::Bert { Some(word_piece_decoder()) } else { file.decoder };
        Ok(Self { model, normalizer, pre_tokenizer, post_processor: file.post_processor, decoder })
    }
}

/// Adds tokens whose ids the files state.
///
/// # Errors
/// `INVALID_TOKENIZER` if a token would have another id.
fn add(pipeline: &mut Pipeline, tokens: impl Iterator<Item = (u32, AddedToken)>) -> Result<()> {
    let mut tokens: Vec<(u32, AddedToken)> = tokens.collect();
    tokens.sort_by_key(|pair| pair.0);
    let added = pipeline.add_tokens(tokens.iter().map(|pair| pair.1.clone()));
    added.map_err(|e| invalid("added_tokens", &e))?;
    for (id, AddedToken { content, .. }) in &tokens {
        let actual = pipeline.token_to_id(content);
        if !content.is_empty() && actual != Some(*id) {
            fail!(
                InvalidTokenizer,
                "the added token `{content}` should have the id {id}, but it gets {}: an added token has its id in the \
                 vocabulary, or the next free id; ids must have no gaps",
                actual.map_or("none".to_owned(), |id| id.to_string())
            );
        }
    }
    Ok(())
}

/// Adds special tokens without an id: they have the vocabulary's, or the next free one. A token for which the model
/// has no word embedding is left out: transformers gives it an id that the model cannot read.
fn add_unnumbered(pipeline: &mut Pipeline, tokens: Vec<AddedToken>, vocab_size: usize) -> Result<()> {
    for token in tokens {
        if pipeline.get_added_vocabulary().get_vocab().contains_key(&token.content) {
            continue;
        }
        let has_row = match pipeline.token_to_id(&token.content) {
            Some(_) => true,
            None => pipeline.get_vocab_size(true) < vocab_size,
        };
        if has_row {
            pipeline.add_tokens([token]).map_err(|e| invalid("added_tokens", &e))?;
        }
    }
    Ok(())
}

/// Returns the post-processor of a class that does not take it from the file.
fn template(
    class: TokenizerClass,
    pipeline: &Pipeline,
    special: &SpecialTokens,
    config: &Map<String, Value>,
) -> Result<Value> {
    let roles = match class {
        TokenizerClass::XlmRoberta => ["bos_token", "eos_token"],
        _ => ["cls_token", "sep_token"],
    };
    let mut tokens = Vec::new();
    for role in roles {
        let content = special.content(role).unwrap_or_default();
        let Some(id) = pipeline.token_to_id(content) else {
            fail!(
                InvalidTokenizer,
                "the {role} `{content}` is not in the vocabulary; every text begins or ends with it"
            );
        };
        tokens.push((content.to_owned(), id));
    }
    let [(first, first_id), (last, last_id)] = &tokens[..] else {
        fail!(Internal, "a template has two tokens");
    };
    if class == TokenizerClass::Roberta {
        let flag = |name: &str, default| config.get(name).and_then(Value::as_bool).unwrap_or(default);
        return Ok(json!({
            "type": "RobertaProcessing", "sep": [last, last_id], "cls": [first, first_id],
            "trim_offsets": flag("trim_offsets", true), "add_prefix_space": flag("add_prefix_space", false),
        }));
    }
    let token = |id: &str, type_id: u32| json!({ "SpecialToken": { "id": id, "type_id": type_id } });
    let text = |id: &str, type_id: u32| json!({ "Sequence": { "id": id, "type_id": type_id } });
    let listed = |id: &str, number: u32| json!({ "id": id, "ids": [number], "tokens": [id] });
    let pair = if class == TokenizerClass::XlmRoberta {
        json!([token(first, 0), text("A", 0), token(last, 0), token(last, 0), text("B", 0), token(last, 0)])
    } else {
        json!([token(first, 0), text("A", 0), token(last, 0), text("B", 1), token(last, 1)])
    };
    let mut special_tokens = Map::new();
    special_tokens.insert(first.clone(), listed(first, *first_id));
    special_tokens.insert(last.clone(), listed(last, *last_id));
    Ok(json!({
        "type": "TemplateProcessing",
        "single": [token(first, 0), text("A", 0), token(last, 0)],
        "pair": pair,
        "special_tokens": special_tokens,
    }))
}

/// Checks that the model has a word embedding per id. More rows than tokens are fine: many models pad their
/// embeddings.
fn check_ids(pipeline: &Pipeline, vocab_size: usize) -> Result<()> {
    let added = pipeline.get_added_vocabulary().get_added_tokens_decoder().keys().copied().max();
    if let Some(highest) = pipeline.get_model().max_id().max(added)
        && highest as usize >= vocab_size
    {
        fail!(
            TokenizerMismatch,
            "the tokenizer has ids for {} tokens, but the model's vocab_size is {vocab_size}; use the tokenizer of the \
             same model",
            u64::from(highest) + 1
        );
    }
    Ok(())
}

fn word_piece_decoder() -> Value {
    json!({ "type": "WordPiece", "prefix": "##", "cleanup": true })
}

/// Sets the normalizer, as JSON of `tokenizer.json`.
fn set_normalizer(pipeline: &mut Pipeline, value: Option<Value>) -> Result<()> {
    let value = value.filter(|value| !value.is_null());
    let normalizer = value.as_ref().map(TextNormalizer::parse).transpose()?;
    pipeline.with_normalizer(normalizer).map(drop).map_err(|e| invalid("normalizer", &e))
}
