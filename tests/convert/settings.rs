//! Pooling, normalization and length: the order of options and side files.

use corom::model::Manifest;

use crate::command::{Run, Scratch, convert};

/// Converts a checkpoint with side files. Returns the run, and the settings in the manifest.
fn attempt(scratch: &Scratch, files: &[(&str, &str)], options: &[&str]) -> (Run, Option<String>) {
    let from = scratch.copy_of("safetensors");
    for (name, contents) in files {
        let path = from.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
    let run = convert(&from, &scratch.join("out"), &[options, &["--force"]].concat());
    std::fs::remove_dir_all(from).unwrap();
    let manifest = std::fs::read(scratch.join("out/corom.json")).ok().map(|bytes| {
        let m = Manifest::from_json(&bytes).unwrap();
        format!("{} {} {}", m.pooling, m.normalize, m.max_length)
    });
    let _ = std::fs::remove_dir_all(scratch.join("out"));
    (run, manifest)
}

fn decided(scratch: &Scratch, files: &[(&str, &str)], options: &[&str]) -> String {
    let (run, manifest) = attempt(scratch, files, options);
    run.expect_ok();
    manifest.unwrap()
}

const MODULES: &str = r#"[
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]"#;
const MEAN: &str = r#"{"word_embedding_dimension": 16, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true,
    "pooling_mode_max_tokens": false, "pooling_mode_mean_sqrt_len_tokens": false}"#;
const OTHER: &str = r#"{"pooling_mode_mean_tokens": false, "pooling_mode_attention": true}"#;
const MODELSCOPE: &str =
    r#"{"model": {"emb_pooler_type": "avg_top2", "normalize": false}, "preprocessor": {"max_length": 40}}"#;

#[test]
fn settings_default_to_those_of_corom_in_modelscope_folders() {
    // The model has 64 positions, fewer than the default of 128 tokens.
    assert_eq!(decided(&Scratch::new("default"), &[], &[]), "cls false 64");
}

#[test]
fn settings_follow_options_then_modelscope_then_sentence_transformers() {
    let scratch = Scratch::new("order");
    let transformers = [
        ("modules.json", MODULES),
        ("1_Pooling/config.json", MEAN),
        ("sentence_bert_config.json", r#"{"max_seq_length": 50}"#),
    ];
    assert_eq!(decided(&scratch, &transformers, &[]), "mean true 50");
    let both = [&transformers[..], &[("configuration.json", MODELSCOPE)]].concat();
    assert_eq!(decided(&scratch, &both, &[]), "avg_top2 false 40");
    let options = ["--pooling", "avg_first_last", "--normalize", "--max-length", "30"];
    assert_eq!(decided(&scratch, &both, &options), "avg_first_last true 30");
    assert_eq!(decided(&scratch, &transformers, &["--normalize=false"]), "mean false 50");
    assert_eq!(decided(&scratch, &[], &["--pooling", "avg"]), "mean false 64");
}

#[test]
fn settings_reject_unsupported_poolings_and_modules_by_name() {
    let scratch = Scratch::new("lacks");
    let other = [("1_Pooling/config.json", OTHER)];
    attempt(&scratch, &other, &[]).0.expect_rejected("UNSUPPORTED_POOLING", &["attention", "--pooling"]);
    assert_eq!(decided(&scratch, &other, &["--pooling", "mean"]), "mean false 64");
    let cnn = MODULES.replace("Normalize\"", "CNN\"");
    let cnn = [("modules.json", cnn.as_str()), ("1_Pooling/config.json", MEAN)];
    attempt(&scratch, &cnn, &[]).0.expect_rejected("UNSUPPORTED_MODEL", &["CNN", "--ignore-head"]);
    assert_eq!(decided(&scratch, &cnn, &["--ignore-head"]), "mean false 64");
}

#[test]
fn settings_reject_lengths_beyond_the_positions() {
    let scratch = Scratch::new("length");
    for length in ["65", "1", "0"] {
        attempt(&scratch, &[], &["--max-length", length])
            .0
            .expect_rejected("INVALID_ARGUMENT", &["64", length]);
    }
    // A side file that gives more tokens than the model has positions is limited to the positions.
    let long = [(
        "configuration.json",
        r#"{"task": "sentence-embedding", "preprocessor": {"sequence_length": 512}}"#,
    )];
    assert_eq!(decided(&scratch, &long, &[]), "cls false 64");
}

#[test]
fn settings_follow_uniem_last() {
    let scratch = Scratch::new("uniem");
    let config =
        std::fs::read_to_string(crate::command::checkpoint("safetensors").join("config.json")).unwrap();
    let config = config.replacen('{', r#"{"uniem_embedding_strategy": "last_mean","#, 1);
    let files = [("config.json", config.as_str())];
    assert_eq!(decided(&scratch, &files, &[]), "mean false 64");
    assert_eq!(decided(&scratch, &[files[0], ("configuration.json", MODELSCOPE)], &[]), "avg_top2 false 40");
}
