//! Checks the written `tokenizer.json`, from a vocabulary and from a given file.

use corom::tokenizer::Tokenizer;
use serde_json::{Value, json};

use crate::command::{Scratch, convert};

/// Converts a checkpoint with other tokenizer files. Returns the written tokenizer.
fn tokenizer(scratch: &Scratch, name: &str, files: &[(&str, String)]) -> (Value, Tokenizer) {
    let from = scratch.copy_of(name);
    for (file, contents) in files {
        std::fs::write(from.join(file), contents).unwrap();
    }
    convert(&from, &scratch.join("out"), &["--force"]).expect_ok();
    let json = std::fs::read(scratch.join("out/tokenizer.json")).unwrap();
    std::fs::remove_dir_all(from).unwrap();
    (serde_json::from_slice(&json).unwrap(), Tokenizer::from_json(&json, 64, 326).unwrap())
}

fn tokens(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    tokenizer.tokenize(text).unwrap().tokens
}

#[test]
fn tokenizer_from_a_vocabulary_equals_hugging_face() {
    let scratch = Scratch::new("vocab");
    let (value, _) = tokenizer(&scratch, "prefix-model", &[]);
    let mut theirs: Value = serde_json::from_slice(
        &std::fs::read(crate::command::checkpoint("safetensors").join("tokenizer.json")).unwrap(),
    )
    .unwrap();
    // The Python package made the fixture. It also adds the special tokens in the order of their ids.
    for (name, expected) in theirs.as_object_mut().unwrap() {
        assert_eq!(&value[name], expected, "{name}");
    }
}

#[test]
fn tokenizer_follows_tokenizer_config_in_case_and_accents() {
    let scratch = Scratch::new("case");
    let say = |config: Value| [("tokenizer_config.json", config.to_string())];
    let (_, lower) = tokenizer(&scratch, "prefix-model", &[]);
    assert_eq!(tokens(&lower, "iPhone Pró"), ["[CLS]", "iphone", "pro", "[SEP]"]);
    let (value, cased) = tokenizer(&scratch, "prefix-model", &say(json!({"do_lower_case": false})));
    assert_eq!(value["normalizer"]["lowercase"], json!(false));
    assert_eq!(tokens(&cased, "iPhone"), ["[CLS]", "iP", "##hone", "[SEP]"]);
    let (_, kept) = tokenizer(&scratch, "prefix-model", &say(json!({"strip_accents": false})));
    assert_eq!(tokens(&kept, "Pró"), ["[CLS]", "[UNK]", "[SEP]"]);
    let (_, joined) = tokenizer(&scratch, "prefix-model", &say(json!({"tokenize_chinese_chars": false})));
    assert_eq!(tokens(&joined, "童女"), ["[CLS]", "童", "##女", "[SEP]"]);
    // The settings also apply to a checkpoint with a tokenizer.json.
    let (value, cased) = tokenizer(&scratch, "safetensors", &say(json!({"do_lower_case": false})));
    assert_eq!(value["normalizer"]["lowercase"], json!(false));
    assert_eq!(tokens(&cased, "iPhone"), ["[CLS]", "iP", "##hone", "[SEP]"]);
    let (value, _) = tokenizer(&scratch, "safetensors", &say(json!({})));
    assert_eq!(value["normalizer"]["lowercase"], json!(true));
}

#[test]
fn tokenizer_drops_padding_and_truncation_of_a_given_file() {
    let scratch = Scratch::new("strip");
    let given =
        std::fs::read_to_string(crate::command::checkpoint("safetensors").join("tokenizer.json")).unwrap();
    let mut given: Value = serde_json::from_str(&given).unwrap();
    given["truncation"] =
        json!({"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
    given["padding"] = json!({"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"});
    let (value, tokenizer) = tokenizer(&scratch, "safetensors", &[("tokenizer.json", given.to_string())]);
    assert_eq!((&value["truncation"], &value["padding"]), (&Value::Null, &Value::Null));
    assert_eq!(tokens(&tokenizer, "阔腿裤女").len(), 6);
}

#[test]
fn tokenizer_accepts_any_line_end_and_renamed_special_tokens() {
    let scratch = Scratch::new("special");
    let vocabulary =
        std::fs::read_to_string(crate::command::checkpoint("prefix-model").join("vocab.txt")).unwrap();
    let (_, windows) =
        tokenizer(&scratch, "prefix-model", &[("vocab.txt", vocabulary.replace('\n', "\r\n"))]);
    assert_eq!(windows.encode("阔腿裤").unwrap().input_ids, [2, 108, 109, 110, 3]);
    let renamed = vocabulary.replace("[CLS]", "<s>").replace("[SEP]", "</s>");
    let config = json!({"cls_token": "<s>", "sep_token": {"content": "</s>"}}).to_string();
    let files = [("vocab.txt", renamed), ("tokenizer_config.json", config)];
    let (_, other) = tokenizer(&scratch, "prefix-model", &files);
    assert_eq!(tokens(&other, "阔"), ["<s>", "阔", "</s>"]);
}

#[test]
fn tokenizer_keeps_the_ids_of_added_tokens_or_rejects_them() {
    let scratch = Scratch::new("added");
    // The last two tokens of the vocabulary become added tokens.
    let vocabulary =
        std::fs::read_to_string(crate::command::checkpoint("prefix-model").join("vocab.txt")).unwrap();
    let mut lines: Vec<&str> = vocabulary.lines().collect();
    lines.truncate(324);
    let shorter = lines.join("\n") + "\n";
    let added = json!({"[BRAND]": 324, "旗舰": 325}).to_string();
    let files = [("vocab.txt", shorter.clone()), ("added_tokens.json", added)];
    let (_, tokenizer) = tokenizer(&scratch, "prefix-model", &files);
    assert_eq!(tokenizer.encode("[BRAND]旗舰").unwrap().input_ids, [2, 324, 325, 3]);

    let from = scratch.copy_of("prefix-model");
    std::fs::write(from.join("vocab.txt"), shorter).unwrap();
    std::fs::write(from.join("added_tokens.json"), json!({"[BRAND]": 325}).to_string()).unwrap();
    convert(&from, &scratch.join("other"), &[]).expect_rejected("INVALID_TOKENIZER", &["[BRAND]", "325"]);
}
