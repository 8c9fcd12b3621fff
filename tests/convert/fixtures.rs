//! Converts every valid checkpoint and compares the folder with its manifest and the golden vectors.

use corom::config::BertConfig;
use corom::model::manifest::MAX_SHARD_BYTES;
use corom::model::{LoadOptions, Manifest, folder};
use corom::tokenizer::Tokenizer;

use crate::command::{Scratch, checkpoint, convert, corom};
use crate::support::{Golden, cosine, folders, golden, max_abs_difference};

/// The part of golden.json about its checkpoint.
#[derive(serde::Deserialize)]
struct GoldenFile {
    dialect: Dialect,
}

#[derive(serde::Deserialize)]
struct Dialect {
    pooling: String,
    normalize: bool,
}

#[test]
fn convert_accepts_every_valid_checkpoint() {
    let scratch = Scratch::new("fixtures");
    let mut converted = 0;
    for (name, from) in folders("checkpoints") {
        if from.join("expect.json").exists() || name.starts_with("cross-encoder") {
            continue;
        }
        let expected = golden(&from);
        let about: GoldenFile =
            serde_json::from_slice(&std::fs::read(from.join("golden.json")).unwrap()).unwrap();
        for dtype in ["f32", "int8", "int4"] {
            let out = scratch.join(&format!("{name}-{dtype}"));
            let length = expected.max_length.to_string();
            // ModelScope's files give the length of these two.
            let says_length = name == "modelscope-avg-top2" || name == "modelscope-avg-first-last";
            let options: &[&str] = if says_length { &[] } else { &["--max-length", &length] };
            let run = convert(&from, &out, &[&["--dtype", dtype], options].concat()).expect_ok();
            assert!(run.stdout.contains(dtype) && run.stdout.contains("bytes"), "{}", run.stdout);
            assert_eq!(run.stderr, "", "{name}");

            let read = |file: &str| std::fs::read(out.join(file)).unwrap();
            let manifest = Manifest::from_json(&read("corom.json")).unwrap();
            // Earlier releases load it.
            assert_eq!(manifest.format_version, 1);
            assert_eq!(manifest.dtype, dtype);
            assert_eq!(manifest.pooling.to_string(), about.dialect.pooling, "{name}");
            assert_eq!(manifest.normalize, about.dialect.normalize, "{name}");
            assert_eq!(manifest.max_length, expected.max_length, "{name}");
            let mut listed = vec!["corom.json".to_owned()];
            for file in &manifest.files {
                file.verify(&read(&file.path)).unwrap();
                assert!(file.size as usize <= MAX_SHARD_BYTES, "{}", file.path);
                listed.push(file.path.clone());
            }
            listed.sort();
            let mut there: Vec<String> = std::fs::read_dir(&out)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            there.sort();
            assert_eq!(there, listed, "{name}");

            let config = BertConfig::from_json(&read("config.json")).unwrap();
            assert_eq!(
                config,
                BertConfig::from_json(&std::fs::read(from.join("config.json")).unwrap()).unwrap()
            );
            let tokenizer =
                Tokenizer::from_json(&read("tokenizer.json"), manifest.max_length, config.vocab_size)
                    .unwrap();
            for (text, ids) in expected.texts.iter().zip(&expected.input_ids) {
                assert_eq!(&tokenizer.encode(text).unwrap().input_ids, ids, "{name}: {text}");
            }
            check_self_test(&manifest, &expected);
            let embedder = folder::load(&out, LoadOptions::default()).unwrap();
            let info = embedder.encoder().info();
            let precision = if dtype == "int4" { "int4" } else { "int8" };
            assert_eq!((info.fused, info.dtype, info.precision), (true, dtype, precision), "{name}");
            converted += 1;
        }
    }
    assert!(converted >= 60, "only {converted}");
}

/// Compares the self-test's vectors with PyTorch's, for the texts that the golden has.
pub fn check_self_test(manifest: &Manifest, golden: &Golden) {
    let test = manifest.self_test.as_ref().unwrap();
    assert_eq!((test.texts.len(), test.vectors.len()), (3, 3));
    let mut compared = 0;
    for (text, vector) in test.texts.iter().zip(&test.vectors) {
        let Some(at) = golden.texts.iter().position(|t| t == text) else { continue };
        let mut expected = golden.vectors[&manifest.pooling.to_string()][at].clone();
        if manifest.normalize {
            let length = expected.iter().map(|x| x * x).sum::<f32>().sqrt();
            expected.iter_mut().for_each(|x| *x /= length);
        }
        if manifest.dtype == "f32" {
            assert!(max_abs_difference(vector, &expected) <= 1e-4, "{text}");
        }
        // 4 bits change these small random models much more than a trained model.
        let min_cosine = if manifest.dtype == "int4" { 0.97 } else { 0.999 };
        assert!(cosine(vector, &expected) >= min_cosine, "{text}: {}", cosine(vector, &expected));
        compared += 1;
    }
    assert!(compared >= 2, "only {compared} texts of the self-test are in the golden");
}

#[test]
fn convert_is_deterministic() {
    let scratch = Scratch::new("same");
    for out in ["a", "b"] {
        convert(&checkpoint("wide"), &scratch.join(out), &["--dtype", "int8"]).expect_ok();
    }
    let read = |out: &str| crate::support::files(&scratch.join(out));
    assert_eq!(read("a"), read("b"));
}

#[test]
fn inspect_shows_the_manifest_and_finds_damage() {
    let scratch = Scratch::new("inspect");
    let out = scratch.join("model");
    convert(&checkpoint("wide"), &out, &[]).expect_ok();
    let folder = out.to_str().unwrap();
    let run = corom(&["inspect", folder]).expect_ok();
    for word in
        ["f32", "cls", "model.onnx_data_000", "tokenizer.json", "dimension     64", "metric        dot"]
    {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    let mut bytes = std::fs::read(out.join("model.onnx_data_000")).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(out.join("model.onnx_data_000"), bytes).unwrap();
    corom(&["inspect", folder]).expect_rejected("INTEGRITY_MISMATCH", &["model.onnx_data_000", "SHA-256"]);
    std::fs::remove_file(out.join("config.json")).unwrap();
    corom(&["inspect", folder]).expect_rejected("MISSING_FILE", &["config.json"]);
    corom(&["inspect", scratch.join("nowhere").to_str().unwrap()])
        .expect_rejected("MISSING_FILE", &["corom.json"]);
}
