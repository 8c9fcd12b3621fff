//! Embedding and scoring on several threads: the same bits as on one, shared weights, the same errors.
#![allow(clippy::unwrap_used, reason = "a test stops there")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use corom::config::{Pooling, PoolingChoice};
use corom::embedder::Embedder;
use corom::error::ErrorCode;
use corom::model::{LoadOptions, folder};
use corom::prompts::PromptChoice;

/// The bytes of a text that a tokenizer which divides no text does not take.
const TOO_LONG: usize = 300 << 10;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// Loads a model: fused, or as a graph that tract runs.
fn load(unfused: bool) -> Embedder {
    let options = LoadOptions { unfused, ..LoadOptions::default() };
    folder::load(&fixture("bits/int8"), options).unwrap()
}

/// Returns a model whose tokenizer has the pre-tokenizer of another model, so that no long text is divided.
fn with_a_tokenizer_that_divides_no_text() -> Embedder {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("undivided");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["config.json", "model.onnx", "model.onnx_data_000"] {
        std::fs::copy(fixture("bits/int8").join(name), folder.join(name)).unwrap();
    }
    let mut tokenizer: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fixture("bits/int8/tokenizer.json")).unwrap()).unwrap();
    tokenizer["pre_tokenizer"] = serde_json::json!({ "type": "WhitespaceSplit" });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let class = serde_json::json!({ "tokenizer_class": "PreTrainedTokenizerFast" });
    std::fs::write(folder.join("tokenizer_config.json"), class.to_string()).unwrap();
    let options =
        LoadOptions { pooling: Some(PoolingChoice::Hidden(vec![Pooling::Cls])), ..LoadOptions::default() };
    folder::load(&folder, options).unwrap()
}

/// Texts of many lengths, an empty one too.
fn texts(count: usize) -> Vec<String> {
    let words = ["阔腿裤", "女", "冬", "牛仔", "iPhone 15", "wide-leg jeans", "保温杯", "2024新款"];
    let text = |i: usize| (0..i * 7 % 19).map(|j| words[(i * 5 + j * 3) % words.len()]).collect();
    (0..count).map(text).collect()
}

fn bits(vectors: &[f32]) -> Vec<u32> {
    vectors.iter().map(|x| x.to_bits()).collect()
}

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

#[test]
fn vectors_do_not_depend_on_the_number_of_threads() {
    for unfused in [false, true] {
        for count in [0, 1, 2, 5, 90] {
            let texts = texts(count);
            let mut embedder = load(unfused);
            let mut job = embedder.start(texts.clone()).unwrap();
            while !embedder.step(&mut job).unwrap() {}
            let expected = bits(&embedder.finish(job).unwrap());
            for number in [1, 2, 3, 2] {
                embedder.set_threads(threads(number));
                assert_eq!(embedder.threads(), number);
                assert_eq!(
                    bits(&embedder.embed(&texts).unwrap()),
                    expected,
                    "{count} texts, {number} threads"
                );
            }
        }
    }
}

#[test]
fn a_run_continues_a_job_and_reports_every_text() {
    let mut embedder = load(false);
    embedder.set_threads(threads(3));
    let texts = texts(90);
    let expected = bits(&embedder.embed(&texts).unwrap());
    for steps in [1, 2, 3, 5] {
        let mut job = embedder.start(texts.clone()).unwrap();
        for _ in 0..steps {
            embedder.step(&mut job).unwrap();
        }
        embedder.run(&mut job).unwrap();
        assert_eq!((job.done(), job.reports().count()), (90, 90));
        assert_eq!(job.done_tokens(), job.reports().map(|report| report.tokens).sum::<usize>());
        embedder.run(&mut job).unwrap();
        assert_eq!(bits(&embedder.finish(job).unwrap()), expected);
    }
}

#[test]
fn a_fork_shares_the_model_and_runs_on_another_thread() {
    let mut embedder = load(false);
    embedder.set_threads(threads(2));
    let texts = texts(20);
    let expected = bits(&embedder.embed(&texts).unwrap());
    let mut fork = embedder.fork();
    assert_eq!((fork.dimension(), fork.threads()), (embedder.dimension(), 2));
    let vectors = std::thread::spawn({
        let texts = texts.clone();
        move || fork.embed(&texts).unwrap()
    });
    assert_eq!(bits(&vectors.join().unwrap()), expected);
    let fork = embedder.fork();
    let error = embedder.tokenizer_mut().err().unwrap();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    drop(fork);
    embedder.tokenizer_mut().unwrap().set_max_length(8).unwrap();
    assert_ne!(bits(&embedder.embed(&texts).unwrap()), expected);
}

#[test]
fn the_first_text_that_cannot_be_tokenized_is_the_error_or_is_left_out() {
    let mut all = texts(100);
    all[70] = "裤 ".repeat(TOO_LONG / 4);
    all[31] = "女 ".repeat(TOO_LONG / 4);
    let good: Vec<&String> = all.iter().filter(|text| text.len() < TOO_LONG / 2).collect();
    let mut embedder = with_a_tokenizer_that_divides_no_text();
    let expected = bits(&embedder.embed(&good).unwrap());
    for number in [1, 3] {
        embedder.set_threads(threads(number));
        let error = embedder.embed(&all).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().starts_with("text 31: "), "{error}");

        let mut job = embedder.start_with_prompt(all.clone(), &PromptChoice::Default).unwrap();
        let mut seen = Vec::new();
        let failures = embedder.run_tolerant(&mut job, |done| seen.push(done)).unwrap();
        let failed: Vec<_> = failures.iter().map(|(text, error)| (*text, error.code())).collect();
        assert_eq!(failed, [(31, ErrorCode::InvalidArgument), (70, ErrorCode::InvalidArgument)]);
        assert!(seen.is_sorted() && seen.last() == Some(&100), "{seen:?}");
        assert_eq!((job.done(), job.reports().count()), (100, 100));
        let dimension = embedder.dimension();
        let vectors = embedder.finish(job).unwrap();
        let (zeros, rest): (Vec<_>, Vec<_>) =
            vectors.chunks(dimension).enumerate().partition(|(text, _)| [31, 70].contains(text));
        assert!(zeros.iter().all(|(_, vector)| vector.iter().all(|x| *x == 0.0)));
        assert_eq!(
            bits(&rest.iter().flat_map(|(_, vector)| vector.iter().copied()).collect::<Vec<_>>()),
            expected
        );
    }
}

#[test]
fn scores_do_not_depend_on_the_number_of_threads() {
    let documents = texts(60);
    let mut reranker = folder::load_reranker(&fixture("rerankers/trained"), LoadOptions::default()).unwrap();
    let expected = reranker.rerank("阔腿裤女冬牛仔", &documents).unwrap();
    for number in [2, 3] {
        reranker.set_threads(threads(number));
        assert_eq!(reranker.rerank("阔腿裤女冬牛仔", &documents).unwrap(), expected);
        let mut fork = reranker.fork();
        assert_eq!(fork.rerank("阔腿裤女冬牛仔", &documents).unwrap(), expected);
    }
}
