//! The parts without regular expressions do what those of the `tokenizers` crate do.

use proptest::prelude::*;
use serde_json::{Value, json};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    AddedToken, NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential, OffsetType,
    PreTokenizedString, PreTokenizer, PreTokenizerWrapper,
};

use super::Tokenizer;
use super::builder::Pipeline;
use super::parts::{AddedTokenFinder, TextNormalizer, WordSplitter};

type Word = (String, (usize, usize));

fn splits(text: &PreTokenizedString) -> Vec<Word> {
    let splits = text.get_splits(OffsetReferential::Original, OffsetType::Byte);
    splits.into_iter().map(|(word, offsets, _)| (word.to_owned(), offsets)).collect()
}

fn words(splitter: &impl PreTokenizer, text: &str) -> Vec<Word> {
    let mut text = PreTokenizedString::from(text);
    splitter.pre_tokenize(&mut text).unwrap();
    splits(&text)
}

/// Texts of characters that parts treat differently, and of any others.
fn texts() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        " ",
        "  ",
        "   ",
        "\n",
        "\t",
        "\u{3000}",
        "\u{a0}",
        "'s",
        "'ll",
        "'",
        "a",
        "B",
        "é",
        "e\u{301}",
        "阔",
        "１",
        "9",
        "½",
        "Ⅻ",
        "²",
        "-",
        "，",
        "_",
        "\u{200d}",
        "👩‍🚀",
        "ﬁ",
        "▁",
        "ß",
        "İ",
        "\u{64b}",
        "<s>",
        "[SEP]",
        "MASK",
    ]);
    let part = prop_oneof![4 => special.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

#[test]
fn every_character_is_split_as_by_the_expression() {
    let part = ByteLevel::new(false, true, true);
    let ours = WordSplitter::parse(&serde_json::to_value(part).unwrap()).unwrap();
    assert!(!matches!(ours, WordSplitter::Other(_)));
    let characters: Vec<char> = (0..=u32::from(char::MAX)).filter_map(char::from_u32).collect();
    for characters in characters.chunks(64) {
        let text: String = characters.iter().map(|c| format!("a{c}1 {c}{c}-{c}")).collect();
        assert_eq!(words(&ours, &text), words(&part, &text), "{text:?}");
    }
}

fn normalizers() -> Vec<Value> {
    vec![
        json!({ "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true }),
        json!({ "type": "BertNormalizer", "clean_text": false, "handle_chinese_chars": false, "strip_accents": true, "lowercase": false }),
        json!({ "type": "Strip", "strip_left": true, "strip_right": false }),
        json!({ "type": "StripAccents" }),
        json!({ "type": "NFC" }),
        json!({ "type": "NFD" }),
        json!({ "type": "NFKC" }),
        json!({ "type": "NFKD" }),
        json!({ "type": "Lowercase" }),
        json!({ "type": "Nmt" }),
        json!({ "type": "Prepend", "prepend": "▁" }),
        json!({ "type": "ByteLevel" }),
        json!({ "type": "Replace", "pattern": { "Regex": " {2,}" }, "content": " " }),
        json!({ "type": "Replace", "pattern": { "String": " " }, "content": "▁" }),
        json!({ "type": "Replace", "pattern": { "String": "aa" }, "content": "" }),
        json!({ "type": "Sequence", "normalizers": [{ "type": "NFKC" }, { "type": "Lowercase" }] }),
    ]
}

fn splitters() -> Vec<Value> {
    vec![
        json!({ "type": "BertPreTokenizer" }),
        json!({ "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true }),
        json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true }),
        json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false }),
        json!({ "type": "CharDelimiterSplit", "delimiter": "-" }),
        json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true }),
        json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false }),
        json!({ "type": "Punctuation", "behavior": "Isolated" }),
        json!({ "type": "WhitespaceSplit" }),
        json!({ "type": "Digits", "individual_digits": true }),
        json!({ "type": "Sequence", "pretokenizers": [{ "type": "WhitespaceSplit" }, { "type": "Digits", "individual_digits": false }] }),
    ]
}

#[test]
fn parts_with_expressions_are_those_of_the_crate() {
    let split =
        json!({ "type": "Split", "pattern": { "Regex": "\\d+" }, "behavior": "Isolated", "invert": false });
    for value in [split, json!({ "type": "Whitespace" }), json!({ "type": "UnicodeScripts" })] {
        let part = WordSplitter::parse(&value).unwrap();
        assert!(matches!(part, WordSplitter::Other(_)), "{value}");
    }
    for pattern in [json!({ "Regex": "\\s+" }), json!({ "String": "" })] {
        let value = json!({ "type": "Replace", "pattern": pattern, "content": " " });
        assert!(matches!(TextNormalizer::parse(&value).unwrap(), TextNormalizer::Other(_)), "{value}");
    }
    for value in [json!({ "type": "Lowercas" }), json!({ "type": "Prepend" }), json!(1), json!([])] {
        assert_eq!(
            TextNormalizer::parse(&value).unwrap_err().code(),
            crate::error::ErrorCode::InvalidTokenizer
        );
        assert_eq!(
            WordSplitter::parse(&value).unwrap_err().code(),
            crate::error::ErrorCode::InvalidTokenizer
        );
    }
}

#[test]
fn parts_are_written_as_the_crate_writes_them() {
    for value in normalizers() {
        let (ours, reference) = (TextNormalizer::parse(&value).unwrap(), parsed::<NormalizerWrapper>(&value));
        assert!(!matches!(ours, TextNormalizer::Other(_)), "{value}");
        assert_eq!(serde_json::to_string(&ours).unwrap(), serde_json::to_string(&reference).unwrap());
    }
    for value in splitters() {
        let (ours, reference) = (WordSplitter::parse(&value).unwrap(), parsed::<PreTokenizerWrapper>(&value));
        assert!(!matches!(ours, WordSplitter::Other(_)), "{value}");
        assert_eq!(serde_json::to_string(&ours).unwrap(), serde_json::to_string(&reference).unwrap());
    }
}

fn parsed<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// A pipeline with tokens of all kinds but `single_word`.
fn pipeline(normalizer: &Value) -> Pipeline {
    let json = std::fs::read("tests/fixtures/bits/int8/tokenizer.json").unwrap();
    let mut pipeline = Tokenizer::from_json(&json, 8, 1 << 20).unwrap().inner;
    pipeline.with_normalizer(Some(TextNormalizer::parse(normalizer).unwrap())).unwrap();
    let token = |content: &str, special| AddedToken::from(content.to_owned(), special);
    let tokens = [
        token("<s>", true).lstrip(true),
        token("MASK", false).rstrip(true),
        token("a", false).lstrip(true).rstrip(true),
        token("阔", false).normalized(false),
        token(" 9", false).rstrip(true).normalized(false),
        token("'ll", true).normalized(true),
        token("▁-", false),
    ];
    pipeline.add_tokens(tokens).unwrap();
    pipeline
}

proptest! {
    #[test]
    fn normalizers_change_texts_as_those_of_the_crate(text in texts()) {
        for value in normalizers() {
            let (mut ours, mut reference) = (NormalizedString::from(text.as_str()), NormalizedString::from(text.as_str()));
            TextNormalizer::parse(&value).unwrap().normalize(&mut ours).unwrap();
            parsed::<NormalizerWrapper>(&value).normalize(&mut reference).unwrap();
            prop_assert_eq!(ours, reference, "{}", value);
        }
    }

    #[test]
    fn pre_tokenizers_split_texts_as_those_of_the_crate(text in texts()) {
        for value in splitters() {
            let (ours, reference) = (WordSplitter::parse(&value).unwrap(), parsed::<PreTokenizerWrapper>(&value));
            prop_assert_eq!(words(&ours, &text), words(&reference, &text), "{}", value);
        }
    }

    #[test]
    fn added_tokens_are_found_as_by_the_crate(text in texts(), splits_special in any::<bool>()) {
        let lower = json!({ "type": "Lowercase" });
        let squeezed = json!({ "type": "Replace", "pattern": { "Regex": " {2,}" }, "content": " " });
        for normalizer in [lower, squeezed, json!({ "type": "NFKC" })] {
            let mut pipeline = pipeline(&normalizer);
            pipeline.set_encode_special_tokens(splits_special);
            let finder = AddedTokenFinder::new(pipeline.get_added_vocabulary()).unwrap();
            let ours = finder.extract(pipeline.get_added_vocabulary(), pipeline.get_normalizer(), &text).unwrap();
            let reference = pipeline.get_added_vocabulary().extract_and_normalize(pipeline.get_normalizer(), &text);
            prop_assert_eq!(ours, reference);
        }
    }
}

#[test]
fn white_space_between_tokens_is_taken_once_as_by_the_crate() {
    let pipeline = pipeline(&json!({ "type": "NFC" }));
    let finder = AddedTokenFinder::new(pipeline.get_added_vocabulary()).unwrap();
    for text in ["a  a", " 9  <s>", "x  a\u{3000}a b", " 9 \n<s>  <s>", "MASK  a"] {
        let parts = finder.extract(pipeline.get_added_vocabulary(), pipeline.get_normalizer(), text).unwrap();
        let reference =
            pipeline.get_added_vocabulary().extract_and_normalize(pipeline.get_normalizer(), text);
        assert_eq!(parts, reference, "{text:?}");
    }
}

#[test]
fn words_of_their_own_are_found_as_by_the_crate() {
    let mut pipeline = pipeline(&json!({ "type": "NFC" }));
    pipeline.add_tokens([AddedToken::from("B", false).single_word(true)]).unwrap();
    let finder = AddedTokenFinder::new(pipeline.get_added_vocabulary()).unwrap();
    for text in ["B", "aB", "xB", "阔B", "B B", "B\u{64b}", "xB B"] {
        let parts = finder.extract(pipeline.get_added_vocabulary(), pipeline.get_normalizer(), text).unwrap();
        let reference =
            pipeline.get_added_vocabulary().extract_and_normalize(pipeline.get_normalizer(), text);
        assert_eq!(parts, reference);
    }
    let splits = |text: &str| {
        finder
            .extract(pipeline.get_added_vocabulary(), pipeline.get_normalizer(), text)
            .unwrap()
            .get_splits(OffsetReferential::Original, OffsetType::Byte)
            .len()
    };
    assert_eq!((splits("xB"), splits("x B")), (1, 2));
}
