//! `corom verify` compares a model with printed numbers.

use std::path::{Path, PathBuf};

use corom::model::{LoadOptions, folder};
use corom::similarity::{Metric, score};
use serde_json::{Value, json};

use crate::command::{Run, Scratch, convert, corom};
use crate::support::fixtures;

fn verify(model: &Path, numbers: &Path) -> Run {
    corom(&["verify", model.to_str().unwrap(), "--numbers", numbers.to_str().unwrap()])
}

fn write(scratch: &Scratch, numbers: &Value) -> PathBuf {
    let path = scratch.join("numbers.json");
    std::fs::write(&path, serde_json::to_vec(&json!({ "examples": [numbers] })).unwrap()).unwrap();
    path
}

#[test]
fn reranker_agrees_with_the_probabilities_of_pytorch_and_not_with_others() {
    let scratch = Scratch::new("verify-reranker");
    let trained = fixtures().join("rerankers/trained");
    let golden: Value = serde_json::from_slice(&std::fs::read(trained.join("golden.json")).unwrap()).unwrap();
    // All pairs of one query.
    let pairs = golden["pairs"].as_array().unwrap();
    let query = &pairs[0]["query"];
    let of_query: Vec<&Value> = pairs.iter().filter(|pair| pair["query"] == *query).collect();
    let texts: Vec<&Value> = of_query.iter().map(|pair| &pair["document"]).collect();
    let probabilities =
        of_query.iter().map(|pair| 1.0 / (1.0 + (-pair["logits"][0].as_f64().unwrap()).exp()));
    let mut scores: Vec<f64> = probabilities.map(|x| (x * 1e5).round() / 1e5).collect();
    assert!(scores.len() > 1);
    let numbers = |scores: &[f64]| {
        write(
            &scratch,
            &json!({ "name": "PyTorch", "task": "rerank", "query": query, "texts": texts, "scores": scores }),
        )
    };
    let path = numbers(&scores);
    for dtype in ["f32", "int8"] {
        let out = scratch.join(dtype);
        convert(&trained, &out, &["--dtype", dtype]).expect_ok();
        let run = verify(&out, &path).expect_ok();
        assert_eq!(run.stdout.matches("    agrees").count(), scores.len(), "{}", run.stdout);
        assert!(run.stdout.contains(&format!("all {} numbers agree", scores.len())), "{}", run.stdout);
    }
    let agreeing = scores.len() - 1;
    scores[0] = if scores[0] > 0.5 { scores[0] - 0.01 } else { scores[0] + 0.01 };
    let run = verify(&scratch.join("f32"), &numbers(&scores));
    run.expect_rejected("SELF_TEST_FAILED", &["1 of", "do not agree"]);
    assert_eq!(run.stdout.matches("    agrees").count(), agreeing, "{}", run.stdout);
    assert_eq!(run.stdout.matches("does not agree").count(), 1, "{}", run.stdout);
    // The numbers of the model cards are those of another model.
    let run = corom(&["verify", scratch.join("f32").to_str().unwrap()]);
    run.expect_rejected("INVALID_ARGUMENT", &["hidden size 64", "CoROM-Ranking tiny", "--numbers"]);
}

#[test]
fn embedder_agrees_with_its_own_vectors_and_not_with_others() {
    let scratch = Scratch::new("verify-embedder");
    let model = fixtures().join("bits/int8");
    let texts = ["阔腿裤女冬牛仔", "牛仔裤", ""];
    let mut embedder = folder::load(&model, LoadOptions::default()).unwrap();
    let vectors = embedder.embed(&texts).unwrap();
    let dimension = embedder.dimension();
    let scores = score(&vectors[..dimension], &vectors[dimension..], Metric::Dot).unwrap();
    let numbers = |change: f32| {
        let ends = json!([{ "first": [vectors[0] + change, vectors[1]], "last": [vectors[dimension - 1]] }]);
        let example = json!({ "name": "own", "task": "embed", "hidden_size": embedder.config().hidden_size, "texts": texts,
                              "vectors": ends, "scores": scores });
        write(&scratch, &example)
    };
    let run = verify(&model, &numbers(0.0)).expect_ok();
    assert!(run.stdout.contains("all 5 numbers agree"), "{}", run.stdout);
    assert!(run.stdout.contains(&format!("vector 0, number {}", dimension - 1)), "{}", run.stdout);
    let run = verify(&model, &numbers(0.3));
    run.expect_rejected("SELF_TEST_FAILED", &["1 of 5 numbers"]);
    assert!(run.stdout.contains("does not agree  vector 0, number 0"), "{}", run.stdout);
    let path = write(
        &scratch,
        &json!({ "name": "too long", "task": "embed", "texts": ["a"],
                                        "vectors": [{ "first": vec![0.0; dimension + 1] }] }),
    );
    verify(&model, &path).expect_rejected("INVALID_ARGUMENT", &["more numbers than a vector"]);
    std::fs::write(scratch.join("broken.json"), "{").unwrap();
    verify(&model, &scratch.join("broken.json")).expect_rejected("INVALID_ARGUMENT", &["broken.json"]);
    verify(&model, &scratch.join("absent.json")).expect_rejected("MISSING_FILE", &["absent.json"]);
    let path = write(
        &scratch,
        &json!({ "name": "nothing", "task": "embed", "texts": ["a"], "vectors": [{ "first": [] }] }),
    );
    verify(&model, &path).expect_rejected("INVALID_ARGUMENT", &["\"nothing\" has no numbers"]);
}
