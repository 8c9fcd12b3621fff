//! Folders in which sentence-transformers' Transformer module has a folder of its own, and other places of files. The
//! converter reads such folders in `tests/convert/sentence.rs`.

use corom::encoder::Precision;
use corom::error::ErrorCode;
use corom::model::{Dtype, LoadOptions};

use super::{check, decision, f32_options, load};
use crate::support::memory::Files;
use crate::support::sentence::{cases, encoder};

const ENCODER_FILES: [&str; 3] = ["config.json", "tokenizer.json", "tokenizer_config.json"];

/// Returns the case `dense-tanh` with the encoder's files in `folder`, and its vectors.
fn nested(folder: &str, class: &str) -> (Files, Vec<String>, Vec<Vec<f32>>) {
    let all = cases();
    let case = &all.cases["dense-tanh"];
    let mut files = encoder();
    for name in ENCODER_FILES {
        let bytes = files.remove(name).unwrap();
        files.insert(format!("{folder}/{name}"), bytes);
    }
    files.extend(case.files());
    let mut modules: serde_json::Value = serde_json::from_slice(&files["modules.json"]).unwrap();
    modules[0]["path"] = format!("./{folder}/").into();
    modules[0]["type"] = class.into();
    files.insert("modules.json".into(), modules.to_string().into_bytes());
    if let Some(bytes) = files.remove("sentence_bert_config.json") {
        files.insert(format!("{folder}/sentence_bert_config.json"), bytes);
    }
    (files, all.texts.clone(), case.vectors.clone())
}

#[test]
fn encoder_in_the_transformers_folder_gives_the_same_vectors() {
    for class in ["sentence_transformers.models.Transformer", "sentence_transformers.models.BERT"] {
        let (mut files, texts, vectors) = nested("0_Transformer", class);
        for is_listed in [false, true] {
            let mut embedder = load(&files, f32_options(), is_listed).unwrap();
            check(class, &mut embedder, &texts, &vectors);
        }
        // Releases 0.x write their own config.json at the top, and people leave a wrong one there.
        let hidden = br#"{"__version__": "0.2.6.1"}"#.to_vec();
        files.insert("config.json".into(), hidden);
        check(class, &mut load(&files, f32_options(), false).unwrap(), &texts, &vectors);
        files.insert("config.json".into(), br#"{"hidden_size": 5}"#.to_vec());
        let error = load(&files, f32_options(), true).err().unwrap();
        assert_eq!(error.code(), ErrorCode::InvalidConfig, "{error}");
    }
}

#[test]
fn files_of_the_transformers_folder_decide() {
    let (mut files, ..) = nested("0_Transformer", "sentence_transformers.models.Transformer");
    files.insert("0_Transformer/sentence_bert_config.json".into(), br#"{"max_seq_length": 9}"#.to_vec());
    let top = encoder();
    // Files with these names at the top count for nothing, in the loader as in the converter.
    files.insert("config.json".into(), top["config.json"].clone());
    files.insert("tokenizer.json".into(), b"{}".to_vec());
    files.insert("sentence_bert_config.json".into(), br#"{"max_seq_length": 7}"#.to_vec());
    files.insert("tokenizer_config.json".into(), br#"{"do_lower_case": false}"#.to_vec());
    for is_listed in [false, true] {
        let embedder = load(&files, f32_options(), is_listed).unwrap();
        assert_eq!(decision(&embedder, "maxLength"), "9 (0_Transformer/sentence_bert_config.json)");
        let ids = |text: &str| embedder.tokenizer().encode(text).unwrap().input_ids;
        assert_eq!(ids("IPHONE"), ids("iphone"));
    }
    // do_lower_case of sentence-transformers, and vocab.txt, lie beside the encoder too.
    let vocabulary: serde_json::Value = serde_json::from_slice(&top["tokenizer.json"]).unwrap();
    let mut tokens: Vec<(&String, u64)> = vocabulary["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(token, id)| (token, id.as_u64().unwrap()))
        .collect();
    tokens.sort_by_key(|pair| pair.1);
    let lines: Vec<&str> = tokens.iter().map(|pair| pair.0.as_str()).collect();
    files.remove("0_Transformer/tokenizer.json");
    files.insert("0_Transformer/vocab.txt".into(), lines.join("\n").into_bytes());
    files.insert("0_Transformer/tokenizer_config.json".into(), br#"{"do_lower_case": false}"#.to_vec());
    let lower = br#"{"max_seq_length": 9, "do_lower_case": true}"#.to_vec();
    files.insert("0_Transformer/sentence_bert_config.json".into(), lower);
    for is_listed in [false, true] {
        let embedder = load(&files, f32_options(), is_listed).unwrap();
        let ids = |text: &str| embedder.tokenizer().encode(text).unwrap().input_ids;
        assert_eq!(ids("IPHONE"), ids("iphone"));
    }
}

#[test]
fn onnx_files_in_the_transformers_folder_are_found() {
    let (mut files, texts, vectors) = nested("0_Transformer", "sentence_transformers.models.Transformer");
    let onnx = files.remove("model.onnx").unwrap();
    files.insert("0_Transformer/onnx/model.onnx".into(), onnx.clone());
    files.insert("0_Transformer/onnx/model_O3.onnx".into(), onnx);
    for is_listed in [false, true] {
        let mut embedder = load(&files, f32_options(), is_listed).unwrap();
        check("nested", &mut embedder, &texts, &vectors);
        assert_eq!(decision(&embedder, "model"), r#""0_Transformer/onnx/model.onnx" (default)"#);
    }
}

#[test]
fn what_is_missing_is_named() {
    let class = "sentence_transformers.models.Transformer";
    for (name, mentions) in [
        ("0_Transformer/config.json", "config.json is missing"),
        ("0_Transformer/tokenizer.json", "0_Transformer/tokenizer.json or 0_Transformer/vocab.txt"),
        ("model.onnx", ".onnx"),
    ] {
        let (mut files, ..) = nested("0_Transformer", class);
        files.remove(name).unwrap();
        for is_listed in [false, true] {
            let error = load(&files, f32_options(), is_listed).err().unwrap();
            assert_eq!(error.code(), ErrorCode::MissingFile, "{error}");
            assert!(error.message().contains(mentions), "{error}");
        }
    }
}

#[test]
fn decision_names_who_chose_the_onnx_file() {
    let (files, ..) = nested("0_Transformer", "sentence_transformers.models.Transformer");
    for (options, expected) in [
        (f32_options(), "default"),
        (LoadOptions { dtype: Dtype::F32, ..f32_options() }, "options"),
        (LoadOptions { model: Some("model.onnx".into()), ..f32_options() }, "options"),
        (LoadOptions { precision: Precision::Auto, ..f32_options() }, "default"),
    ] {
        let embedder = load(&files, options, true).unwrap();
        assert_eq!(decision(&embedder, "model"), format!(r#""model.onnx" ({expected})"#));
    }
}

#[test]
fn web_page_in_place_of_a_listed_file_is_no_missing_file() {
    // A server without a listing may send its page for files that do not exist.
    let page = b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec();
    for name in ["0_Transformer/tokenizer_config.json", "1_Pooling/config.json", "modules.json"] {
        let (mut files, ..) = nested("0_Transformer", "sentence_transformers.models.Transformer");
        assert!(files.insert(name.into(), page.clone()).is_some(), "{name}");
        let error = load(&files, f32_options(), true).err().unwrap();
        assert_eq!(error.code(), ErrorCode::NotAModel, "{error}");
        assert!(error.message().contains(name), "{error}");
    }
}

#[test]
fn decisions_name_the_files_that_change_text() {
    let (nested, ..) = nested("0_Transformer", "sentence_transformers.models.Transformer");
    let with = |path: &str, text: &str| {
        let mut files = nested.clone();
        files.insert(format!("0_Transformer/{path}"), text.into());
        files
    };
    let fast = r#"{ "tokenizer_class": "PreTrainedTokenizerFast", "split_special_tokens": true }"#;
    let options = LoadOptions { lowercase: Some(false), split_special_tokens: Some(true), ..f32_options() };
    for (files, options, lowercase, split) in [
        (
            with("tokenizer_config.json", r#"{ "do_lower_case": false }"#),
            f32_options(),
            "false (0_Transformer/tokenizer_config.json)",
            "false (default)",
        ),
        (with("tokenizer_config.json", "{}"), f32_options(), "true (default)", "false (default)"),
        (
            with("sentence_bert_config.json", r#"{ "do_lower_case": true }"#),
            f32_options(),
            "true (0_Transformer/sentence_bert_config.json)",
            "false (default)",
        ),
        (
            with("tokenizer_config.json", fast),
            f32_options(),
            "true (0_Transformer/tokenizer.json)",
            "true (0_Transformer/tokenizer_config.json)",
        ),
        (nested.clone(), options, "false (options)", "true (options)"),
    ] {
        let embedder = load(&files, options, true).unwrap();
        assert_eq!(decision(&embedder, "lowercase"), lowercase);
        assert_eq!(decision(&embedder, "splitSpecialTokens"), split);
        assert_eq!(embedder.tokenizer().is_lowercase().to_string(), lowercase.split(' ').next().unwrap());
        assert_eq!(
            embedder.tokenizer().splits_special_tokens().to_string(),
            split.split(' ').next().unwrap()
        );
    }
}
