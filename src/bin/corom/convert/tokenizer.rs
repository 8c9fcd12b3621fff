//! `tokenizer.json`, from the checkpoint's own or from its `vocab.txt`.
//!
//! From a vocabulary it is what Hugging Face's `BertTokenizerFast` builds: clean
//! text, CJK characters apart, lower case without accents unless
//! `tokenizer_config.json` says otherwise (corom-facts: without that file, text is
//! lower-cased), WordPiece, `[CLS] … [SEP]`.

use std::collections::BTreeMap;

use corom::error::{Error, ErrorCode, Result};
use serde_json::{Value, json};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer, decoders};

use super::source::Source;
use crate::fail;

/// The JSON of the tokenizer, ready to be written, and loaded by the crate's own tokenizer to see that it can be.
///
/// # Errors
/// `MISSING_FILE` without vocabulary, `INVALID_TOKENIZER` when it cannot be read,
/// `TOKENIZER_MISMATCH` when it has ids that the model has no embedding for.
pub(crate) fn build(source: &Source, max_length: usize) -> Result<String> {
    let options = Options::read(source)?;
    let check = |json: &[u8]| {
        corom::tokenizer::Tokenizer::from_json(json, max_length, source.config.vocab_size).map(drop)
    };
    let tokenizer = if let Some(bytes) = source.file("tokenizer.json")? {
        let json = from_json(&bytes, &options)?;
        check(json.as_bytes())?;
        Tokenizer::from_bytes(json).map_err(|e| invalid("tokenizer.json cannot be read", e))?
    } else if let Some(bytes) = source.file("vocab.txt")? {
        from_vocabulary(source, &bytes, &options)?
    } else {
        fail!(MissingFile, "{} has neither tokenizer.json nor vocab.txt", source.folder().display());
    };
    let json = tokenizer.to_string(false).map_err(|e| invalid("the tokenizer cannot be written", e))?;
    check(json.as_bytes())?;
    Ok(json)
}

/// What `tokenizer_config.json` says.
struct Options {
    lower_case: Option<bool>,
    strip_accents: Option<bool>,
    split_chinese: Option<bool>,
    /// `unk_token` → `[UNK]`, and so on.
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

impl Options {
    fn read(source: &Source) -> Result<Self> {
        let config = read_json(source, "tokenizer_config.json")?;
        let map = read_json(source, "special_tokens_map.json")?;
        let flag = |name: &str| config.get(name).and_then(Value::as_bool);
        let special = SPECIAL.map(|(role, usual)| {
            let said = |file: &Value| {
                let value = file.get(role)?;
                // A string, or an object with the token as its `content`.
                Some(value.as_str().or_else(|| value.get("content")?.as_str())?.to_owned())
            };
            (role, said(&config).or_else(|| said(&map)).unwrap_or_else(|| usual.into()))
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

/// A given `tokenizer.json`: as it is, but without padding and truncation, which
/// are ours to do. Where `tokenizer_config.json` says something about case, it
/// wins, as in Hugging Face's loader.
fn from_json(bytes: &[u8], options: &Options) -> Result<String> {
    let mut value: Value =
        serde_json::from_slice(bytes).map_err(|e| invalid("tokenizer.json is not JSON", e.into()))?;
    if let Some(object) = value.as_object_mut() {
        object.insert("truncation".into(), Value::Null);
        object.insert("padding".into(), Value::Null);
    }
    if let Some(normalizer) = value.get_mut("normalizer").and_then(Value::as_object_mut)
        && normalizer.get("type").and_then(Value::as_str) == Some("BertNormalizer")
    {
        let said = [
            ("lowercase", options.lower_case),
            ("strip_accents", options.strip_accents),
            ("handle_chinese_chars", options.split_chinese),
        ];
        for (name, flag) in said {
            if let Some(flag) = flag {
                normalizer.insert(name.into(), flag.into());
            }
        }
    }
    Ok(value.to_string())
}

/// What `BertTokenizerFast` makes of a `vocab.txt`.
fn from_vocabulary(source: &Source, bytes: &[u8], options: &Options) -> Result<Tokenizer> {
    let text = std::str::from_utf8(bytes).map_err(|e| invalid("vocab.txt is not UTF-8", e.into()))?;
    if text.trim_start().starts_with('<') && text.contains("<html") {
        fail!(NotAModel, "vocab.txt is an HTML page: download the file again");
    }
    let vocabulary = lines(text);
    for role in ["unk_token", "cls_token", "sep_token"] {
        let token = options.special(role);
        if !vocabulary.contains_key(token) {
            fail!(InvalidTokenizer, "vocab.txt has no `{token}`: it is not a BERT vocabulary");
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
        .map_err(|e| invalid("vocab.txt makes no WordPiece model", e.into()))?;
    let mut tokenizer = Tokenizer::new(model);
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
    add_further_tokens(&mut tokenizer, source, &options.config)?;
    Ok(tokenizer)
}

/// Lines as Python's text mode has them; a token that is there twice has the later line's number.
fn lines(text: &str) -> BTreeMap<String, u32> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_suffix('\n').unwrap_or(&text);
    (0u32..).zip(text.split('\n')).map(|(id, token)| (token.to_owned(), id)).collect()
}

/// Tokens beyond the vocabulary: `added_tokens_decoder` of a `tokenizer_config.json`, or `added_tokens.json`.
fn add_further_tokens(tokenizer: &mut Tokenizer, source: &Source, config: &Value) -> Result<()> {
    let mut further: BTreeMap<u64, AddedToken> = BTreeMap::new();
    for (token, id) in read_json(source, "added_tokens.json")?.as_object().into_iter().flatten() {
        if let Some(id) = id.as_u64() {
            further.insert(id, AddedToken::from(token.clone(), false));
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
        further.insert(id, added);
    }
    for (id, token) in further {
        let content = token.content.clone();
        let added =
            if token.special { tokenizer.add_special_tokens([token]) } else { tokenizer.add_tokens([token]) };
        added.map_err(|e| invalid("the added tokens cannot be added", e))?;
        if tokenizer.token_to_id(&content).map(u64::from) != Some(id) {
            fail!(
                InvalidTokenizer,
                "the added token `{content}` should have the id {id}, which leaves a gap in the ids"
            );
        }
    }
    Ok(())
}

fn read_json(source: &Source, name: &str) -> Result<Value> {
    match source.file(name)? {
        None => Ok(json!({})),
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| {
            Error::with_source(ErrorCode::InvalidTokenizer, format!("{name} is not JSON: {e}"), e)
        }),
    }
}

fn invalid(what: &str, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::with_source(ErrorCode::InvalidTokenizer, format!("{what}: {source}"), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_python_s() {
        let vocabulary = lines("a\r\nb\nc\rd\n\nb\n");
        let expected = [("a", 0), ("b", 5), ("c", 2), ("d", 3), ("", 4)];
        assert_eq!(vocabulary, expected.map(|(t, i)| (t.to_owned(), i)).into());
        assert_eq!(lines("x"), BTreeMap::from([("x".to_owned(), 0)]));
    }
}
