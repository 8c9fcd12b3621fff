//! Texts of any length: parts have the tokens of the whole text, and a megabyte costs what its beginning costs.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::sync::LazyLock;

use corom::error::ErrorCode;
use corom::tokenizer::{Tokenizer, TokenizerFiles};
use proptest::prelude::*;
use serde_json::{Value, json};

static GOLDEN: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tokenizers/golden.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
});

/// A base folder's tokenizer with other settings and tokens, as ours and as the `tokenizers` crate loads it.
struct Pair {
    files: TokenizerFiles,
    reference: tokenizers::Tokenizer,
}

fn pair(base: &str, config: Value, added: &[Value]) -> Pair {
    let base = &GOLDEN["bases"][base];
    let mut file = base["tokenizer.json"].clone();
    let mut next = match &file["model"]["vocab"] {
        Value::Object(vocab) => vocab.len(),
        vocab => vocab.as_array().unwrap().len(),
    };
    for token in added {
        let mut token = token.clone();
        let known = match &file["model"]["vocab"] {
            Value::Object(vocab) => vocab.get(token["content"].as_str().unwrap()).cloned(),
            pieces => {
                let found = pieces.as_array().unwrap().iter().position(|piece| piece[0] == token["content"]);
                found.map(|id| json!(id))
            }
        };
        token["id"] = known.unwrap_or_else(|| {
            next += 1;
            json!(next - 1)
        });
        file["added_tokens"].as_array_mut().unwrap().push(token);
    }
    let mut settings = base["tokenizer_config.json"].clone();
    settings.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let files = TokenizerFiles {
        tokenizer: Some(file.to_string().into_bytes()),
        config: Some(settings.to_string().into_bytes()),
        model_config: Some(base["config.json"].to_string().into_bytes()),
        ..TokenizerFiles::default()
    };
    let json = Tokenizer::from_files(&files, 64, 2000).unwrap().to_json().unwrap();
    Pair { files, reference: tokenizers::Tokenizer::from_bytes(json).unwrap() }
}

impl Pair {
    fn ours(&self, max_length: usize) -> Tokenizer {
        Tokenizer::from_files(&self.files, max_length, 2000).unwrap()
    }

    /// Compares ids and offsets with those of the crate, which tokenizes the whole text at once.
    fn check(&self, text: &str, max_length: usize) -> Result<(), TestCaseError> {
        let mut reference = self.reference.clone();
        let truncation = tokenizers::TruncationParams { max_length, ..Default::default() };
        reference.with_truncation(Some(truncation)).unwrap();
        let whole = reference.encode(text, true).unwrap();
        let ours = self.ours(max_length).tokenize(text).unwrap();
        prop_assert_eq!(&ours.ids[..], whole.get_ids());
        // A byte-level token may end inside a character, which then counts as its start.
        let floor = |byte: usize| (0..=byte).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let units = |byte: usize| text[..floor(byte)].encode_utf16().count();
        let special = whole.get_special_tokens_mask();
        for (i, (&ours, &(start, end))) in ours.offsets.iter().zip(whole.get_offsets()).enumerate() {
            let expected = if special[i] == 1 { (0, 0) } else { (units(start), units(end)) };
            prop_assert_eq!(ours, expected, "token {}", i);
        }
        Ok(())
    }
}

fn token(content: &str, flags: [bool; 5]) -> Value {
    let [single_word, lstrip, rstrip, normalized, special] = flags;
    json!({ "content": content, "single_word": single_word, "lstrip": lstrip, "rstrip": rstrip,
            "normalized": normalized, "special": special })
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z0-9]{1,150}",
        "\\PC{0,40}",
        "[阔腿裤女冬牛仔 ，。\\n\\t\u{3000}]{1,60}",
        "[ \u{3000}\\n]{1,900}",
        "[e\u{301}\u{200b}\u{ad}가Ж👗]{1,130}",
        "[裤#\"%<>=/+-]{1,200}",
        "(ab|LV|裤| |-|旗舰|\u{200b}){1,60}",
        Just("[SEP][MASK] <mask></s>".to_owned()),
        Just("\u{301}".repeat(700)),
        Just("\u{200b}".repeat(700)),
        Just("x".repeat(900)),
        Just("x".repeat(400) + "LV" + &"y".repeat(400) + "ab"),
    ];
    prop::collection::vec(piece, 1..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn bert_parts_equal_the_whole_with_added_tokens_of_all_kinds(
        text in pieces(),
        max_length in 2usize..3000,
        tokens in prop::collection::vec(
            (prop::sample::select(vec!["裤", "ab", "LV", "旗舰", "-裤", "b-", "LV裤", "a b", "é", "##"]), any::<[bool; 5]>()),
            0..4,
        ),
        lower: bool,
        accents in any::<Option<bool>>(),
        chinese: bool,
    ) {
        let config = json!({ "do_lower_case": lower, "strip_accents": accents, "tokenize_chinese_chars": chinese });
        let mut added: Vec<Value> = Vec::new();
        for (content, flags) in tokens {
            if added.iter().all(|token| token["content"] != content) {
                added.push(token(content, flags));
            }
        }
        pair("bert", config, &added).check(&text, max_length)?;
    }

    #[test]
    fn unigram_and_bpe_parts_equal_the_whole(text in pieces(), max_length in 3usize..600, prefix: bool) {
        let added = [token("旗舰", [false, false, false, true, false]), token("ab", [true, false, true, false, false])];
        for base in ["unigram", "bpe"] {
            let config = json!({ "add_prefix_space": prefix });
            let pair = pair(base, config, &added);
            // Without a place to cut there is an error, never another result.
            if pair.ours(max_length).tokenize(&text).is_ok() {
                pair.check(&text, max_length)?;
            }
        }
    }
}

/// Texts of two megabytes, each with a beginning that has the same tokens.
fn long_texts() -> Vec<(&'static str, String)> {
    let repeated = [
        "#",
        "裤",
        " ",
        "\u{3000}",
        "a",
        "1",
        "가",
        "👗",
        "ไทย",
        "裤 ",
        " \n",
        "e\u{301}",
        "<div class=\"a\">裤</div>\n",
        "%E8%A3%A4",
        "{\"id\":1,\"name\":\"裤\"},",
        "1;2.5;abc;裤\r\n",
        "aGVsbG8gd29ybGQ+/",
        "牛仔裤 ",
        "[SEP]",
        "LV",
    ];
    repeated.map(|unit| (unit, unit.repeat((2 << 20) / unit.len()))).into()
}

#[test]
fn long_texts_of_every_kind_cost_what_their_beginning_costs() {
    let plain = pair("bert", json!({}), &[]);
    let added = [
        token("裤", [false, false, false, true, false]),
        token("LV", [true, false, false, false, false]),
        token("旗舰", [false, true, true, true, false]),
    ];
    let with_tokens = pair("bert", json!({}), &added);
    for pair in [&plain, &with_tokens] {
        let tokenizer = pair.ours(128);
        for (unit, text) in long_texts() {
            let beginning: String = unit.repeat(3000 / unit.len());
            let (long, short) = (tokenizer.encode(&text).unwrap(), tokenizer.encode(&beginning).unwrap());
            assert_eq!(long.input_ids, short.input_ids, "{unit:?}");
            let tokens = tokenizer.tokenize(&text).unwrap();
            assert_eq!(tokens.ids, long.input_ids, "{unit:?}");
        }
    }
}

#[test]
fn word_beside_added_tokens_stays_too_long_for_the_vocabulary() {
    let (x, removed) = ("x".repeat(900), "\u{200b}".repeat(700));
    for normalized in [false, true] {
        let tokens = [token("ab", [false, false, false, normalized, false])];
        let pair = pair("bert", json!({ "do_lower_case": false }), &tokens);
        for text in [
            format!("ab{x}{removed}"),
            format!("{}{x}{removed}", "ab".repeat(45)),
            format!("{}{x}", "ab".repeat(49)),
            format!("{x}ab"),
            format!("{x}{}{removed}", "ab".repeat(45)),
            format!("{x}{removed}ab{x}"),
            format!("{removed}ab{removed}{x}{removed}{x}ab{x}"),
            format!("ab{}", "x".repeat(101)) + &removed,
            format!("ab{}", "x".repeat(100)) + &removed,
        ] {
            for max_length in [4, 64] {
                pair.check(&text, max_length).unwrap();
            }
        }
    }
}

#[test]
fn white_space_that_an_added_token_takes_stays_whole() {
    // The normalizer removes the marks, so the token takes the white space on both sides of them; and it puts
    // spaces around Chinese characters, which the token takes too.
    let text =
        |end: &str| format!("{}{}{}{end}", " ".repeat(1500), "\u{301}".repeat(500), "\u{3000}".repeat(200));
    for (content, end) in [("LV", "LV旗舰"), ("裤", "裤旗舰"), ("LV裤", "LV裤旗舰-裤 裤")] {
        for normalized in [false, true] {
            let tokens = [token(content, [false, true, true, normalized, false])];
            let pair = pair("bert", json!({ "do_lower_case": true }), &tokens);
            for text in [text(end), format!("{end}{}{}", text(end), text("x"))] {
                pair.check(&text, 600).unwrap();
            }
        }
    }
}

#[test]
fn unigram_cuts_texts_without_spaces() {
    let tokenizer = pair("unigram", json!({}), &[]).ours(512);
    for unit in ["阔腿裤女", "#", "abc123", "裤 ", "a-b ", "the quick "] {
        let long = tokenizer.encode(&unit.repeat((1 << 20) / unit.len())).unwrap();
        let short = tokenizer.encode(&unit.repeat(12_000 / unit.len())).unwrap();
        assert_eq!(long.input_ids, short.input_ids, "{unit:?}");
        assert!(long.truncated);
    }
}

#[test]
fn a_text_without_a_place_to_cut_is_an_error_that_says_so() {
    // Every unknown character belongs to one token, so none is certain before the text ends.
    let unigram = pair("unigram", json!({}), &[]).ours(128);
    let error = unigram.encode(&"☃".repeat(200_000)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.to_string().contains("600000 bytes"), "{error}");
    assert!(
        error.to_string().contains("of its vocabulary") && !error.to_string().contains("punctuation"),
        "{error}"
    );
    let bpe = pair("bpe", json!({}), &[]).ours(128);
    assert_eq!(bpe.encode(&"裤".repeat(200_000)).unwrap_err().code(), ErrorCode::InvalidArgument);
    assert!(bpe.encode(&"abc123;".repeat(200_000)).is_ok());
    assert!(bpe.encode("裤").is_ok(), "the tokenizer stays usable");
}

#[test]
fn tokenizer_whose_texts_are_not_divided_says_so() {
    // The file's own tokenizer with a pre-tokenizer of another model: there is white space, and it is no place to cut.
    let mut pair = pair("bert", json!({ "tokenizer_class": "PreTrainedTokenizerFast" }), &[]);
    let mut file: Value = serde_json::from_slice(pair.files.tokenizer.as_ref().unwrap()).unwrap();
    file["pre_tokenizer"] = json!({ "type": "WhitespaceSplit" });
    pair.files.tokenizer = Some(file.to_string().into_bytes());
    let tokenizer = pair.ours(32);
    let error = tokenizer.encode(&"裤 ".repeat(100_000)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("400000 bytes") && error.message().contains("rules"), "{error}");
    assert!(!error.message().contains("white space"), "{error}");
    assert!(tokenizer.encode(&"裤 ".repeat(50_000)).unwrap().truncated);
}
