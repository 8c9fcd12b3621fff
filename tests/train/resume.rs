//! A training that is killed and resumed computes the numbers of one that was not.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{Scratch, corom, text_of};
use crate::made_up::{self, Shop};

fn train(shop: &Shop, out: &Path, more: &[&str]) -> Command {
    let mut command = corom(&["train", "retrieval", "--random", "1x64", "--epochs", "2", "--batch", "16"]);
    command.args(["--negatives-per-query", "1", "--learning-rate", "1e-3", "--save-every", "0"]).args(more);
    for (option, path) in [
        ("--tokenizer", &shop.tokenizer),
        ("--corpus", &shop.corpus),
        ("--queries", &shop.queries),
        ("--qrels", &shop.qrels),
    ] {
        command.arg(option).arg(path);
    }
    command.arg("--out").arg(out);
    command
}

#[test]
fn killed_training_resumes_with_the_same_numbers() {
    let scratch = Scratch::new("resume");
    let shop = made_up::write(&scratch.0, 400);
    let (whole, killed) = (scratch.0.join("whole"), scratch.0.join("killed"));
    let status = train(&shop, &whole, &[]).stderr(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    let losses = killed.join("training/losses.tsv");
    // Kills the training twice: the first time as soon as it has saved something.
    for lines in [2, 12] {
        let mut child =
            train(&shop, &killed, &["--resume"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        while text_of(&losses).lines().count() < lines {
            assert!(started.elapsed() < Duration::from_secs(120), "the training saves nothing");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output = train(&shop, &killed, &["--resume"]).stderr(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("resumed after step"), "it began anew");
    for file in ["training/losses.tsv", "model.safetensors", "training/loss.svg"] {
        assert!(
            fs::read(whole.join(file)).unwrap() == fs::read(killed.join(file)).unwrap(),
            "{file} differs"
        );
    }
    // Without --resume nothing is overwritten, and another training is not taken for this one.
    for (more, message) in
        [(&[][..], "is not empty; --resume goes on"), (&["--resume", "--seed", "2"], "has other settings")]
    {
        let output = train(&shop, &whole, more).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{output:?}");
    }
}
