//! Builds `tokenizer.json` from the checkpoint's own file or from its `vocab.txt`.
//!
//! From a vocabulary it builds what Hugging Face's `BertTokenizerFast` builds: clean text, separate CJK
//! characters, lower case without accents, WordPiece, `[CLS] … [SEP]`. `tokenizer_config.json` can turn
//! lower case off; without that file, text is converted to lower case.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, decoders};

use super::checkpoint_folder::{CheckpointFolder, found};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::json;
use crate::sniff;
use crate::tokenizer::Tokenizer;

/// Returns the JSON of the tokenizer. Corom's own tokenizer has loaded it as a check.
///
/// # Errors
/// `MISSING_FILE` without a vocabulary, `INVALID_TOKENIZER` if it cannot be read, `TOKENIZER_MISMATCH` if
/// it has ids without an embedding in the model.
pub(crate) fn build(folder: &CheckpointFolder, max_length: usize) -> Result<String> {
    let options = TokenizerOptions::read(folder)?;
    let check = |json: &[u8]| Tokenizer::from_json(json, max_length, folder.config.vocab_size).map(drop);
    let tokenizer = if let Some(bytes) = folder.side_file("tokenizer.json")? {
        let json = from_json(&bytes, &options)?;
        check(json.as_bytes())?;
        tokenizers::Tokenizer::from_bytes(json).map_err(|e| invalid("tokenizer.json cannot be read", e))?
    } else if let Some(bytes) = folder.side_file("vocab.txt")? {
        from_vocabulary(folder, &bytes, &options)?
    } else {
        fail!(MissingFile, "the checkpoint has neither tokenizer.json nor vocab.txt{}", found(folder.source));
    };
    let json = tokenizer.to_string(false).map_err(|e| invalid("the tokenizer cannot be serialized", e))?;
    check(json.as_bytes())?;
    Ok(json)
}

/// The settings in `tokenizer_config.json` and `special_tokens_map.json`.
struct TokenizerOptions {
    lower_case: Option<bool>,
    strip_accents: Option<bool>,
    split_chinese: Option<bool>,
    /// The special tokens by role: `unk_token` is `[UNK]`, and so on.
    special: BTreeMap<&'static str, String>,
    config: Value,
}

const SPECIAL: [(&str, &str); 5] = [
    ("unk_token", "[UNK]"),
    ("sep_token", "[SEP]"),
    ("pad_token", "[PAD]"),
    ("cls_token", "[CLS]"),
    ("mask_token", "[MASK]"),
];

impl TokenizerOptions {
    fn read(folder: &CheckpointFolder) -> Result<Self> {
        let config = read_json(folder, "tokenizer_config.json")?;
        let map = read_json(folder, "special_tokens_map.json")?;
        let flag = |name: &str| config.get(name).and_then(Value::as_bool);
        let special = SPECIAL.map(|(role, default)| {
            let find = |file: &Value| {
                let value = file.get(role)?;
                // A string, or an object with the token as its `content`.
                Some(value.as_str().or_else(|| value.get("content")?.as_str())?.to_owned())
            };
            (role, find(&config).or_else(|| find(&map)).unwrap_or_else(|| default.into()))
        });
        Ok(Self {
            lower_case: flag("do_lower_case"),
            strip_accents: flag("strip_accents"),
            split_chinese: flag("tokenize_chinese_chars"),
            special: special.into(),
            config,
        })
    }

    fn special(&self, role: &str) -> &str {
        self.special.get(role).map_or("", String::as_str)
    }
}

/// Returns a given `tokenizer.json` without padding and truncation, which corom does itself. The settings
/// of `tokenizer_config.json` override the normalizer, as in Hugging Face's loader.
fn from_json(bytes: &[u8], options: &TokenizerOptions) -> Result<String> {
    let mut value: Value = json::with_nulls(bytes, "tokenizer.json", ErrorCode::InvalidTokenizer)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("truncation".into(), Value::Null);
        object.insert("padding".into(), Value::Null);
    }
    if let Some(normalizer) = value.get_mut("normalizer").and_then(Value::as_object_mut)
        && normalizer.get("type").and_then(Value::as_str) == Some("BertNormalizer")
    {
        let flags = [
            ("lowercase", options.lower_case),
            ("strip_accents", options.strip_accents),
            ("handle_chinese_chars", options.split_chinese),
        ];
        for (name, flag) in flags {
            if let Some(flag) = flag {
                normalizer.insert(name.into(), flag.into());
            }
        }
    }
    Ok(value.to_string())
}

/// Builds what `BertTokenizerFast` builds from a `vocab.txt`.
fn from_vocabulary(
    folder: &CheckpointFolder,
    bytes: &[u8],
    options: &TokenizerOptions,
) -> Result<tokenizers::Tokenizer> {
    sniff::check("vocab.txt", bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|e| invalid("vocab.txt is not UTF-8", e.into()))?;
    let vocabulary = parse_vocabulary(text);
    for role in ["unk_token", "cls_token", "sep_token"] {
        let token = options.special(role);
        if !vocabulary.contains_key(token) {
            fail!(InvalidTokenizer, "vocab.txt has no `{token}`, which every BERT vocabulary has");
        }
    }
    let id = |role| vocabulary.get(options.special(role)).copied().unwrap_or_default();
    let (cls, sep) = (options.special("cls_token"), options.special("sep_token"));
    let template = TemplateProcessing::builder()
        .try_single(format!("{cls}:0 $A:0 {sep}:0"))
        .and_then(|t| t.try_pair(format!("{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1")))
        .map_err(|e| invalid("the special tokens cannot be used", e.into()))?
        .special_tokens(vec![(cls, id("cls_token")), (sep, id("sep_token"))])
        .build()
        .map_err(|e| invalid("the special tokens cannot be used", e.into()))?;
    let model = json!({
        "type": "WordPiece",
        "unk_token": options.special("unk_token"),
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": vocabulary,
    });
    let model: WordPiece = serde_json::from_str(&model.to_string())
        .map_err(|e| invalid("vocab.txt is no valid WordPiece vocabulary", e.into()))?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    let normalizer = BertNormalizer::new(
        true,
        options.split_chinese.unwrap_or(true),
        options.strip_accents,
        options.lower_case.unwrap_or(true),
    );
    tokenizer
        .with_normalizer(Some(normalizer))
        .map_err(|e| invalid("the normalizer cannot be set", e))?
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(template))
        .with_decoder(Some(decoders::wordpiece::WordPiece::default()));
    let special: Vec<AddedToken> = SPECIAL
        .iter()
        .map(|(role, _)| options.special(role))
        .filter(|token| vocabulary.contains_key(*token))
        .map(|token| AddedToken::from(token, true))
        .collect();
    tokenizer.add_special_tokens(special).map_err(|e| invalid("the special tokens cannot be added", e))?;
    add_tokens(&mut tokenizer, folder, &options.config)?;
    Ok(tokenizer)
}

/// Maps each token to its line number. Lines end as in Python's text mode; the last line of a repeated
/// token counts.
fn parse_vocabulary(text: &str) -> BTreeMap<String, u32> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_suffix('\n').unwrap_or(&text);
    (0u32..).zip(text.split('\n')).map(|(id, token)| (token.to_owned(), id)).collect()
}

/// Adds the tokens beyond the vocabulary: `added_tokens_decoder` in `tokenizer_config.json`, or
/// `added_tokens.json`.
fn add_tokens(
    tokenizer: &mut tokenizers::Tokenizer,
    folder: &CheckpointFolder,
    config: &Value,
) -> Result<()> {
    let mut added_tokens: BTreeMap<u64, AddedToken> = BTreeMap::new();
    for (token, id) in read_json(folder, "added_tokens.json")?.as_object().into_iter().flatten() {
        if let Some(id) = id.as_u64() {
            added_tokens.insert(id, AddedToken::from(token.clone(), false));
        }
    }
    for (id, token) in config.get("added_tokens_decoder").and_then(Value::as_object).into_iter().flatten() {
        let (Ok(id), Some(content)) = (id.parse(), token.get("content").and_then(Value::as_str)) else {
            continue;
        };
        let flag = |name: &str| token.get(name).and_then(Value::as_bool).unwrap_or_default();
        let added = AddedToken::from(content, flag("special"))
            .single_word(flag("single_word"))
            .lstrip(flag("lstrip"))
            .rstrip(flag("rstrip"))
            .normalized(flag("normalized"));
        added_tokens.insert(id, added);
    }
    for (id, token) in added_tokens {
        let content = token.content.clone();
        let added =
            if token.special { tokenizer.add_special_tokens([token]) } else { tokenizer.add_tokens([token]) };
        added.map_err(|e| invalid("the added tokens cannot be added", e))?;
        if tokenizer.token_to_id(&content).map(u64::from) != Some(id) {
            fail!(
                InvalidTokenizer,
                "the added token `{content}` should have the id {id}, but the next free id is smaller; ids must have \
                 no gaps"
            );
        }
    }
    Ok(())
}

fn read_json(folder: &CheckpointFolder, name: &str) -> Result<Value> {
    match folder.side_file(name)? {
        None => Ok(json!({})),
        Some(bytes) => json::value(&bytes, name, ErrorCode::InvalidTokenizer),
    }
}

fn invalid(what: &str, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::with_source(ErrorCode::InvalidTokenizer, format!("{what}: {source}"), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vocabulary_lines_end_as_in_python() {
        let vocabulary = parse_vocabulary("a\r\nb\nc\rd\n\nb\n");
        let expected = [("a", 0), ("b", 5), ("c", 2), ("d", 3), ("", 4)];
        assert_eq!(vocabulary, expected.map(|(t, i)| (t.to_owned(), i)).into());
        assert_eq!(parse_vocabulary("x"), BTreeMap::from([("x".to_owned(), 0)]));
    }
}
