//! Text to vectors on every export: golden vectors, and properties of the embedder.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use corom::VectorRecipe;
use corom::config::{BertConfig, Pooling, PoolingChoice};
use corom::embedder::Embedder;
use corom::encoder::{EncoderLoader, EncoderOptions, Precision};
use corom::error::ErrorCode;
use corom::model::{LoadOptions, folder};
use corom::tokenizer::Tokenizer;
use support::{Golden, cosine, export, golden, max_abs_difference};

fn load(name: &str, options: LoadOptions) -> Embedder {
    folder::load(&export(name), options).unwrap_or_else(|e| panic!("{name}: {}: {e}", e.code()))
}

fn golden_options(golden: &Golden) -> LoadOptions {
    LoadOptions { max_length: Some(golden.max_length), precision: Precision::F32, ..LoadOptions::default() }
}

/// Returns true if a file quantizes activations at run time. Its golden vectors are onnxruntime's; the fused graph
/// quantizes activations in its own way.
fn quantizes_activations(name: &str) -> bool {
    ["int8", "nbits4-accuracy4", "qdq", "qoperator"].iter().any(|part| name.contains(part))
}

/// Compares the vector of each text, embedded alone, with its golden vector.
fn check(name: &str, golden: &Golden, options: LoadOptions, expected: &[Vec<f32>]) {
    let mut embedder = load(name, options.clone());
    let mut worst = 0f32;
    for (text, expected) in golden.texts.iter().zip(expected) {
        let actual = embedder.embed(&[text]).unwrap();
        worst = worst.max(max_abs_difference(&actual, expected));
        if golden.source == "pytorch" {
            assert!(cosine(&actual, expected) > 0.999_999, "{name}: {text:?}");
        }
    }
    let differs = quantizes_activations(name) && !options.unfused;
    assert!(differs || worst <= golden.tolerance, "{name}: {worst} off, {} allowed", golden.tolerance);
}

#[test]
fn embedder_gives_golden_vectors_of_every_export() {
    for (name, folder) in support::folders("exports") {
        let golden = golden(&folder);
        for (pooling, expected) in &golden.vectors {
            let mut options = golden_options(&golden);
            match Pooling::parse(pooling) {
                Ok(known) => options.pooling = Some(known.into()),
                // The graph's own sentence vector, also beside hidden states.
                Err(_) if pooling == "sentence_embedding" => {}
                // The output of BERT's pooler, which is no sentence vector.
                Err(_) => continue,
            }
            check(&name, &golden, options.clone(), expected);
            // Unfused, and fused with integers.
            check(&name, &golden, LoadOptions { unfused: true, ..options.clone() }, expected);
            let mut fast = load(&name, LoadOptions { precision: Precision::Auto, ..options.clone() });
            let mut exact = load(&name, options);
            for text in &golden.texts {
                let (fast, exact) = (fast.embed(&[text]).unwrap(), exact.embed(&[text]).unwrap());
                assert!(cosine(&fast, &exact) > 0.999, "{name}: {text:?}: {}", cosine(&fast, &exact));
            }
        }
    }
}

const SAMPLE: [&str; 6] =
    ["legacy-op17", "dynamo-op20-sdpa", "legacy-op11", "sentence-mean", "static-2x16-legacy", "inputs-two"];

#[test]
fn batch_gives_vectors_of_single_texts_in_any_order() {
    for name in SAMPLE {
        let golden = golden(&export(name));
        let mut embedder = load(name, golden_options(&golden));
        let dimension = embedder.dimension();
        let together = embedder.embed(&golden.texts).unwrap();
        let backwards: Vec<&String> = golden.texts.iter().rev().collect();
        let backwards = embedder.embed(&backwards).unwrap();
        let rows = golden.texts.len();
        for (i, text) in golden.texts.iter().enumerate() {
            let alone = embedder.embed(&[text]).unwrap();
            let row = |all: &[f32], i: usize| all[i * dimension..][..dimension].to_vec();
            assert!(max_abs_difference(&alone, &row(&together, i)) <= 1e-5, "{name}: {text:?}");
            assert!(max_abs_difference(&alone, &row(&backwards, rows - 1 - i)) <= 1e-5, "{name}: {text:?}");
        }
    }
}

#[test]
fn embedder_truncates_texts_at_max_length() {
    let mut short = load("legacy-op17", LoadOptions { max_length: Some(6), ..LoadOptions::default() });
    let cut = short.embed(&["阔腿裤女冬牛仔裤"]).unwrap();
    let head = short.embed(&["阔腿裤女"]).unwrap();
    assert_eq!(cut, head);
    let whole = load("legacy-op17", LoadOptions::default()).embed(&["阔腿裤女冬牛仔裤"]).unwrap();
    assert!(max_abs_difference(&cut, &whole) > 1e-3);
}

#[test]
fn normalized_vectors_have_length_one() {
    let mut embedder = load("legacy-op17", LoadOptions { normalize: Some(true), ..LoadOptions::default() });
    let vector = embedder.embed(&["阔腿裤"]).unwrap();
    assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
}

#[test]
fn embedder_accepts_empty_lists_and_abandoned_jobs() {
    let mut embedder = load("legacy-op17", LoadOptions::default());
    assert!(embedder.embed::<&str>(&[]).unwrap().is_empty());
    let mut job = embedder.start(vec!["裤".into(), "牛仔".into()]).unwrap();
    assert!(!embedder.step(&mut job).unwrap());
    assert_eq!(embedder.finish(job).unwrap_err().code(), ErrorCode::Internal);
    assert_eq!(embedder.embed(&["裤"]).unwrap().len(), embedder.dimension());
}

#[test]
fn loader_rejects_options_the_model_does_not_support() {
    let code = |name: &str, options| folder::load(&export(name), options).err().map(|e| e.code());
    let too_long = LoadOptions { max_length: Some(100_000), ..LoadOptions::default() };
    assert_eq!(code("legacy-op17", too_long), Some(ErrorCode::InvalidArgument));
    let graph = LoadOptions { pooling: Some(PoolingChoice::Graph), ..LoadOptions::default() };
    assert_eq!(code("legacy-op17", graph), Some(ErrorCode::UnsupportedPooling));
    let elsewhere = LoadOptions { model: Some("../model.onnx".into()), ..LoadOptions::default() };
    assert_eq!(code("legacy-op17", elsewhere), Some(ErrorCode::InvalidArgument));
    let absent = LoadOptions { model: Some("other.onnx".into()), ..LoadOptions::default() };
    assert_eq!(code("legacy-op17", absent), Some(ErrorCode::MissingFile));
}

#[test]
fn loader_rejects_unsupported_models_by_code_and_name() {
    for (name, folder) in support::folders("refused") {
        let expected: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("expect.json")).unwrap()).unwrap();
        let error =
            folder::load(&folder, LoadOptions::default()).err().unwrap_or_else(|| panic!("{name} loads"));
        assert_eq!(error.code().as_str(), expected["code"], "{name}: {error}");
        for word in expected["message_contains"].as_array().unwrap() {
            assert!(
                error.message().contains(word.as_str().unwrap()),
                "{name}: `{error}` does not say {word}"
            );
        }
    }
}

#[test]
fn first_rows_with_another_pooling_than_cls_are_rejected() {
    let files = support::files(&export("legacy-op17"));
    let config = BertConfig::from_json(&files["config.json"]).unwrap();
    let layers = vec![config.num_hidden_layers];
    for (pooling, is_accepted) in [(Pooling::Cls, true), (Pooling::Mean, false)] {
        let options =
            EncoderOptions { layers: layers.clone(), first_rows: true, ..EncoderOptions::default() };
        let loader = EncoderLoader::new(&files["model.onnx"], &config, options).unwrap();
        let encoder = loader.finish().unwrap();
        assert!(encoder.info().first_rows);
        let tokenizer = Tokenizer::from_json(&files["tokenizer.json"], 16, config.vocab_size).unwrap();
        let recipe = VectorRecipe::without_head(pooling.into(), config.hidden_size, false);
        match Embedder::new(tokenizer, encoder, config.clone(), layers.clone(), recipe) {
            Ok(_) => assert!(is_accepted),
            Err(error) => {
                assert!(!is_accepted && error.code() == ErrorCode::InvalidArgument, "{error}");
                assert!(error.message().contains("first_rows"), "{error}");
            }
        }
    }
}
