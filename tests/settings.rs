//! The meaning of a folder without `corom.json`: pooling, modules after it, length, and the file that decided.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "settings/graph.rs"]
mod graph;
#[path = "settings/nested.rs"]
mod nested;
#[path = "settings/rejected.rs"]
mod rejected;
mod support;

use corom::config::Pooling;
use corom::embedder::Embedder;
use corom::encoder::Precision;
use corom::error::Result;
use corom::model::{LoadOptions, ModelLoader};
use support::memory::{Files, answer};
use support::sentence::{Case, cases, encoder};
use support::{export, files, max_abs_difference};

fn f32_options() -> LoadOptions {
    LoadOptions { precision: Precision::F32, ..LoadOptions::default() }
}

/// Loads a folder from memory, as a host that cannot list it, or as one that can.
fn load(files: &Files, options: LoadOptions, is_listed: bool) -> Result<Embedder> {
    let mut loader = ModelLoader::new(options)?;
    if is_listed {
        loader.set_listing(files.keys().cloned())?;
    }
    answer(&mut loader, files)?;
    loader.build()
}

/// Returns the encoder's files with those of a case.
fn folder(case: &Case) -> Files {
    let mut files = encoder();
    files.extend(case.files());
    files
}

fn check(name: &str, embedder: &mut Embedder, texts: &[String], expected: &[Vec<f32>]) {
    let vectors = embedder.embed(texts).unwrap();
    assert_eq!(vectors.len(), texts.len() * expected[0].len(), "{name}");
    for (i, (actual, expected)) in vectors.chunks_exact(expected[0].len()).zip(expected).enumerate() {
        let off = max_abs_difference(actual, expected);
        assert!(off <= 2e-5, "{name}: {:?} is off by {off}", texts[i]);
    }
}

/// Returns `value (source)` of a setting.
fn decision(embedder: &Embedder, setting: &str) -> String {
    let found = embedder.decisions().iter().find(|decision| decision.setting == setting).unwrap();
    format!("{} ({})", found.value, found.source)
}

#[test]
fn folders_of_sentence_transformers_give_its_vectors() {
    let all = cases();
    assert!(all.cases.len() >= 20, "only {} cases", all.cases.len());
    for (name, case) in &all.cases {
        for is_listed in [false, true] {
            let mut embedder = load(&folder(case), f32_options(), is_listed).unwrap();
            assert_eq!(embedder.dimension(), case.dimension, "{name}");
            assert_eq!(embedder.tokenizer().max_length(), case.max_length, "{name}");
            check(name, &mut embedder, &all.texts, &case.vectors);
            assert!(embedder.encoder().info().fused, "{name}");
        }
    }
}

#[test]
fn decisions_name_the_files_that_decided() {
    let all = cases();
    let embedder = load(&folder(&all.cases["odd-paths"]), f32_options(), false).unwrap();
    assert_eq!(decision(&embedder, "pooling"), r#""mean" (pooling/config.json)"#);
    assert!(decision(&embedder, "head").ends_with("(modules.json)"));
    assert!(decision(&embedder, "head").contains("more/deep/layer-2/model.safetensors"));
    assert_eq!(decision(&embedder, "normalize"), "true (modules.json)");
    let embedder = load(&folder(&all.cases["short-roberta"]), f32_options(), true).unwrap();
    assert_eq!(decision(&embedder, "maxLength"), "12 (sentence_roberta_config.json)");

    let options = LoadOptions {
        pooling: Some(Pooling::Cls.into()),
        normalize: Some(false),
        max_length: Some(9),
        ignore_head: true,
        ..f32_options()
    };
    let embedder = load(&folder(&all.cases["dense-tanh"]), options, false).unwrap();
    for (setting, expected) in [
        ("pooling", r#""cls" (options)"#),
        ("head", "[] (options)"),
        ("normalize", "false (options)"),
        ("maxLength", "9 (options)"),
    ] {
        assert_eq!(decision(&embedder, setting), expected);
    }
}

#[test]
fn ignored_head_gives_the_pooling_alone() {
    let all = cases();
    let options = LoadOptions { ignore_head: true, normalize: Some(false), ..f32_options() };
    let mut embedder = load(&folder(&all.cases["dense-tanh"]), options, false).unwrap();
    check("pool-mean", &mut embedder, &all.texts, &all.cases["pool-mean"].vectors);
}

#[test]
fn caller_replaces_the_pooling_and_keeps_the_modules() {
    let all = cases();
    let options = LoadOptions { pooling: Some(Pooling::Mean.into()), ..f32_options() };
    let mut embedder = load(&folder(&all.cases["dense-tanh"]), options, false).unwrap();
    check("dense-tanh", &mut embedder, &all.texts, &all.cases["dense-tanh"].vectors);
}

#[test]
fn length_is_the_models_own_limit() {
    let mut files = files(&export("legacy-op17"));
    files.remove("configuration.json");
    files.remove("tokenizer_config.json");
    let length = |files: &Files| {
        let options = LoadOptions { pooling: Some(Pooling::Cls.into()), ..LoadOptions::default() };
        decision(&load(files, options, false).unwrap(), "maxLength")
    };
    assert_eq!(length(&files), "64 (config.json)");
    for (limit, expected) in [
        ("32", "32 (tokenizer_config.json)"),
        ("32.0", "32 (tokenizer_config.json)"),
        // More than the positions.
        ("512", "64 (config.json)"),
        // transformers writes this number if no limit is set.
        ("1000000000000000019884624838656", "64 (config.json)"),
        ("null", "64 (config.json)"),
    ] {
        files.insert("tokenizer_config.json".into(), format!(r#"{{"model_max_length": {limit}}}"#).into());
        assert_eq!(length(&files), expected, "{limit}");
    }
    // Texts of ModelScope's sentence embeddings are cut at 128 tokens, whatever the tokenizer says.
    files.insert("configuration.json".into(), br#"{"task": "sentence-embedding"}"#.to_vec());
    assert_eq!(length(&files), "64 (config.json)");
    // sentence-transformers 6.2 then cuts at no length, whatever the tokenizer says.
    files.insert("sentence_bert_config.json".into(), br#"{"max_seq_length": 1e30}"#.to_vec());
    files.insert("tokenizer_config.json".into(), br#"{"model_max_length": 31}"#.to_vec());
    assert_eq!(length(&files), "64 (config.json)");
    files.insert("sentence_bert_config.json".into(), br#"{"max_seq_length": 20}"#.to_vec());
    assert_eq!(length(&files), "20 (sentence_bert_config.json)");
}
