//! Cross-encoders against PyTorch and transformers: token ids, logits and probabilities of pairs.

#[path = "encoder_support/generated.rs"]
mod generated;

use std::path::{Path, PathBuf};

use corom::encoder::{KernelChoice, Precision, cpu::kernels::linear::Kernel};
use corom::error::ErrorCode;
use corom::model::{LoadOptions, ModelLoader, Task};
use corom::reranker::{PairScore, Reranker};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    max_length: usize,
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    query: String,
    document: String,
    ids: Vec<u32>,
    types: Vec<u32>,
    logits: Vec<f32>,
}

impl Pair {
    fn logit(&self) -> f32 {
        match self.logits[..] {
            [first, second] => second - first,
            ref one => one[0],
        }
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rerankers")
}

fn golden(folder: &Path) -> Golden {
    serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap()
}

/// Loads an export, whose weights are generated.
fn load(folder: &Path, options: LoadOptions) -> corom::error::Result<Reranker> {
    receive(folder, LoadOptions { task: Task::Rerank, ..options })?.build_unverified()?.finish_reranker()
}

/// Passes the files of an export to a loader.
fn receive(folder: &Path, options: LoadOptions) -> corom::error::Result<ModelLoader> {
    let data = generated::external_data(folder);
    let mut loader = ModelLoader::new(options)?;
    while let Some(request) = loader.pending_requests().first().cloned() {
        let generated =
            data.as_ref().filter(|(name, _)| *name == request.path).map(|(_, bytes)| bytes.clone());
        match generated.map_or_else(|| std::fs::read(folder.join(&request.path)), Ok) {
            Ok(bytes) => loader.supply(&request.path, &bytes)?,
            Err(_) => loader.missing(&request.path)?,
        }
    }
    Ok(loader)
}

fn exports() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(fixtures()).unwrap().map(|e| e.unwrap().path()).collect();
    folders.retain(|path| path.join("model.onnx").exists());
    folders.sort();
    assert_eq!(folders.len(), 8);
    folders
}

fn f32_options() -> LoadOptions {
    LoadOptions { precision: Precision::F32, kernel: KernelChoice::Exact, ..LoadOptions::default() }
}

/// Returns the largest difference of a logit and of a probability.
fn errors(reranker: &mut Reranker, golden: &Golden) -> (f32, f32) {
    let (mut logits, mut probabilities) = (0.0f32, 0.0f32);
    for pair in &golden.pairs {
        let score = reranker.score(&pair.query, &[&pair.document]).unwrap()[0];
        logits = logits.max((score.logit - pair.logit()).abs());
        let due = PairScore::of_logit(pair.logit()).probability;
        probabilities = probabilities.max((score.probability - due).abs());
    }
    (logits, probabilities)
}

#[test]
fn every_export_gives_the_logits_of_pytorch_fused_and_unfused() {
    for folder in exports() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let golden = golden(&folder);
        let max_length = Some(golden.max_length);
        let mut fused = load(&folder, LoadOptions { max_length, ..f32_options() }).unwrap();
        assert!(fused.model().encoder().info().fused, "{name} is not recognized");
        assert_eq!(fused.labels(), golden.pairs[0].logits.len());
        let (error, _) = errors(&mut fused, &golden);
        assert!(error < 1e-4, "{name}: {error}");
        let (_, error) = errors(
            &mut load(&folder, LoadOptions { max_length, ..LoadOptions::default() }).unwrap(),
            &golden,
        );
        assert!(error < 0.05, "{name} in int8: {error}");
        if name.starts_with("two-labels") || name.starts_with("tiny") {
            let unfused = LoadOptions { unfused: true, max_length, ..f32_options() };
            let (error, _) = errors(&mut load(&folder, unfused).unwrap(), &golden);
            assert!(error < 1e-4, "{name} unfused: {error}");
        }
    }
}

#[test]
fn token_ids_and_types_of_two_hundred_pairs_are_those_of_transformers() {
    let folder = fixtures().join("trained");
    let golden = golden(&folder);
    assert_eq!(golden.pairs.len(), 200);
    let vocabulary = Some(std::fs::read(folder.join("vocab.txt")).unwrap());
    let files =
        corom::tokenizer::TokenizerFiles { vocabulary, ..corom::tokenizer::TokenizerFiles::default() };
    let tokenizer = corom::tokenizer::Tokenizer::from_files(&files, golden.max_length, 10_000).unwrap();
    let mut cut = 0;
    for Pair { query, document, ids, types, .. } in &golden.pairs {
        let encoding = tokenizer.encode_pair(query, document).unwrap();
        assert_eq!(
            (&encoding.input_ids, &encoding.token_type_ids),
            (ids, types),
            "{query:?} and {document:?}"
        );
        cut += usize::from(encoding.truncated);
    }
    assert!(cut > 20, "only {cut} pairs are cut");
}

#[test]
fn tokens_of_a_pair_have_offsets_in_their_own_text() {
    let json = std::fs::read(fixtures().join("two-labels/tokenizer.json")).unwrap();
    let tokenizer = corom::tokenizer::Tokenizer::from_json(&json, 12, 10_000).unwrap();
    let pair = tokenizer.tokenize_pair("👗 阔腿", "阔腿裤 iPhone 阔腿裤女冬").unwrap();
    assert_eq!(
        pair.tokens.tokens,
        ["[CLS]", "[UNK]", "阔", "腿", "[SEP]", "阔", "腿", "裤", "iphone", "阔", "腿", "[SEP]"]
    );
    assert_eq!(pair.type_ids, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
    let none = (0, 0);
    let second = [(0, 1), (1, 2), (2, 3), (4, 10), (11, 12), (12, 13), none];
    assert_eq!(pair.tokens.offsets, [&[none, (0, 2), (3, 4), (4, 5), none][..], &second].concat());
    assert!(pair.tokens.truncated && pair.tokens.unknown == 1);
    assert_eq!(
        pair.tokens.ids,
        tokenizer.encode_pair("👗 阔腿", "阔腿裤 iPhone 阔腿裤女冬").unwrap().input_ids
    );
}

#[test]
fn pair_without_room_for_text_is_rejected_and_the_shortest_length_works() {
    let json = std::fs::read(fixtures().join("two-labels/tokenizer.json")).unwrap();
    let tokenizer = |length| corom::tokenizer::Tokenizer::from_json(&json, length, 10_000).unwrap();
    let error = tokenizer(3).encode_pair("裤", "裤").unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("at least 4"), "{error}");
    assert_eq!(tokenizer(4).encode_pair("裤", "裤").unwrap().input_ids.len(), 4);
}

#[test]
fn wrong_class_is_named() {
    let folder = fixtures().join("two-labels");
    let embedder = receive(&folder, LoadOptions::default()).and_then(ModelLoader::build);
    let error = embedder.map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnsupportedModel);
    assert!(error.message().contains("CoromReranker"), "{error}");

    let embeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bits/int8");
    let error = corom::model::folder::load_reranker(&embeds, LoadOptions::default()).map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnsupportedModel);
    assert!(error.message().contains("load it with Corom"), "{error}");
}

#[test]
fn relaxed_kernels_keep_the_order_of_clear_cases() {
    let folder = fixtures().join("minilm-legacy-op17");
    let kernel = KernelChoice::Fixed(Kernel::RelaxedI16);
    let mut relaxed = load(&folder, LoadOptions { kernel, ..LoadOptions::default() }).unwrap();
    let (_, error) = errors(&mut relaxed, &golden(&folder));
    assert!(error < 0.1, "{error}");
}

#[test]
fn sigmoid_is_stable() {
    for (logit, due) in [(-1e30, 0.0), (1e30, 1.0), (-20.0, 2.061_153_6e-9), (0.0, 0.5), (3.0, 0.952_574_1)] {
        let probability = PairScore::of_logit(logit).probability;
        assert!((probability - due).abs() <= due * 1e-5, "sigmoid({logit}) = {probability}");
    }
}
