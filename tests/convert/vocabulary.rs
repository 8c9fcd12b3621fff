//! Tests conversions that remove the tokens that given texts do not use: `--keep-vocab`.

use std::collections::BTreeMap;

use corom::convert::{ConvertOptions, Dtype, convert, load_folder, load_reranker_folder};
use corom::error::ErrorCode;
use corom::model::{LoadOptions, Manifest};
use serde_json::{Value, json};

use crate::command::{self, Scratch, checkpoint};
use crate::support::{export, files, fixtures};

type Folder = BTreeMap<String, Vec<u8>>;

/// Words, pieces of words, model numbers, added tokens, an empty text, and a text that is longer than the model reads.
fn texts() -> Vec<String> {
    let long = "阔腿牛仔裤女秋冬款".repeat(20);
    ["阔腿裤女冬牛仔", "iPhone 15 Pro 256GB", "cotton wide[MASK]leg", "5w-40 a7z", "", &long]
        .map(String::from)
        .to_vec()
}

fn keeping(texts: Vec<String>, dtype: Dtype) -> ConvertOptions {
    ConvertOptions { dtype, keep_vocab: Some(texts), ..ConvertOptions::default() }
}

fn converted(source: &Folder, options: &ConvertOptions) -> (Folder, Manifest) {
    let mut folder = Folder::new();
    let manifest = convert(source, options, &mut folder).unwrap().manifest;
    (folder, manifest)
}

fn vectors(folder: &Folder, texts: &[String]) -> Vec<u32> {
    let options = LoadOptions { skip_self_test: true, ..LoadOptions::default() };
    let vectors = load_folder(folder, options).unwrap().embed(texts).unwrap();
    vectors.into_iter().map(f32::to_bits).collect()
}

fn config(folder: &Folder) -> Value {
    serde_json::from_slice(&folder["config.json"]).unwrap()
}

fn weight_bytes(manifest: &Manifest) -> u64 {
    manifest.files.iter().filter(|file| file.path.starts_with("model.onnx")).map(|file| file.size).sum()
}

#[test]
fn texts_of_kept_tokens_keep_the_bits_of_their_vectors_in_every_number_type() {
    let sources = ["prefix-model", "safetensors", "wide", "roberta", "xlm-roberta", "ernie-task"]
        .map(|name| (name, files(&checkpoint(name))));
    let exports =
        ["classic-op17", "roberta-dynamo", "fused-int8", "cased"].map(|name| (name, files(&export(name))));
    for (name, source) in sources.into_iter().chain(exports) {
        for dtype in Dtype::ALL {
            let pooling = Some(corom::config::Pooling::Mean.into());
            let whole = ConvertOptions { dtype, pooling: pooling.clone(), ..ConvertOptions::default() };
            let (whole, before) = converted(&source, &whole);
            let (cut, after) = converted(&source, &ConvertOptions { pooling, ..keeping(texts(), dtype) });
            assert_eq!(vectors(&cut, &texts()), vectors(&whole, &texts()), "{name} {dtype:?}");
            assert_eq!(after.lineage, before.lineage, "{name}");
            let [full, kept] = [&whole, &cut].map(|folder| config(folder)["vocab_size"].as_u64().unwrap());
            assert!(kept < full * 2 / 3, "{name}: {kept} of {full}");
            assert_eq!((before.full_vocab_size, after.full_vocab_size), (None, Some(full as usize)));
            let rows = (full - kept) * config(&cut)["hidden_size"].as_u64().unwrap();
            let saved = weight_bytes(&before) - weight_bytes(&after);
            let bytes = if dtype == Dtype::F32 { rows * 4 } else { rows + (full - kept) * 4 };
            // The sizes of the tables and their alignment are bytes too.
            assert!(saved.abs_diff(bytes) < 256, "{name} {dtype:?}: {saved} bytes fewer, expected {bytes}");
        }
    }
}

#[test]
fn reranker_keeps_the_logits_of_pairs_of_kept_tokens() {
    let source = files(&fixtures().join("rerankers/trained"));
    let scores = |folder: &Folder| {
        let options = LoadOptions { skip_self_test: true, ..LoadOptions::default() };
        load_reranker_folder(folder, options).unwrap().score("阔腿裤女冬", &texts()).unwrap()
    };
    let whole = converted(&source, &ConvertOptions { dtype: Dtype::Int8, ..ConvertOptions::default() }).0;
    let cut = converted(&source, &keeping([texts(), vec!["阔腿裤女冬".into()]].concat(), Dtype::Int8)).0;
    assert!(cut["model.onnx_data_000"].len() < whole["model.onnx_data_000"].len());
    assert_eq!(scores(&cut), scores(&whole));
}

#[test]
fn other_words_are_unknown_or_have_shorter_tokens_and_ascii_is_kept() {
    let (folder, _) = converted(&files(&checkpoint("prefix-model")), &keeping(texts(), Dtype::Int8));
    let mut embedder =
        load_folder(&folder, LoadOptions { skip_self_test: true, ..LoadOptions::default() }).unwrap();
    let tokens = |text: &str| embedder.tokenizer().tokenize(text).unwrap();
    assert_eq!(tokens("厨房").tokens, ["[CLS]", "[UNK]", "[UNK]", "[SEP]"]);
    assert_eq!(tokens("厨房").unknown, 2);
    // `##ml` is removed.
    assert_eq!(tokens("5ml").tokens, ["[CLS]", "5", "##m", "##l", "[SEP]"]);
    assert_eq!(tokens("q-9=z").unknown, 0);
    assert_eq!(embedder.embed(&["厨房 5ml"]).unwrap().len(), 16);
}

#[test]
fn tokens_of_the_models_prompts_are_kept_before_each_text() {
    let mut source = files(&checkpoint("prefix-model"));
    let prompts = json!({"prompts": {"query": "邮票 5", "passage": ""}, "default_prompt_name": "query"});
    source.insert("config_sentence_transformers.json".into(), prompts.to_string().into_bytes());
    // The prompt and the text are one word: 5ml.
    let texts = vec!["ml".to_owned()];
    let whole = converted(&source, &ConvertOptions::default()).0;
    let (cut, manifest) = converted(&source, &keeping(texts.clone(), Dtype::F32));
    assert_eq!(manifest.prompts["query"], "邮票 5");
    assert_eq!(vectors(&cut, &texts), vectors(&whole, &texts));
}

#[test]
fn folder_that_has_lost_tokens_keeps_its_lineage_when_it_is_converted_again() {
    let source = files(&checkpoint("wide"));
    let (folder, manifest) = converted(&source, &keeping(texts(), Dtype::F32));
    let again = ConvertOptions { dtype: Dtype::Int8, ..ConvertOptions::default() };
    let (folder, again) = converted(&folder, &again);
    assert_eq!((again.lineage, again.full_vocab_size), (manifest.lineage.clone(), Some(326)));
    // And once more with fewer tokens.
    let fewer = keeping(vec!["阔腿裤".into()], Dtype::Int8);
    let (smaller, fewer) = converted(&folder, &fewer);
    let requantized = converted(&folder, &ConvertOptions { dtype: Dtype::Int8, ..Default::default() }).0;
    assert_eq!((fewer.lineage, fewer.full_vocab_size), (manifest.lineage, Some(326)));
    assert!(config(&smaller)["vocab_size"].as_u64() < config(&folder)["vocab_size"].as_u64());
    assert_eq!(vectors(&smaller, &["阔腿裤".into()]), vectors(&requantized, &["阔腿裤".into()]));
}

#[test]
fn command_reads_files_of_texts_says_what_is_left_and_refuses_other_files() {
    let scratch = Scratch::new("keep-vocab");
    let [titles, queries, records, bytes, empty, out] =
        ["titles.txt", "queries.tsv", "items.jsonl", "bytes.txt", "empty.txt", "out"]
            .map(|name| scratch.join(name));
    std::fs::write(&titles, "\u{feff}阔腿裤女冬牛仔\r\n\r\niPhone 15\r\n").unwrap();
    std::fs::write(&queries, "1\t羽绒服\n").unwrap();
    std::fs::write(&records, "{\"text\": \"\\u9614\"}\n").unwrap();
    std::fs::write(&bytes, [0xb0, 0xa2, b'\n']).unwrap();
    std::fs::write(&empty, "\n \n").unwrap();
    let convert = |kept: &[&std::path::Path]| {
        let kept: Vec<&str> = kept.iter().flat_map(|path| ["--keep-vocab", path.to_str().unwrap()]).collect();
        command::convert(&checkpoint("wide"), &out, &[&["--force", "--dtype", "int8"], &kept[..]].concat())
    };
    let run = convert(&[&titles, &queries]).expect_ok();
    let folder = files(&out);
    let left = config(&folder)["vocab_size"].as_u64().unwrap();
    assert!(run.stdout.contains(&format!("vocabulary {left} of 326")), "{}", run.stdout);
    let inspected = command::corom(&["inspect", out.to_str().unwrap(), "--check"]).expect_ok().stdout;
    assert!(inspected.contains("vocabulary    cut: the model has 326 tokens elsewhere"), "{inspected}");
    let whole =
        converted(&files(&checkpoint("wide")), &ConvertOptions { dtype: Dtype::Int8, ..Default::default() })
            .0;
    let kept = ["阔腿裤女冬牛仔", "羽绒服 iPhone"].map(String::from);
    assert_eq!(vectors(&folder, &kept), vectors(&whole, &kept));

    convert(&[&records]).expect_rejected("INVALID_ARGUMENT", &["items.jsonl", "plain text"]);
    convert(&[&bytes]).expect_rejected("INVALID_ARGUMENT", &["bytes.txt", "UTF-8"]);
    convert(&[&empty]).expect_rejected("INVALID_ARGUMENT", &["at least one"]);
    convert(&[&scratch.join("none.txt")]).expect_rejected("MISSING_FILE", &["none.txt"]);
    assert!(files(&out) == folder, "a failed conversion leaves the folder as it was");
}

#[test]
fn vocabulary_of_another_kind_is_refused() {
    let mut source = files(&checkpoint("safetensors"));
    let mut tokenizer: Value = serde_json::from_slice(&source["tokenizer.json"]).unwrap();
    let mut tokens: Vec<(String, u64)> = (tokenizer["model"]["vocab"].as_object().unwrap().iter())
        .map(|(token, id)| (token.clone(), id.as_u64().unwrap()))
        .collect();
    tokens.sort_by_key(|(_, id)| *id);
    let vocab: Vec<Value> = tokens.iter().map(|(token, _)| json!([token, -1.0])).collect();
    tokenizer["model"] = json!({"type": "Unigram", "unk_id": 1, "vocab": vocab, "byte_fallback": false});
    source.insert("tokenizer.json".into(), tokenizer.to_string().into_bytes());
    source.insert(
        "tokenizer_config.json".into(),
        b"{\"tokenizer_class\": \"PreTrainedTokenizerFast\"}".to_vec(),
    );
    convert(&source, &ConvertOptions::default(), &mut Folder::new()).unwrap();
    let error = convert(&source, &keeping(texts(), Dtype::F32), &mut Folder::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnsupportedModel);
    assert!(error.message().contains("WordPiece") && error.message().contains("Unigram"), "{error}");
}
