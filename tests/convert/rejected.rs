//! Rejects what cannot be converted by name, and leaves nothing behind.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::command::{Scratch, checkpoint, convert};
use crate::support::folders;

#[derive(Deserialize)]
struct Expect {
    code: String,
    message_contains: Vec<String>,
    must_not_exist: Option<PathBuf>,
}

#[test]
fn convert_rejects_every_bad_checkpoint_with_its_code() {
    let scratch = Scratch::new("rejected");
    let mut rejected = 0;
    for (name, from) in folders("checkpoints") {
        let Ok(expect) = std::fs::read(from.join("expect.json")) else { continue };
        let expect: Expect = serde_json::from_slice(&expect).unwrap();
        if let Some(witness) = &expect.must_not_exist {
            let _ = std::fs::remove_file(witness);
        }
        let words: Vec<&str> = expect.message_contains.iter().map(String::as_str).collect();
        convert(&from, &scratch.join(&name), &[]).expect_rejected(&expect.code, &words);
        if let Some(witness) = &expect.must_not_exist {
            assert!(!witness.exists(), "{name}: code in the pickle was run");
        }
        assert!(scratch.names().is_empty(), "{name} left {:?}", scratch.names());
        rejected += 1;
    }
    assert!(rejected >= 8, "only {rejected}");
}

#[test]
fn convert_leaves_out_the_head_of_a_cross_encoder_on_request() {
    let scratch = Scratch::new("cross");
    for name in ["cross-encoder", "cross-encoder-safetensors"] {
        let out = scratch.join(name);
        let words = ["reranker", "--pooling", "--ignore-head"];
        convert(&checkpoint(name), &out, &["--pooling", "cls"]).expect_rejected("INVALID_ARGUMENT", &words);
        assert!(!out.exists());
        let run = convert(&checkpoint(name), &out, &["--ignore-head", "--pooling", "cls"]).expect_ok();
        assert!(run.stdout.contains("not converted: classifier.weight"), "{}", run.stdout);
    }
}

#[test]
fn convert_names_missing_files() {
    let scratch = Scratch::new("missing");
    let reject = |from: &Path, code, words: &[&str]| {
        convert(from, &scratch.join("out"), &[]).expect_rejected(code, words);
        assert!(!scratch.join("out").exists());
    };
    reject(&scratch.join("nowhere"), "MISSING_FILE", &["nowhere"]);
    for (file, word) in [
        ("config.json", "config.json"),
        ("vocab.txt", "vocab.txt"),
        ("pytorch_model.bin", "model.safetensors"),
    ] {
        let from = scratch.copy_of("prefix-model");
        std::fs::remove_file(from.join(file)).unwrap();
        reject(&from, "MISSING_FILE", &[word]);
    }
    std::fs::write(scratch.join("prefix-model/model.safetensors.index.json"), "{}").unwrap();
    reject(&scratch.join("prefix-model"), "UNSUPPORTED_MODEL", &["model.safetensors.index.json"]);
}

#[test]
fn convert_names_files_of_another_kind() {
    let scratch = Scratch::new("else");
    let page = "<!DOCTYPE html><html><body>Not found</body></html>";
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    for (file, contents, code, word) in [
        ("pytorch_model.bin", page, "NOT_A_MODEL", "HTML"),
        ("pytorch_model.bin", pointer, "NOT_A_MODEL", "Git LFS"),
        ("pytorch_model.bin", "hello", "NOT_A_MODEL", "neither"),
        ("pytorch_model.bin", "", "INVALID_CHECKPOINT", "empty"),
        ("model.safetensors", page, "NOT_A_MODEL", "HTML"),
        ("model.safetensors", pointer, "NOT_A_MODEL", "Git LFS"),
        ("vocab.txt", page, "NOT_A_MODEL", "HTML"),
        ("vocab.txt", "a\nb\n", "INVALID_TOKENIZER", "[UNK]"),
        ("tokenizer.json", "{}", "INVALID_TOKENIZER", "tokenizer.json"),
        ("tokenizer_config.json", page, "INVALID_TOKENIZER", "tokenizer_config.json"),
        ("config.json", page, "INVALID_CONFIG", "config.json"),
        ("configuration.json", "[]", "INVALID_CONFIG", "configuration.json"),
        ("modules.json", "{", "INVALID_CONFIG", "modules.json"),
    ] {
        let from = scratch.copy_of("prefix-model");
        std::fs::write(from.join(file), contents).unwrap();
        convert(&from, &scratch.join("out"), &[]).expect_rejected(code, &[word]);
        std::fs::remove_dir_all(from).unwrap();
    }
    assert!(scratch.names().is_empty());
}

#[test]
fn convert_rejects_the_vocabulary_of_another_model() {
    let scratch = Scratch::new("vocabulary");
    let from = scratch.copy_of("prefix-model");
    let mut vocabulary = std::fs::read_to_string(from.join("vocab.txt")).unwrap();
    vocabulary.push_str("one\nmore\n");
    std::fs::write(from.join("vocab.txt"), vocabulary).unwrap();
    convert(&from, &scratch.join("out"), &[]).expect_rejected("TOKENIZER_MISMATCH", &["328", "326"]);
}
