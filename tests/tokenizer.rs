//! Token ids compared with Hugging Face's tokenizers, long texts, and damaged files.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use corom::config::BertConfig;
use corom::error::ErrorCode;
use corom::tokenizer::Tokenizer;
use proptest::prelude::*;
use support::isolate::for_each_group;

fn tokenizer(name: &str, max_length: usize) -> Tokenizer {
    let folder = support::export(name);
    let config = BertConfig::from_json(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    Tokenizer::from_json(
        &std::fs::read(folder.join("tokenizer.json")).unwrap(),
        max_length,
        config.vocab_size,
    )
    .unwrap()
}

#[test]
fn token_ids_match_hugging_face_on_every_export() {
    for (name, folder) in support::folders("exports") {
        let golden = support::golden(&folder);
        let tokenizer = tokenizer(&name, golden.max_length);
        for (text, expected) in golden.texts.iter().zip(&golden.input_ids) {
            assert_eq!(&tokenizer.encode(text).unwrap().input_ids, expected, "{name}: {text:?}");
        }
    }
}

#[test]
fn offsets_are_utf16_code_units() {
    let tokens = tokenizer("legacy-op17", 32).tokenize("𠮷 裤ABC").unwrap();
    let units: Vec<u16> = "𠮷 裤ABC".encode_utf16().collect();
    let spelled: Vec<String> =
        tokens.offsets.iter().map(|&(start, end)| String::from_utf16(&units[start..end]).unwrap()).collect();
    assert_eq!((spelled[0].as_str(), spelled.last().unwrap().as_str()), ("", ""), "special tokens");
    assert_eq!(spelled[1], "𠮷");
    assert_eq!(spelled[2], "裤");
    assert_eq!(spelled[3..spelled.len() - 1].concat(), "ABC");
    assert!(!tokens.truncated);
}

#[test]
fn truncation_counts_special_tokens_and_is_reported() {
    let tokenizer = tokenizer("legacy-op17", 8);
    let long = tokenizer.tokenize("阔腿裤女冬牛仔裤高腰").unwrap();
    assert_eq!(long.ids.len(), 8);
    assert!(long.truncated);
    assert_eq!(long.offsets[6], (5, 6));
    let exact = tokenizer.tokenize("阔腿裤女冬牛").unwrap();
    assert_eq!(exact.ids, long.ids);
    assert!(!exact.truncated);
}

#[test]
fn long_texts_cost_as_much_as_their_first_kilobytes() {
    let tokenizer = tokenizer("legacy-op17", 32);
    for (unit, head) in [("阔腿裤 ", 40), ("a", 300), (" \n", 2), ("\u{3000}", 3), ("1", 300), ("가", 200)]
    {
        let text = unit.repeat(10 << 20 >> unit.len().ilog2());
        let started = std::time::Instant::now();
        let ids = tokenizer.encode(&text).unwrap().input_ids;
        assert!(started.elapsed().as_secs() < 20, "{unit:?}");
        assert_eq!(ids, tokenizer.encode(&unit.repeat(head)).unwrap().input_ids, "{unit:?}");
    }
    let junk = format!("e{}", "\u{301}".repeat(5 << 20));
    assert_eq!(tokenizer.encode(&junk).unwrap(), tokenizer.encode("e\u{301}").unwrap());
}

#[test]
fn tokenizer_rejects_damaged_and_mismatched_files() {
    let folder = support::export("legacy-op17");
    let json = std::fs::read(folder.join("tokenizer.json")).unwrap();
    let vocab_size =
        BertConfig::from_json(&std::fs::read(folder.join("config.json")).unwrap()).unwrap().vocab_size;
    let code = |json: &[u8], max_length, vocab| {
        Tokenizer::from_json(json, max_length, vocab).err().map(|e| e.code())
    };
    assert_eq!(code(&json, 32, vocab_size), None);
    assert_eq!(code(&json, 1, vocab_size), Some(ErrorCode::InvalidArgument));
    assert_eq!(code(&json, 32, vocab_size - 1), Some(ErrorCode::TokenizerMismatch));
    assert_eq!(code(&json, 32, 21128), None, "padded embeddings");
    for end in (0..json.len()).step_by(97) {
        assert_eq!(code(&json[..end], 32, vocab_size), Some(ErrorCode::InvalidTokenizer), "cut at {end}");
    }
    let mut value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    value["post_processor"] = serde_json::Value::Null;
    assert_eq!(code(value.to_string().as_bytes(), 32, vocab_size), Some(ErrorCode::InvalidTokenizer));
}

#[test]
fn tokenizer_survives_changed_bytes() {
    let replacements = ["0", "\"", "}", "n", "["].map(str::to_owned);
    for_each_group("tokenizer_survives_changed_bytes", &replacements, |replacement, cases| {
        let folder = support::export("legacy-op17");
        let json = std::fs::read(folder.join("tokenizer.json")).unwrap();
        let config = BertConfig::from_json(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
        for at in (0..json.len()).step_by(3) {
            cases.begin(format!("byte {at}"));
            let mut damaged = json.clone();
            damaged[at] = replacement.as_bytes()[0];
            if let Ok(tokenizer) = Tokenizer::from_json(&damaged, 32, config.vocab_size) {
                let _ = tokenizer.tokenize("阔腿裤 iPhone[SEP]");
            }
        }
    });
}

proptest! {
    /// Tokenizing in chunks and shortening long words change nothing. The reference is the `tokenizers` crate on the
    /// whole text.
    #[test]
    fn chunked_tokenization_equals_tokenization_of_the_whole_text(
        parts in prop::collection::vec(
            prop_oneof![
                "[a-zA-Z0-9]{1,150}",
                "\\PC{0,40}",
                "[阔腿裤女冬牛仔 ，。\\n\\t\u{3000}]{1,60}",
                "[ \u{3000}\\n]{1,3000}",
                "[e\u{301}\u{200b}\u{ad}가Ж]{1,130}",
                Just("[SEP][MASK]".to_owned()),
            ],
            1..60,
        ),
        max_length in 2usize..2000,
    ) {
        let text = parts.concat();
        let folder = support::export("legacy-op17");
        let mut hugging_face = tokenizers::Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
        hugging_face.with_padding(None);
        hugging_face.with_truncation(Some(tokenizers::TruncationParams { max_length, ..Default::default() })).unwrap();
        let expected = hugging_face.encode(text.as_str(), true).unwrap();
        let ours = tokenizer("legacy-op17", max_length).tokenize(&text).unwrap();
        prop_assert_eq!(&ours.ids[..], expected.get_ids());
        let units = |byte: usize| text[..byte].encode_utf16().count();
        let special = expected.get_special_tokens_mask();
        for (i, (&ours, &(start, end))) in ours.offsets.iter().zip(expected.get_offsets()).enumerate() {
            let expected = if special[i] == 1 { (0, 0) } else { (units(start), units(end)) };
            prop_assert_eq!(ours, expected, "token {}", i);
        }
    }
}
