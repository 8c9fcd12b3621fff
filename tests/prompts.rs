//! Prompts and metrics of sentence-transformers' folders, beside its own vectors and scores.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use corom::embedder::Embedder;
use corom::encoder::Precision;
use corom::error::{ErrorCode, Result};
use corom::model::LoadOptions;
use corom::prompts::PromptChoice;
use corom::rank::rank;
use corom::similarity::{Metric, score};
use support::memory::{self, Files};
use support::sentence::{PromptCase, encoder, prompt_cases};
use support::{export, files, max_abs_difference};

fn load(files: &Files) -> Result<Embedder> {
    memory::load(files, LoadOptions { precision: Precision::F32, ..LoadOptions::default() })
}

fn folder(case: &PromptCase) -> Files {
    let mut files = encoder();
    files.extend(case.files());
    files
}

fn embed(embedder: &mut Embedder, texts: &[String], prompt: &PromptChoice) -> Vec<f32> {
    let mut job = embedder.start_with_prompt(texts.to_vec(), prompt).unwrap();
    while !embedder.step(&mut job).unwrap() {}
    embedder.finish(job).unwrap()
}

fn assert_near(what: &str, actual: &[f32], expected: &[f32], tolerance: f32) {
    let off = max_abs_difference(actual, expected);
    assert!(actual.len() == expected.len() && off <= tolerance, "{what} is off by {off}");
}

#[test]
fn prompts_give_the_vectors_of_sentence_transformers() {
    let all = prompt_cases();
    assert!(all.cases.len() >= 5);
    for (name, case) in &all.cases {
        let mut embedder = load(&folder(case)).unwrap();
        let mut check = |what: &str, texts: &[String], choice: PromptChoice, expected: &[Vec<f32>]| {
            let actual = embed(&mut embedder, texts, &choice);
            assert_near(&format!("{name}, {what}"), &actual, &expected.concat(), 2e-5);
        };
        let documents = &all.documents;
        check("default", documents, PromptChoice::Default, &case.default);
        check("none", documents, PromptChoice::NameOrText(String::new()), &case.without);
        check("text", documents, PromptChoice::NameOrText(all.text.clone()), &case.text);
        check("query", std::slice::from_ref(&all.query), PromptChoice::Query, &case.query);
        check("document", documents, PromptChoice::Document, &case.document);
        for (prompt, expected) in &case.named {
            check(prompt, documents, PromptChoice::Name(prompt.clone()), expected);
            check(prompt, documents, PromptChoice::NameOrText(prompt.clone()), expected);
        }
    }
}

#[test]
fn the_metric_is_the_models_similarity_function() {
    let all = prompt_cases();
    let mut seen = Vec::new();
    for (name, case) in &all.cases {
        let embedder = load(&folder(case)).unwrap();
        let metric = embedder.metric();
        seen.push(metric);
        let scores = score(&case.query[0], &case.document.concat(), metric).unwrap();
        // sentence-transformers negates distances.
        let sign = if metric.more_is_nearer() { 1.0 } else { -1.0 };
        let expected: Vec<f32> = case.similarity.iter().map(|x| x * sign).collect();
        assert_near(name, &scores, &expected, 1e-4);
        let order = rank(&scores, None, metric);
        let best = (0..scores.len()).max_by(|&a, &b| case.similarity[a].total_cmp(&case.similarity[b]));
        assert_eq!(order.first().copied(), best, "{name}");
        let decided = embedder.decisions().iter().find(|d| d.setting == "metric").unwrap();
        assert_eq!(decided.value, metric.as_str());
    }
    for metric in [Metric::Dot, Metric::Cosine, Metric::L2, Metric::L1] {
        assert!(seen.contains(&metric), "no case has {metric:?}");
    }
}

#[test]
fn prompts_that_contradict_themselves_are_rejected() {
    let all = prompt_cases();
    let files = folder(&all.cases["query-and-document"]);
    let with = |config: &str| {
        let mut files = files.clone();
        files.insert("config_sentence_transformers.json".into(), config.as_bytes().to_vec());
        load(&files)
    };
    for config in [
        r#"{ "prompts": { "query": "q: " }, "default_prompt_name": "passage" }"#,
        r#"{ "prompts": ["q: "] }"#,
        r#"{ "prompts": { "query": 1 } }"#,
        r#"{ "default_prompt_name": 3 }"#,
    ] {
        assert_eq!(with(config).err().map(|e| e.code()), Some(ErrorCode::InvalidConfig), "{config}");
    }
    assert!(with(r#"{ "similarity_fn_name": "hamming" }"#).is_err_and(|e| e.message().contains("hamming")));
    let embedder =
        with(r#"{ "prompts": null, "default_prompt_name": null, "similarity_fn_name": null }"#).unwrap();
    assert_eq!(embedder.metric(), Metric::Cosine);
    assert!(embedder.prompts().by_name.is_empty());
    let error = embedder.start_with_prompt(vec!["x".into()], &PromptChoice::NameOrText("query".into())).err();
    assert_eq!(error.map(|e| e.code()), Some(ErrorCode::InvalidArgument));
}

#[test]
fn a_default_prompt_without_text_is_no_prompt() {
    // sentence-transformers 6.2 loads these folders: every model has the prompts `query` and `document`.
    let all = prompt_cases();
    let case = &all.cases["query-and-document"];
    for (config, name) in [
        (r#"{ "prompts": { "query": null }, "default_prompt_name": "query" }"#, "query"),
        (r#"{ "default_prompt_name": "document" }"#, "document"),
    ] {
        let mut files = folder(case);
        files.insert("config_sentence_transformers.json".into(), config.into());
        let mut embedder = load(&files).unwrap();
        for choice in [PromptChoice::Default, PromptChoice::Name(name.into()), PromptChoice::Query] {
            let vectors = embed(&mut embedder, &all.documents, &choice);
            assert_near(config, &vectors, &case.without.concat(), 2e-5);
        }
    }
}

#[test]
fn a_graph_that_pools_cannot_leave_out_the_prompt() {
    let mut files: Files = files(&export("sentence-mean"));
    files.insert(
        "config_sentence_transformers.json".into(),
        br#"{ "prompts": { "query": "q: " }, "default_prompt_name": null }"#.to_vec(),
    );
    files.insert(
        "1_Pooling/config.json".into(),
        br#"{ "pooling_mode_mean_tokens": true, "include_prompt": false }"#.to_vec(),
    );
    let embedder = load(&files).unwrap();
    let error = embedder.start_with_prompt(vec!["x".into()], &PromptChoice::Query).err().unwrap();
    assert_eq!(error.code(), ErrorCode::UnsupportedPooling);
    assert!(embedder.start(vec!["x".into()]).is_ok());
}
