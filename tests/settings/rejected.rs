//! Folders whose settings corom rejects, by code, with the place in the message.

use corom::config::PoolingChoice;
use corom::error::{Error, ErrorCode};
use corom::model::LoadOptions;

use crate::support::sentence::cases;
use crate::support::{export, files};
use crate::{Files, f32_options, folder, load};

fn error(files: &Files) -> Error {
    load(files, f32_options(), false).err().expect("loading succeeded")
}

/// Returns the folder of a case with a graph of hidden states only.
fn hidden_only(case: &str) -> Files {
    let mut files = folder(&cases().cases[case]);
    let export = files_of_export();
    files.insert("model.onnx".into(), export["model.onnx"].clone());
    files.insert("config.json".into(), export["config.json"].clone());
    files.insert("tokenizer.json".into(), export["tokenizer.json"].clone());
    files
}

/// An export with hidden states of 16 numbers.
fn files_of_export() -> Files {
    files(&export("legacy-op15"))
}

#[test]
fn folder_that_does_not_say_how_to_pool_is_rejected_with_the_choices() {
    for name in ["legacy-op17", "dynamo-op18", "hidden-states", "external-shards"] {
        let mut files = files(&export(name));
        files.remove("configuration.json");
        let error = error(&files);
        assert_eq!(error.code(), ErrorCode::PoolingUnknown, "{name}: {error}");
        for word in ["cls", "mean", "max", "mean_sqrt_len", "graph", "--pooling"] {
            assert!(error.message().contains(word), "{error}");
        }
    }
    // Another task of ModelScope says nothing of the pooling.
    let mut files = files(&export("legacy-op17"));
    files.insert("configuration.json".into(), br#"{"task": "text-ranking"}"#.to_vec());
    assert_eq!(error(&files).code(), ErrorCode::PoolingUnknown);
}

#[test]
fn module_files_that_do_not_fit_are_rejected() {
    let modules = |class: &str, path: &str| {
        format!(
            r#"[{{"type": "sentence_transformers.models.Transformer", "path": ""}},
                {{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}},
                {{"type": "{class}", "path": "{path}"}}]"#
        )
    };
    let dense = "sentence_transformers.models.Dense";
    let config = |inputs: usize, outputs: usize, activation: &str| {
        format!(
            r#"{{"in_features": {inputs}, "out_features": {outputs}, "bias": true,
                "activation_function": "torch.nn.modules.activation.{activation}"}}"#
        )
    };
    let path = "2_Dense/config.json";
    let cases: Vec<(&str, String, ErrorCode, &str)> = vec![
        ("modules.json", modules(dense, "../2_Dense"), ErrorCode::InvalidConfig, "../2_Dense"),
        (
            "modules.json",
            modules("sentence_transformers.models.CNN", "2"),
            ErrorCode::UnsupportedModel,
            "CNN",
        ),
        ("modules.json", modules("mine.Dense", "2_Dense"), ErrorCode::UnsupportedModel, "mine.Dense"),
        ("modules.json", "{}".into(), ErrorCode::InvalidConfig, "list of modules"),
        ("modules.json", "[{}]".into(), ErrorCode::InvalidConfig, "type"),
        ("modules.json", modules(dense, "3_Dense"), ErrorCode::MissingFile, "3_Dense/config.json"),
        (path, config(16, 8, "Softmax2d"), ErrorCode::UnsupportedModel, "Softmax2d"),
        (path, config(8, 16, "Tanh"), ErrorCode::InvalidConfig, "linear.weight"),
        (path, config(16, 9, "Tanh"), ErrorCode::InvalidConfig, "linear.weight"),
        (path, config(0, 8, "Tanh"), ErrorCode::InvalidConfig, "in_features"),
        (path, config(1 << 23, 1 << 23, "Tanh"), ErrorCode::InvalidConfig, "weights are supported"),
        (path, "{}".into(), ErrorCode::InvalidConfig, "in_features"),
        (
            "2_Dense/model.safetensors",
            "not a file of weights".into(),
            ErrorCode::InvalidCheckpoint,
            "2_Dense",
        ),
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode": "attention"}"#.into(),
            ErrorCode::UnsupportedPooling,
            "attention",
        ),
        ("1_Pooling/config.json", r#"{"pooling_mode": 5}"#.into(), ErrorCode::InvalidConfig, "pooling_mode"),
        (
            "1_Pooling/config.json",
            r#"{"word_embedding_dimension": 768, "pooling_mode": "mean"}"#.into(),
            ErrorCode::InvalidConfig,
            "768",
        ),
        (
            "sentence_bert_config.json",
            r#"{"max_seq_length": "12"}"#.into(),
            ErrorCode::InvalidConfig,
            "max_seq_length",
        ),
    ];
    let good = hidden_only("dense-tanh");
    assert!(load(&good, f32_options(), false).is_ok());
    for (path, contents, code, word) in cases {
        let mut files = good.clone();
        assert!(files.contains_key(path), "{path}: {:?}", files.keys());
        files.insert(path.into(), contents.clone().into_bytes());
        let error = error(&files);
        assert_eq!(error.code(), code, "{path} {contents}: {error}");
        assert!(error.message().contains(word), "{path} {contents}: {error}");
    }
}

#[test]
fn modules_that_do_not_run_can_be_left_out() {
    let mut files = hidden_only("dense-tanh");
    files.retain(|path, _| !path.starts_with("2_Dense/model"));
    assert_eq!(error(&files).code(), ErrorCode::MissingFile);
    let options = LoadOptions { ignore_head: true, ..f32_options() };
    assert_eq!(load(&files, options, false).unwrap().dimension(), 16);
}

#[test]
fn concatenated_poolings_must_fit_the_first_module() {
    let files = hidden_only("dense-tanh");
    let options =
        LoadOptions { pooling: Some(PoolingChoice::parse(&["cls", "mean"]).unwrap()), ..f32_options() };
    let error = load(&files, options, false).err().unwrap();
    assert_eq!(error.code(), ErrorCode::InvalidConfig);
    assert!(error.message().contains("32"), "{error}");
}
