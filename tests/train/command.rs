//! The commands, from files to a converted and evaluated model, on 2,000 made-up pairs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::made_up::{self, Shop};

/// A folder for one test, deleted on drop.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(test: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("train-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn corom(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corom"));
    command.args(args);
    command
}

/// Returns a file's text, or none if there is no file.
pub fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Runs a command that has to succeed, and returns its standard output.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Adds the files of the pairs to a command.
fn with_pairs<'a>(command: &'a mut Command, shop: &Shop) -> &'a mut Command {
    command
        .arg("--corpus")
        .arg(&shop.corpus)
        .arg("--queries")
        .arg(&shop.queries)
        .arg("--qrels")
        .arg(&shop.qrels)
}

fn train(task: &str, shop: &Shop, out: &Path, more: &[&str]) -> Command {
    let mut command = corom(&["train", task, "--max-length", "32"]);
    with_pairs(&mut command, shop).args(more).arg("--out").arg(out);
    command.arg("--dev-queries").arg(&shop.dev_queries).arg("--dev-qrels").arg(&shop.dev_qrels);
    command
}

/// Returns the last MRR@10 that a training measured.
fn last_mrr(out: &Path) -> f64 {
    let text = text_of(&out.join("training/measures.tsv"));
    text.lines().last().unwrap().split('\t').nth(2).unwrap().parse().unwrap()
}

/// Converts a checkpoint and returns the mean of RR@10 that `corom eval` measures.
fn evaluated(scratch: &Scratch, shop: &Shop, checkpoint: &Path, model: &Path) -> f64 {
    succeed(corom(&["convert"]).arg(checkpoint).arg(model));
    let json = scratch.0.join("means.json");
    let mut command = corom(&["eval", "--model"]);
    command.arg(model).arg("--corpus").arg(&shop.corpus).arg("--queries").arg(&shop.dev_queries);
    command.arg("--qrels").arg(&shop.dev_qrels).args(["--quality", "float", "--measure", "RR@10"]);
    succeed(command.arg("--cache").arg(scratch.0.join("cache")).arg("--json").arg(&json));
    let report: serde_json::Value = serde_json::from_str(&text_of(&json)).unwrap();
    let name = format!("{} float", model.file_name().unwrap().to_str().unwrap());
    let systems = report["systems"].as_array().unwrap();
    let own = systems.iter().find(|system| system["name"] == *name).unwrap();
    own["measures"]["RR@10"]["multi-cpr"].as_f64().unwrap()
}

#[test]
fn two_stages_a_reranker_and_their_evaluation() {
    let scratch = Scratch::new("stages");
    let shop = made_up::write(&scratch.0, 2000);
    let path = |name: &str| scratch.0.join(name);
    let tokenizer = shop.tokenizer.to_str().unwrap();
    let common = ["--batch", "32", "--dropout", "0", "--epochs", "1"];

    // Stage 1: random negatives.
    let (first, mined, second) = (path("stage1"), path("mined.run"), path("stage2"));
    let mut stage = train("retrieval", &shop, &first, &common);
    stage.args([
        "--random",
        "1x64",
        "--tokenizer",
        tokenizer,
        "--negatives-per-query",
        "1",
        "--learning-rate",
        "4e-4",
    ]);
    let output = succeed(&mut stage);
    assert!(output.contains("epoch 1, step 57: MRR@10"), "{output}");
    let first_mrr = last_mrr(&first);
    assert!((0.05..0.9).contains(&first_mrr), "stage 1: {first_mrr}");

    // The converted checkpoint has the measure of the training.
    let measured = evaluated(&scratch, &shop, &first, &path("model1"));
    assert!((measured - first_mrr).abs() < 0.002, "corom eval {measured}, the training {first_mrr}");

    // Mined negatives are results without the relevant passage.
    let mut mine = corom(&["mine", "--depth", "20"]);
    succeed(with_pairs(&mut mine, &shop).arg("--model").arg(&first).arg("--out").arg(&mined));
    let lines = text_of(&mined);
    assert_eq!(lines.lines().count(), 1800 * 20);
    assert!(lines.lines().all(|line| {
        let mut columns = line.split(' ');
        columns.next().unwrap()[1..] != columns.nth(1).unwrap()[1..]
    }));

    // Stage 2: mined negatives.
    let mut stage = train("retrieval", &shop, &second, &common);
    stage.arg("--model").arg(&first).arg("--negatives").arg(&mined);
    stage.args(["--negatives-per-query", "2", "--learning-rate", "2e-3"]);
    succeed(&mut stage);
    let second_mrr = last_mrr(&second);
    assert!(second_mrr > first_mrr, "stage 2: {second_mrr}, stage 1: {first_mrr}");

    // A reranker, from the weights of stage 2.
    let ranking = path("ranking");
    let mut stage = train("ranking", &shop, &ranking, &common);
    stage.arg("--model").arg(&second).arg("--negatives").arg(&mined);
    stage.args(["--negatives-per-query", "2", "--dev-depth", "20", "--learning-rate", "2e-3"]);
    succeed(&mut stage);
    let ranking_mrr = last_mrr(&ranking);
    succeed(corom(&["convert"]).arg(&ranking).arg(path("reranker")));
    let manifest = text_of(&path("reranker").join("corom.json"));
    assert!(manifest.contains("\"task\": \"rerank\""), "{manifest}");
    assert!(ranking_mrr > 0.1, "the reranker found little: {ranking_mrr}");
    for file in ["loss.svg", "mrr.svg", "losses.tsv"] {
        assert!(ranking.join("training").join(file).is_file(), "{file}");
    }
}

#[test]
fn arguments_that_do_not_fit_are_errors() {
    let scratch = Scratch::new("arguments");
    let shop = made_up::write(&scratch.0, 400);
    let tokenizer = shop.tokenizer.to_str().unwrap();
    let random = ["--random", "1x64", "--tokenizer", tokenizer];
    for (task, more, message) in [
        ("retrieval", &["--random", "1x100", "--tokenizer", tokenizer][..], "multiple of 64"),
        ("retrieval", &[&random[..], &["--pooling", "max"]].concat(), "expected cls or mean"),
        ("ranking", &[&random[..], &["--pooling", "mean"]].concat(), "does not apply"),
        ("ranking", &[&random[..], &["--negatives-per-query", "0"]].concat(), "needs 1 or more"),
        ("retrieval", &[&random[..], &["--epochs", "0"]].concat(), "--epochs 0"),
        (
            "retrieval",
            &["--model", "tests/fixtures/checkpoints/roberta", "--pooling", "cls"],
            "training supports BERT only",
        ),
    ] {
        let output = train(task, &shop, &scratch.0.join("out"), more).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(message), "{more:?}: {text}");
    }
}
