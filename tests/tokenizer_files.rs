//! Tokenizers of folders with every combination of tokenizer files, compared with transformers. The script
//! `tests/fixtures/make/tokenizer_files.py` writes the cases.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use corom::error::ErrorCode;
use corom::tokenizer::{Tokenizer, TokenizerFiles, TokenizerOptions};
use serde_json::{Map, Value, json};

/// The rows of the cases' word embeddings: more than any case has tokens.
const ROWS: usize = 1000;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tokenizers/golden.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Returns the files of a base folder with changes: objects are merged, null removes a file or a key.
fn merged(base: &Value, changes: &Value) -> Map<String, Value> {
    let mut files = base.as_object().unwrap().clone();
    for (name, change) in changes.as_object().unwrap() {
        let Value::Object(change) = change else {
            files.remove(name);
            if change.is_string() {
                files.insert(name.clone(), change.clone());
            }
            continue;
        };
        let file = files.entry(name.clone()).or_insert_with(|| json!({}));
        for (key, value) in change {
            if key == "model" {
                file["model"].as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
            } else if value.is_null() {
                file.as_object_mut().unwrap().remove(key);
            } else {
                file[key] = value.clone();
            }
        }
    }
    files
}

fn tokenizer_files(files: &Map<String, Value>) -> TokenizerFiles {
    TokenizerFiles::read(|path| {
        Ok(files.get(path).map(|file| match file {
            Value::String(text) => text.clone().into_bytes(),
            other => other.to_string().into_bytes(),
        }))
    })
    .unwrap()
}

fn options(case: &Value) -> TokenizerOptions {
    TokenizerOptions {
        lowercase: case["options"]["lowercase"].as_bool(),
        split_special_tokens: case["options"]["split_special_tokens"].as_bool(),
    }
}

#[test]
fn token_ids_and_offsets_equal_those_of_transformers_in_every_case() {
    let golden = golden();
    let mut results = Map::new();
    let mut wrong = Vec::new();
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let result = match case["same"].as_str() {
            Some(same) => results[same].clone(),
            None => case["result"].clone(),
        };
        results.insert(name.to_owned(), result.clone());
        let files = merged(&golden["bases"][case["base"].as_str().unwrap()], &case["changes"]);
        let direct = Tokenizer::from_files(&tokenizer_files(&files), 4096, ROWS);
        let mut direct = direct.unwrap_or_else(|e| panic!("{name}: {e}"));
        // The file that the converter writes has everything: its tokens are the same without the other
        // files. Special tokens that the checkpoint splits are the exception.
        let is_split = case["changes"]["tokenizer_config.json"]["split_special_tokens"] == json!(true);
        let mut written = Tokenizer::from_json(direct.to_json().unwrap().as_bytes(), 4096, ROWS).unwrap();
        direct.set_options(options(case)).unwrap();
        written.set_options(options(case)).unwrap();
        for (text, expected) in golden["texts"].as_array().unwrap().iter().zip(result.as_array().unwrap()) {
            let text = text.as_str().unwrap();
            for (how, tokenizer) in [("files", &direct), ("written", &written)] {
                if how == "written" && is_split && case["options"]["split_special_tokens"] == json!(false) {
                    continue;
                }
                let tokens = tokenizer.tokenize(text).unwrap();
                let offsets: Vec<usize> = tokens.offsets.iter().flat_map(|&(a, b)| [a, b]).collect();
                if json!(tokens.ids) != expected["ids"] || json!(offsets) != expected["offsets"] {
                    wrong.push(format!(
                        "{name} ({how}): {text:?}\n  ids {:?}\n  not {}\n  offsets {offsets:?}\n  not {}",
                        tokens.ids, expected["ids"], expected["offsets"]
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
}

fn rejected(changes: Value) -> (ErrorCode, String) {
    let files = merged(&golden()["bases"]["bert"], &changes);
    let error = Tokenizer::from_files(&tokenizer_files(&files), 64, ROWS).err().expect("an error");
    (error.code(), error.to_string())
}

#[test]
fn from_files_rejects_what_transformers_cannot_mean() {
    let config = |settings: Value| json!({ "tokenizer_config.json": settings });
    let cases = [
        (json!({ "tokenizer.json": null }), ErrorCode::MissingFile, "vocab.txt"),
        (
            config(json!({ "tokenizer_class": "MPNetTokenizer" })),
            ErrorCode::UnsupportedModel,
            "MPNetTokenizer",
        ),
        (
            config(json!({ "tokenizer_class": "XLMRobertaTokenizer" })),
            ErrorCode::InvalidTokenizer,
            "WordPiece",
        ),
        (
            config(
                json!({ "cls_token": "[NONE]", "added_tokens_decoder": { "999": { "content": "[NONE]" } } }),
            ),
            ErrorCode::InvalidTokenizer,
            "999",
        ),
        (
            config(json!({ "added_tokens_decoder": { "x": { "content": "a" } } })),
            ErrorCode::InvalidTokenizer,
            "`x`",
        ),
        (config(json!({ "added_tokens_decoder": { "5": 7 } })), ErrorCode::InvalidTokenizer, "content"),
        (json!({ "added_tokens.json": { "裤裤": "5" } }), ErrorCode::InvalidTokenizer, "added_tokens.json"),
        (json!({ "tokenizer.json": null, "vocab.txt": "a\nb" }), ErrorCode::InvalidTokenizer, "[UNK]"),
        (
            json!({ "tokenizer.json": null, "vocab.txt": "<!doctype html>" }),
            ErrorCode::NotAModel,
            "vocab.txt",
        ),
        (
            json!({ "tokenizer.json": null, "vocab.txt": "a", "tokenizer_config.json": { "tokenizer_class": "RobertaTokenizer" } }),
            ErrorCode::MissingFile,
            "tokenizer.json",
        ),
    ];
    for (changes, code, word) in cases {
        let (actual, message) = rejected(changes.clone());
        assert_eq!(actual, code, "{changes}: {message}");
        assert!(message.contains(word), "{changes}: {message}");
    }
}

#[test]
fn unknown_tokens_are_counted() {
    let files = merged(&golden()["bases"]["bert"], &json!({}));
    let tokenizer = Tokenizer::from_files(&tokenizer_files(&files), 6, ROWS).unwrap();
    let tokens = tokenizer.tokenize("裤𩸽 ☃ [UNK]").unwrap();
    assert_eq!((tokens.tokens.len(), tokens.unknown, tokens.truncated), (6, 3, false), "{:?}", tokens.tokens);
    let encoding = tokenizer.encode("☃ ☃ ☃ ☃ ☃").unwrap();
    assert_eq!((encoding.input_ids.len(), encoding.unknown, encoding.truncated), (6, 4, true));
    assert_eq!(tokenizer.encode("裤").unwrap().unknown, 0);
}

/// tokenizers 0.23 (Rust and Python) separates Chinese characters up to U+2B81F and from U+2B920 on.
#[test]
fn chinese_characters_of_extension_e_separate_as_in_the_tokenizers_package() {
    let files = merged(&golden()["bases"]["bert"], &json!({}));
    let tokenizer = Tokenizer::from_files(&tokenizer_files(&files), 64, ROWS).unwrap();
    assert_eq!(tokenizer.tokenize("a\u{2B820}b").unwrap().tokens, ["[CLS]", "[UNK]", "[SEP]"]);
    assert_eq!(tokenizer.tokenize("a\u{2B920}b").unwrap().tokens, ["[CLS]", "a", "[UNK]", "b", "[SEP]"]);
}
