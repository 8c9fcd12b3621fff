//! Cross-encoders become rerankers: from checkpoints and from ONNX exports, in every number type.

use std::path::{Path, PathBuf};

use corom::convert::{
    ConvertOptions, Dtype, WeightSource, add_self_test, convert, load_folder, load_reranker_folder,
};
use corom::encoder::Precision;
use corom::error::ErrorCode;
use corom::model::{LoadOptions, Task};
use corom::reranker::{PairScore, Reranker};
use serde_json::Value;

use crate::command::{Scratch, checkpoint, corom};
use crate::generated;
use crate::support::{files, fixtures};

type Folder = std::collections::BTreeMap<String, Vec<u8>>;

fn reranker_fixture(name: &str) -> PathBuf {
    fixtures().join("rerankers").join(name)
}

fn golden(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path.join("golden.json")).unwrap()).unwrap()
}

/// Returns the files of a fixture, with generated weights.
fn export_files(name: &str) -> Folder {
    let mut folder = files(&reranker_fixture(name));
    folder.extend(generated::external_data(&reranker_fixture(name)));
    folder
}

fn load_f32(folder: &Folder) -> Reranker {
    load_reranker_folder(folder, LoadOptions { precision: Precision::F32, ..LoadOptions::default() }).unwrap()
}

/// Returns the score of each pair beside the golden one.
fn scores(reranker: &mut Reranker, golden: &Value) -> Vec<[PairScore; 2]> {
    let pairs = golden["pairs"].as_array().unwrap().iter();
    pairs
        .map(|pair| {
            let text = |key: &str| pair[key].as_str().unwrap();
            let logits: Vec<f32> =
                pair["logits"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
            let due = if let [first, second] = logits[..] { second - first } else { logits[0] };
            [reranker.score(text("query"), &[text("document")]).unwrap()[0], PairScore::of_logit(due)]
        })
        .collect()
}

fn largest_logit_error(scores: &[[PairScore; 2]]) -> f32 {
    scores.iter().map(|[score, due]| (score.logit - due.logit).abs()).fold(0.0, f32::max)
}

/// The trained cross-encoder: f32 logits within 1e-4 of PyTorch's, probabilities of int8 within 0.02.
#[test]
fn trained_reranker_keeps_its_scores_in_every_number_type() {
    let from = reranker_fixture("trained");
    let golden = golden(&from);
    for dtype in Dtype::ALL {
        let mut out = Folder::new();
        let options = ConvertOptions { dtype, ..ConvertOptions::default() };
        let mut conversion = convert(&files(&from), &options, &mut out).unwrap();
        let written = out.clone();
        add_self_test(&mut conversion, &written, &mut out).unwrap();
        let manifest = &conversion.manifest;
        assert_eq!((manifest.task, manifest.format_version), (Task::Rerank, 3));
        assert_eq!((manifest.max_length, manifest.dimension), (128, Some(1)));
        let precision = if dtype == Dtype::F32 { Precision::F32 } else { Precision::Auto };
        let options = LoadOptions { precision, ..LoadOptions::default() };
        let scores = scores(&mut load_reranker_folder(&out, options).unwrap(), &golden);
        let errors = scores.iter().map(|[score, due]| (score.probability - due.probability).abs());
        let (largest, mean) = (errors.clone().fold(0.0, f32::max), errors.sum::<f32>() / scores.len() as f32);
        println!("{dtype:?}: logits {}, probabilities {largest}, mean {mean}", largest_logit_error(&scores));
        match dtype {
            Dtype::F32 => assert!(largest_logit_error(&scores) <= 1e-4),
            Dtype::Int8 => assert!(largest <= 0.02, "{largest}"),
            // A model of 64 dimensions has little to spare for 4 bits.
            Dtype::Int4 => assert!(mean <= 0.05, "{mean}"),
        }
        let error = load_folder(&out, LoadOptions::default()).map(drop).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnsupportedModel);
        assert!(error.message().contains("CoromReranker"), "{error}");
        let mut lines = Vec::new();
        corom::convert::inspect(&out, true, |line| lines.push(line.to_owned())).unwrap();
        assert!(lines.iter().any(|line| line.contains("rerank")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("pooling")), "{lines:?}");
    }
}

#[test]
fn export_of_a_reranker_converts_to_the_files_of_its_checkpoint() {
    let source = files(&reranker_fixture("trained"));
    for dtype in Dtype::ALL {
        let (mut of_checkpoint, mut of_export) = (Folder::new(), Folder::new());
        let options = ConvertOptions { dtype, ..ConvertOptions::default() };
        convert(&source, &options, &mut of_checkpoint).unwrap();
        let from_onnx = ConvertOptions { from: Some(WeightSource::Onnx), ..options };
        let conversion = convert(&source, &from_onnx, &mut of_export).unwrap();
        assert_eq!(conversion.weights, "onnx/model.onnx");
        assert!(of_checkpoint == of_export, "{}", dtype.as_str());
        let mut again = Folder::new();
        convert(&of_export, &ConvertOptions { dtype: Dtype::F32, ..ConvertOptions::default() }, &mut again)
            .unwrap();
        if dtype == Dtype::F32 {
            assert!(again == of_export);
        }
    }
}

/// Exports whose files do not say that they are rerankers: the graph has logits alone. One has no token types, one has two
/// labels.
#[test]
fn exports_of_rerankers_convert_and_keep_their_logits() {
    for name in ["tiny4-legacy-op17", "minilm-dynamo-no-types", "two-labels"] {
        let mut source = export_files(name);
        let config = String::from_utf8(source["config.json"].clone()).unwrap();
        let config = config.replace("BertForSequenceClassification", "BertModel");
        source.insert("config.json".into(), config.into_bytes());
        let golden = golden(&reranker_fixture(name));
        let max_length = golden["max_length"].as_u64().map(|length| length as usize);
        let mut out = Folder::new();
        let options = ConvertOptions { max_length, ..ConvertOptions::default() };
        let conversion = convert(&source, &options, &mut out).unwrap();
        let labels = golden["pairs"][0]["logits"].as_array().unwrap().len();
        assert_eq!((conversion.manifest.task, conversion.manifest.dimension), (Task::Rerank, Some(labels)));
        let error = largest_logit_error(&scores(&mut load_f32(&out), &golden));
        assert!(error < 1e-4, "{name}: {error}");
        // The encoder alone.
        let pooling = Some(corom::config::Pooling::Cls.into());
        let options = ConvertOptions { pooling, ignore_head: true, ..options };
        let mut out = Folder::new();
        assert_eq!(convert(&source, &options, &mut out).unwrap().manifest.task, Task::Embed);
        load_folder(&out, LoadOptions::default()).unwrap();
    }
}

/// The cross-encoders of the checkpoint fixtures, as a zip pickle and as safetensors.
#[test]
fn checkpoints_of_cross_encoders_give_the_logits_of_pytorch() {
    for name in ["cross-encoder", "cross-encoder-safetensors"] {
        let golden = golden(&checkpoint(name));
        let mut out = Folder::new();
        let length = golden["max_length"].as_u64().map(|length| length as usize);
        let options = ConvertOptions { max_length: length, ..ConvertOptions::default() };
        let conversion = convert(&files(&checkpoint(name)), &options, &mut out).unwrap();
        assert!(conversion.ignored_tensors.is_empty());
        let mut reranker = load_f32(&out);
        let list = |key: &str| golden[key].as_array().unwrap();
        let documents: Vec<&str> = list("documents").iter().map(|text| text.as_str().unwrap()).collect();
        let query = golden["query"].as_str().unwrap();
        let scores = reranker.score(query, &documents).unwrap();
        for (score, (logit, due)) in scores.iter().zip(list("logits").iter().zip(list("scores"))) {
            let near = |actual: f32, due: &Value| (f64::from(actual) - due.as_f64().unwrap()).abs() < 1e-4;
            assert!(near(score.logit, logit) && near(score.probability, due), "{name}: {score:?}, {logit}");
        }
        let order = reranker.rerank(query, &documents).unwrap();
        assert!(order.is_sorted_by(|(_, a), (_, b)| a.logit >= b.logit) && order.len() == documents.len());
    }
}

#[test]
fn commands_say_that_a_folder_is_a_reranker() {
    let scratch = Scratch::new("reranker");
    let out = scratch.join("out");
    let run = corom(&[
        "convert",
        reranker_fixture("trained").to_str().unwrap(),
        out.to_str().unwrap(),
        "--dtype",
        "int8",
    ])
    .expect_ok();
    for words in
        ["a reranker with 1 label", "exact kernels: logits within", "tract-onnx agrees, logits within"]
    {
        assert!(run.stdout.contains(words), "`{words}` is not in: {}", run.stdout);
    }
    let run = corom(&["inspect", out.to_str().unwrap(), "--check"]).expect_ok();
    for words in ["task          rerank", "labels        1", "self-test     passed", "logits within"] {
        assert!(run.stdout.contains(words), "`{words}` is not in: {}", run.stdout);
    }
    // An export as it is. Its weights are in the file.
    let export = scratch.join("export");
    std::fs::create_dir_all(export.join("onnx")).unwrap();
    for name in ["config.json", "configuration.json", "vocab.txt", "onnx/model.onnx"] {
        std::fs::copy(reranker_fixture("trained").join(name), export.join(name)).unwrap();
    }
    let run = corom(&["inspect", export.to_str().unwrap(), "--check"]).expect_ok();
    for words in ["task          rerank", "labels        1", "maxLength     128", "logits within"] {
        assert!(run.stdout.contains(words), "`{words}` is not in: {}", run.stdout);
    }
    assert!(!run.stdout.contains("pooling"), "{}", run.stdout);
}
