//! JSON files as people write them: a byte order mark, `null` for "not set", keys that corom does not know;
//! and files that are too large to be what their name says.

use corom::config::{BertConfig, Pooling};
use corom::error::ErrorCode;
use corom::model::{LoadOptions, ModelLoader};

use super::{Files, converted, load, load_error};
use crate::support::{export, files};

/// Returns an export with every side file that corom reads.
fn with_side_files() -> Files {
    let mut files = files(&export("legacy-op17"));
    for (path, text) in [
        ("1_Pooling/config.json", r#"{"pooling_mode_mean_tokens": true}"#),
        ("modules.json", r#"[{"type": "sentence_transformers.models.Transformer", "path": ""}]"#),
        ("sentence_bert_config.json", r#"{"max_seq_length": 20}"#),
        ("configuration.json", r#"{"model": {"normalize": true}}"#),
    ] {
        files.insert(path.into(), text.as_bytes().to_vec());
    }
    files
}

fn json_paths(files: &Files) -> Vec<String> {
    files.keys().filter(|path| path.ends_with(".json") && *path != "golden.json").cloned().collect()
}

fn edit(files: &mut Files, path: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let mut value = serde_json::from_slice(&files[path]).unwrap();
    change(&mut value);
    files.insert(path.into(), value.to_string().into_bytes());
}

#[test]
fn byte_order_mark_is_skipped_in_every_json_file() {
    for mut files in [with_side_files(), converted()] {
        let expected = load(&files, LoadOptions::default()).unwrap().embed(&["阔腿裤"]).unwrap();
        for path in json_paths(&files) {
            // The manifest has the hashes of the other files, so only its own bytes can change.
            if !files.contains_key("corom.json") || path == "corom.json" {
                let marked = [b"\xef\xbb\xbf", &files[&path][..]].concat();
                files.insert(path, marked);
            }
        }
        let mut embedder = load(&files, LoadOptions::default()).unwrap();
        assert_eq!(embedder.embed(&["阔腿裤"]).unwrap(), expected);
    }
}

#[test]
fn utf16_is_rejected_in_every_json_file_that_a_load_reads() {
    let all = with_side_files();
    let read = json_paths(&all);
    let read = read.iter().filter(|path| {
        ["config.json", "tokenizer.json", "modules.json", "configuration.json"].contains(&path.as_str())
            || path.starts_with("sentence_bert")
            || path.starts_with("1_Pooling")
    });
    for path in read.collect::<Vec<_>>() {
        let mut files = all.clone();
        let text = String::from_utf8(files[path].clone()).unwrap();
        let utf16 = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        files.insert(path.clone(), utf16);
        let error = load_error(&files);
        let expected =
            if path == "tokenizer.json" { ErrorCode::InvalidTokenizer } else { ErrorCode::InvalidConfig };
        assert_eq!(error.code(), expected, "{path}: {error}");
        assert!(error.message().contains(path.as_str()) && error.message().contains("UTF-16"), "{error}");
    }
}

#[test]
fn null_counts_as_absent_in_config_json() {
    let mut files = files(&export("legacy-op17"));
    let default = BertConfig::from_json(
        br#"{ "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
              "intermediate_size": 16 }"#,
    )
    .unwrap();
    let nulls = BertConfig::from_json(
        br#"{ "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
              "intermediate_size": 16, "model_type": null, "is_decoder": null, "hidden_act": null,
              "position_embedding_type": null, "max_position_embeddings": null, "type_vocab_size": null,
              "layer_norm_eps": null, "pad_token_id": null, "quantization_config": { "bits": null } }"#,
    )
    .unwrap();
    assert_eq!(nulls, default);
    edit(&mut files, "config.json", |config| {
        for key in ["pad_token_id", "hidden_act", "layer_norm_eps", "type_vocab_size", "is_decoder"] {
            config[key] = serde_json::Value::Null;
        }
    });
    assert!(load(&files, LoadOptions::default()).is_ok());
    edit(&mut files, "config.json", |config| config["hidden_size"] = serde_json::Value::Null);
    let error = load_error(&files);
    assert_eq!(error.code(), ErrorCode::InvalidConfig);
    assert!(error.message().contains("hidden_size"), "{error}");
}

#[test]
fn null_and_unknown_keys_count_as_absent_in_side_files() {
    let mut files = with_side_files();
    let null = serde_json::Value::Null;
    edit(&mut files, "configuration.json", |config| {
        config["model"]["emb_pooler_type"] = null.clone();
        config["preprocessor"] = null.clone();
        config["framework"] = "pytorch".into();
    });
    edit(&mut files, "1_Pooling/config.json", |config| {
        config["pooling_mode_max_tokens"] = null.clone();
        config["a new key"] = true.into();
    });
    edit(&mut files, "sentence_bert_config.json", |config| config["do_lower_case"] = null.clone());
    edit(&mut files, "modules.json", |modules| modules[0]["kwargs"] = null.clone());
    let embedder = load(&files, LoadOptions::default()).unwrap();
    assert_eq!((embedder.pooling(), embedder.normalize()), (&Pooling::Mean.into(), true));
    assert_eq!(embedder.tokenizer().max_length(), 20);
}

#[test]
fn null_counts_as_absent_in_a_manifest() {
    let mut files = converted();
    edit(&mut files, "corom.json", |manifest| {
        for key in ["normalize", "created_by", "self_test", "a later key"] {
            manifest[key] = serde_json::Value::Null;
        }
        for file in manifest["files"].as_array_mut().unwrap() {
            file["pieces"] = serde_json::Value::Null;
        }
    });
    assert!(load(&files, LoadOptions::default()).is_ok());
}

#[test]
fn json_without_end_is_rejected_after_some_megabytes() {
    let chunk = vec![b' '; 1 << 20];
    for (path, most) in [("corom.json", 8), ("config.json", 8), ("tokenizer.json", 64)] {
        for stated in [None, Some(3 << 30)] {
            let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
            if path != "corom.json" {
                loader.missing("corom.json").unwrap();
            }
            loader.begin(path, stated).unwrap();
            let error = (0..most + 1).find_map(|_| loader.feed(path, &chunk).err()).unwrap();
            assert_eq!(error.code(), ErrorCode::NotAModel, "{path}");
            assert!(error.message().contains(path), "{error}");
        }
    }
}
