//! The loader: which files it requests, and what it rejects.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "loading/dtype.rs"]
mod dtype;
#[path = "loading/feeding.rs"]
mod feeding;
#[path = "encoder_support/generated.rs"]
mod generated;
#[path = "loading/json_files.rs"]
mod json_files;
#[path = "loading/second_reading.rs"]
mod second_reading;
mod support;
#[path = "loading/unreadable.rs"]
mod unreadable;

use std::collections::BTreeMap;

use corom::config::Pooling;
use corom::error::{Error, ErrorCode};
use corom::model::manifest::{FileEntry, sha256_hex};
use corom::model::{LoadOptions, Manifest, ModelLoader};
use corom::self_test::SelfTest;
use support::memory::{Files, load};
use support::{export, files};

/// Returns the error that loading fails with.
fn load_error(files: &Files) -> Error {
    load(files, LoadOptions::default()).err().expect("loading succeeded")
}

/// Returns an export with a manifest, as the converter writes it.
fn converted() -> Files {
    let mut files = files(&export("external-shards"));
    let names = ["model.onnx_data", "model.onnx_data_1", "model.onnx_data_2"];
    assert!(names.iter().all(|name| files.contains_key(*name)));
    files.retain(|path, _| {
        path.starts_with("model.onnx") || path == "config.json" || path == "tokenizer.json"
    });
    with_manifest(files)
}

/// Adds a manifest that describes the files.
fn with_manifest(mut files: Files) -> Files {
    let texts = vec!["阔腿裤女冬牛仔".to_owned()];
    let cls = LoadOptions { pooling: Some(Pooling::Cls.into()), ..LoadOptions::default() };
    let mut embedder = load(&files, cls).unwrap();
    let vectors = vec![embedder.embed(&texts).unwrap()];
    let manifest = Manifest {
        format: "corom-model".into(),
        format_version: 1,
        task: Default::default(),
        created_by: "a test".into(),
        pooling: Pooling::Cls.into(),
        head: Vec::new(),
        normalize: false,
        max_length: 16,
        metric: None,
        prompts: BTreeMap::new(),
        default_prompt_name: None,
        include_prompt: None,
        dtype: "f32".into(),
        lineage: None,
        distilled_from: None,
        full_vocab_size: None,
        hidden_size: embedder.dimension(),
        dimension: None,
        files: files.iter().map(|(path, bytes)| FileEntry::of(path, bytes)).collect(),
        self_test: Some(SelfTest { texts, vectors, ..SelfTest::default() }),
    };
    files.insert("corom.json".into(), manifest.to_json().unwrap().into_bytes());
    files
}

/// Edits the manifest's JSON.
fn edit_manifest(files: &mut Files, edit: impl FnOnce(&mut serde_json::Value)) {
    let mut value = serde_json::from_slice(&files["corom.json"]).unwrap();
    edit(&mut value);
    files.insert("corom.json".into(), value.to_string().into_bytes());
}

fn paths(loader: &ModelLoader) -> Vec<&str> {
    loader.pending_requests().iter().map(|w| w.path.as_str()).collect()
}

#[test]
fn loader_requests_converted_folder_in_stages_with_sizes_and_hashes() {
    let files = converted();
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    let stages: [&[&str]; 3] = [
        &["corom.json"],
        &["config.json", "tokenizer.json", "model.onnx"],
        &["model.onnx_data", "model.onnx_data_1", "model.onnx_data_2"],
    ];
    for (i, stage) in stages.into_iter().enumerate() {
        assert_eq!(paths(&loader), stage);
        let listed =
            files.iter().filter(|(path, _)| *path != "corom.json").map(|(_, b)| b.len() as u64).sum();
        assert_eq!(loader.total(), (i > 0).then_some(listed));
        for file in loader.pending_requests().to_vec().iter().rev() {
            let listed = (i > 0).then(|| FileEntry::of(&*file.path, &files[&file.path]));
            assert_eq!(file.required, i > 0);
            assert_eq!(
                (file.size, &file.sha256),
                (listed.as_ref().map(|e| e.size), &listed.map(|e| e.sha256))
            );
            loader.supply(&file.path, &files[&file.path]).unwrap();
        }
    }
    assert!(loader.pending_requests().is_empty());
    assert_eq!(loader.build().unwrap().tokenizer().max_length(), 16);
}

#[test]
fn total_includes_shards_of_any_name_once_the_onnx_file_is_read() {
    use prost::Message;
    let mut files = converted();
    let mut model = corom::encoder::onnx::pb::ModelProto::decode(&files["model.onnx"][..]).unwrap();
    let tensors = &mut model.graph.as_mut().unwrap().initializer;
    for entry in tensors.iter_mut().flat_map(|t| &mut t.external_data) {
        if entry.key == "location" && entry.value == "model.onnx_data_1" {
            entry.value = "weights.bin".into();
        }
    }
    files.insert("model.onnx".into(), model.encode_to_vec());
    let shard = files.remove("model.onnx_data_1").unwrap();
    files.insert("weights.bin".into(), shard);
    files.remove("corom.json");
    files.insert("LICENSE".into(), b"never loaded".to_vec());
    let files = with_manifest(files);

    let size_of = |skip: &[&str]| -> u64 {
        files.iter().filter(|(path, _)| !skip.contains(&path.as_str())).map(|(_, b)| b.len() as u64).sum()
    };
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    for path in ["corom.json", "config.json", "tokenizer.json"] {
        loader.supply(path, &files[path]).unwrap();
    }
    assert_eq!(loader.total(), Some(size_of(&["corom.json", "LICENSE", "weights.bin"])));
    loader.supply("model.onnx", &files["model.onnx"]).unwrap();
    let whole = Some(size_of(&["corom.json", "LICENSE"]));
    assert_eq!(loader.total(), whole);
    // The total stays the same while shards arrive and are released.
    loader.supply("weights.bin", &files["weights.bin"]).unwrap();
    assert_eq!(loader.total(), whole);
}

#[test]
fn loader_finds_files_of_an_export_with_and_without_listing() {
    for (name, folder) in support::folders("exports") {
        let files = files(&folder);
        load(&files, LoadOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
        loader.set_listing(files.keys().cloned()).unwrap();
        while let Some(file) = loader.pending_requests().first().cloned() {
            let bytes =
                files.get(&file.path).unwrap_or_else(|| panic!("{name}: the loader requests {}", file.path));
            loader.supply(&file.path, bytes).unwrap();
        }
        loader.build().unwrap();
    }
}

#[test]
fn loader_rejects_files_of_other_size_or_hash() {
    for path in ["model.onnx", "model.onnx_data_1", "config.json", "tokenizer.json"] {
        let mut files = converted();
        files.get_mut(path).unwrap().pop();
        assert_eq!(load_error(&files).code(), ErrorCode::IntegrityMismatch, "{path} cut");
        let mut files = converted();
        *files.get_mut(path).unwrap().last_mut().unwrap() ^= 1;
        assert_eq!(load_error(&files).code(), ErrorCode::IntegrityMismatch, "{path} changed");
        files.remove(path);
        let error = load_error(&files);
        assert_eq!(error.code(), ErrorCode::MissingFile);
        assert!(error.message().contains(path));
    }
}

#[test]
fn loader_rejects_html_pages_and_git_lfs_pointers() {
    let page = b"<!DOCTYPE html><html><body>404</body></html>".to_vec();
    for path in ["model.onnx", "model.onnx_data", "config.json", "tokenizer.json"] {
        let mut files = converted();
        files.insert(path.into(), page.clone());
        assert_eq!(load_error(&files).code(), ErrorCode::NotAModel, "{path}");
    }
    // A server that answers every request with a page.
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    loader.supply("corom.json", &page).unwrap();
    assert_eq!(loader.supply("config.json", &page).unwrap_err().code(), ErrorCode::NotAModel);
    let mut files = files(&export("legacy-op17"));
    files.insert("model.onnx".into(), b"version https://git-lfs.github.com/spec/v1\noid sha256:0".to_vec());
    assert!(load_error(&files).message().contains("git lfs pull"));
}

#[test]
fn loader_rejects_manifests_that_do_not_match() {
    type Edit = fn(&mut serde_json::Value);
    let cases: [(&str, Edit, ErrorCode); 8] = [
        ("newer", |m| m["format_version"] = 99.into(), ErrorCode::UnsupportedFormat),
        ("no version", |m| m["format_version"] = "1".into(), ErrorCode::InvalidConfig),
        ("other format", |m| m["format"] = "zip".into(), ErrorCode::InvalidConfig),
        ("outside", |m| m["files"][0]["path"] = "../config.json".into(), ErrorCode::InvalidConfig),
        ("no hash", |m| m["files"][0]["sha256"] = "".into(), ErrorCode::InvalidConfig),
        ("no model", |m| m["files"] = serde_json::json!([]), ErrorCode::InvalidConfig),
        ("hidden_size", |m| m["hidden_size"] = 7.into(), ErrorCode::InvalidConfig),
        ("self-test", |m| m["self_test"]["vectors"][0][0] = 9e3.into(), ErrorCode::SelfTestFailed),
    ];
    for (what, edit, code) in cases {
        let mut files = converted();
        edit_manifest(&mut files, edit);
        assert_eq!(load_error(&files).code(), code, "{what}");
    }
    let mut files = converted();
    edit_manifest(&mut files, |m| {
        let list = m["files"].as_array_mut().unwrap();
        list.retain(|f| f["path"] != "model.onnx_data_2");
    });
    assert_eq!(load_error(&files).code(), ErrorCode::MissingFile, "a shard that is not listed");
}

#[test]
fn loader_skips_self_test_on_request() {
    let mut files = converted();
    edit_manifest(&mut files, |m| m["self_test"]["vectors"][0][0] = 9e3.into());
    let options = LoadOptions { skip_self_test: true, ..LoadOptions::default() };
    assert!(load(&files, options).is_ok());
}

#[test]
fn self_test_uses_settings_of_the_manifest() {
    let options = LoadOptions {
        pooling: Some(Pooling::Mean.into()),
        normalize: Some(true),
        // The self-test's text has more tokens.
        max_length: Some(4),
        ..LoadOptions::default()
    };
    let mut embedder = load(&converted(), options).unwrap();
    assert_eq!(embedder.tokenizer().max_length(), 4);
    assert_eq!(embedder.embed(&["阔腿裤女冬牛仔"]).unwrap(), embedder.embed(&["阔腿"]).unwrap());
}

#[test]
fn loader_rejects_config_of_another_model() {
    let mut files = files(&export("legacy-op17"));
    let mut config: serde_json::Value = serde_json::from_slice(&files["config.json"]).unwrap();
    let good = files["config.json"].clone();
    config["vocab_size"] = 21128.into();
    files.insert("config.json".into(), config.to_string().into_bytes());
    assert_eq!(load_error(&files).code(), ErrorCode::TokenizerMismatch);
    let mut config: serde_json::Value = serde_json::from_slice(&good).unwrap();
    config["hidden_size"] = "wide".into();
    files.insert("config.json".into(), config.to_string().into_bytes());
    assert_eq!(load_error(&files).code(), ErrorCode::InvalidConfig);
    files.insert("config.json".into(), b"[]".to_vec());
    assert_eq!(load_error(&files).code(), ErrorCode::InvalidConfig);
}

#[test]
fn side_files_set_pooling_normalization_and_max_length() {
    let mut files = files(&export("legacy-op17"));
    files.insert(
        "1_Pooling/config.json".into(),
        br#"{"word_embedding_dimension": 32, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#.to_vec(),
    );
    files.insert(
        "modules.json".into(),
        br#"[{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}, {"type": "sentence_transformers.models.Normalize"}]"#.to_vec(),
    );
    files.insert(
        "sentence_bert_config.json".into(),
        br#"{"max_seq_length": 20, "do_lower_case": false}"#.to_vec(),
    );
    let embedder = load(&files, LoadOptions::default()).unwrap();
    assert_eq!((embedder.pooling(), embedder.normalize()), (&Pooling::Mean.into(), true));
    assert_eq!(embedder.tokenizer().max_length(), 20);
    files.insert("1_Pooling/config.json".into(), br#"{"pooling_mode": "attention"}"#.to_vec());
    assert_eq!(load_error(&files).code(), ErrorCode::UnsupportedPooling);
    assert!(
        load(&files, LoadOptions { pooling: Some(Pooling::Cls.into()), ..LoadOptions::default() }).is_ok()
    );
    files.remove("1_Pooling/config.json");
    files.insert(
        "configuration.json".into(),
        br#"{"task": "sentence-embedding", "model": {"emb_pooler_type": "avg"}, "preprocessor": {"max_length": 24}}"#.to_vec(),
    );
    let embedder = load(&files, LoadOptions::default()).unwrap();
    assert_eq!((embedder.pooling(), embedder.tokenizer().max_length()), (&Pooling::Mean.into(), 24));
}

#[test]
fn sha256_hex_gives_the_published_test_vector() {
    // The test vector of FIPS 180-2, appendix B.1.
    assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn option_model_onnx_keeps_the_manifest() {
    let mut files = converted();
    edit_manifest(&mut files, |m| {
        m["pooling"] = "mean".into();
        m["self_test"] = serde_json::Value::Null;
    });
    let by_address = LoadOptions { model: Some("model.onnx".into()), ..LoadOptions::default() };
    assert_eq!(*load(&files, by_address.clone()).unwrap().pooling(), Pooling::Mean);
    files.remove("corom.json");
    let error = load(&files, by_address).err().unwrap();
    assert_eq!(error.code(), ErrorCode::PoolingUnknown);
}

#[test]
fn loader_requires_a_choice_among_several_onnx_files() {
    let mut files = files(&export("legacy-op17"));
    let onnx = files.remove("model.onnx").unwrap();
    files.insert("a.onnx".into(), onnx.clone());
    files.insert("b.ONNX".into(), onnx);
    let listed = |options| {
        let mut loader = ModelLoader::new(options).unwrap();
        loader
            .set_listing(files.keys().cloned())
            .map(|()| loader.pending_requests().iter().map(|w| w.path.clone()).collect())
    };
    let error = listed(LoadOptions::default()).map(|_: Vec<String>| ()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("a.onnx, b.ONNX"));
    let chosen = LoadOptions { model: Some("b.ONNX".into()), ..LoadOptions::default() };
    assert!(load(&files, chosen).is_ok());
    assert!(
        ModelLoader::new(LoadOptions { model: Some("weights.bin".into()), ..LoadOptions::default() })
            .is_err()
    );
}

#[test]
fn loader_reads_newer_side_files_and_rejects_unsupported_modules() {
    let mut files = files(&export("legacy-op17"));
    files.insert(
        "1_Pooling/config.json".into(),
        br#"{"pooling_mode": "mean", "include_prompt": true}"#.to_vec(),
    );
    assert_eq!(*load(&files, LoadOptions::default()).unwrap().pooling(), Pooling::Mean);
    files.insert("modules.json".into(), br#"[{"type": "sentence_transformers.models.CNN"}]"#.to_vec());
    assert_eq!(load_error(&files).code(), ErrorCode::UnsupportedModel);
    files.insert("modules.json".into(), b"[".to_vec());
    assert_eq!(load_error(&files).code(), ErrorCode::InvalidConfig);
    files.remove("modules.json");
    files.remove("1_Pooling/config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&files["config.json"]).unwrap();
    config["uniem_embedding_strategy"] = "last_mean".into();
    files.insert("config.json".into(), config.to_string().into_bytes());
    assert_eq!(*load(&files, LoadOptions::default()).unwrap().pooling(), Pooling::Mean);
}
