//! Runs `corom eval` on a made-up collection.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use corom::eval::{Convention, Measure, Qrels, Run, evaluate};
use corom::model::folder;
use corom::rank::rank;
use corom::similarity::score;
use serde_json::Value;

use crate::made_up::{self, Files};

/// A folder for one test, deleted on drop.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(test: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("eval-{test}-{}", std::process::id()));
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

/// A model folder of a few layers with random weights.
pub fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bits").join(name)
}

pub fn command(scratch: &Scratch, files: &Files, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corom"));
    command.current_dir(&scratch.0).arg("eval").args(more);
    command
        .arg("--corpus")
        .arg(&files.corpus)
        .arg("--queries")
        .arg(&files.queries)
        .arg("--qrels")
        .arg(&files.qrels);
    command
}

pub fn run(scratch: &Scratch, files: &Files, more: &[&str]) -> (Option<i32>, String, String) {
    let output = command(scratch, files, more).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

pub fn read_run(path: &Path) -> Run {
    Run::read(fs::read(path).unwrap().as_slice(), "run").unwrap()
}

#[test]
fn runs_are_the_exact_search_and_numbers_are_those_of_the_runs() {
    let scratch = Scratch::new("exact");
    let files = made_up::write(&scratch.0, 1000);
    let model = model("int8");
    let options = [
        "--model",
        model.to_str().unwrap(),
        "--save-runs",
        "runs",
        "--json",
        "out.json",
        "--measure",
        "RR@10",
    ];
    let (status, stdout, stderr) = run(&scratch, &files, &[&options[..], &["--measure", "R@100"]].concat());
    assert_eq!(status, Some(0), "{stdout}{stderr}");

    let json: Value = serde_json::from_slice(&fs::read(scratch.0.join("out.json")).unwrap()).unwrap();
    let systems = json["systems"].as_array().unwrap();
    let names: Vec<&str> = systems.iter().map(|system| system["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bm25", "int8 exact", "int8 exact + bm25"]);
    let qrels = Qrels::read(fs::read(&files.qrels).unwrap().as_slice(), "qrels").unwrap();
    for (system, file) in systems.iter().zip(["bm25", "int8-exact", "int8-exact-+-bm25"]) {
        let run = read_run(&scratch.0.join(format!("runs/{file}.run")));
        for (name, convention) in Convention::NAMED {
            for measure in [Measure::ReciprocalRank(10), Measure::Recall(100)] {
                let mean = evaluate(&run, &qrels, measure, convention).unwrap().mean();
                let printed = system["measures"][measure.to_string()][name].as_f64().unwrap();
                assert!(
                    (mean - printed).abs() < 1e-12,
                    "{file} {measure} {name}: {printed}, the run has {mean}"
                );
            }
        }
    }

    let mut embedder = folder::load(&model, Default::default()).unwrap();
    let lines = |path: &Path| -> Vec<(String, String)> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| line.split_once('\t').unwrap()).map(|(a, b)| (a.into(), b.into())).collect()
    };
    let corpus = lines(&files.corpus);
    let titles: Vec<&str> = corpus.iter().map(|(_, title)| title.as_str()).collect();
    let vectors = embedder.embed(&titles).unwrap();
    let found = read_run(&scratch.0.join("runs/int8-exact.run"));
    for (id, text) in lines(&files.queries).iter().take(20) {
        let query = embedder.embed(&[text]).unwrap();
        let scores = score(&query, &vectors, embedder.metric()).unwrap();
        let order = rank(&scores, Some(100), embedder.metric());
        let results = found.results(id).unwrap();
        assert_eq!(results.len(), 100);
        for (rank, (document, score)) in results.iter().enumerate() {
            // Rounding may swap documents of almost equal scores.
            let row = corpus.iter().position(|(id, _)| id == document).unwrap();
            let expected = f64::from(scores[order[rank]]);
            assert!((score - expected).abs() < 1e-5 * expected.abs().max(1.0), "rank {rank}");
            assert!(
                (f64::from(scores[row]) - expected).abs() < 1e-5 * expected.abs().max(1.0),
                "rank {rank}"
            );
        }
    }
}

#[test]
fn vectors_are_kept_and_a_stopped_run_goes_on() {
    let scratch = Scratch::new("cache");
    let files = made_up::write(&scratch.0, 3000);
    let model = model("int8");
    let options = ["--model", model.to_str().unwrap(), "--measure", "RR@10", "--save-runs"];
    let (status, first, stderr) = run(&scratch, &files, &[&options[..], &["a", "--threads", "1"]].concat());
    assert_eq!(status, Some(0), "{stderr}");
    let cache = scratch.0.join(".corom-eval");
    let files_of = |folder: &Path| -> Vec<(PathBuf, u64)> {
        let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|path| (path.clone(), path.metadata().unwrap().len())).collect()
    };
    let whole = files_of(&cache);
    assert_eq!(whole.len(), 2);
    let bytes: Vec<Vec<u8>> = whole.iter().map(|(path, _)| fs::read(path).unwrap()).collect();
    // A run that was killed leaves the beginning of a file, cut anywhere.
    for (path, length) in &whole {
        for cut in [0, 1, length / 3 + 1, length - 1] {
            fs::OpenOptions::new().write(true).open(path).unwrap().set_len(cut).unwrap();
            let (status, again, stderr) =
                run(&scratch, &files, &[&options[..], &["b", "--threads", "3"]].concat());
            assert_eq!(status, Some(0), "{stderr}");
            assert_eq!(again, first);
            assert_eq!(whole.iter().map(|(path, _)| fs::read(path).unwrap()).collect::<Vec<_>>(), bytes);
        }
    }
    assert_eq!(
        fs::read(scratch.0.join("a/int8-exact.run")).unwrap(),
        fs::read(scratch.0.join("b/int8-exact.run")).unwrap()
    );

    // Other texts have other vectors.
    let corpus = fs::read_to_string(&files.corpus).unwrap();
    fs::write(&files.corpus, corpus.replacen("p00000\t", "p00000\t新", 1)).unwrap();
    assert_eq!(run(&scratch, &files, &[&options[..], &["b"]].concat()).0, Some(0));
    assert_eq!(files_of(&cache).len(), 3);

    // A process that is killed while it computes.
    fs::remove_dir_all(&cache).unwrap();
    for wait_ms in [5, 50, 150, 300] {
        let mut child = command(&scratch, &files, &[&options[..], &["b"]].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    fs::write(&files.corpus, corpus).unwrap();
    let (_, again, _) = run(&scratch, &files, &[&options[..], &["b"]].concat());
    assert_eq!(again, first);
}

#[test]
fn runs_at_the_same_time_share_a_cache_without_mixing_rows() {
    let scratch = Scratch::new("lock");
    let files = made_up::write(&scratch.0, 1500);
    let model = model("int8");
    let start = |cache: &str| {
        let options = ["--model", model.to_str().unwrap(), "--threads", "1", "--cache", cache];
        command(&scratch, &files, &options).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    let alone = start("alone").wait_with_output().unwrap();
    assert!(alone.status.success());
    let together: Vec<_> = (0..3).map(|_| start("together")).collect();
    for run in together {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout == alone.stdout);
    }
    let vectors = |cache: &str| {
        let files = scratch.0.join(cache).read_dir().unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| fs::read(path).unwrap()).collect::<std::collections::BTreeSet<_>>()
    };
    assert!(vectors("together") == vectors("alone"), "rows of several runs are mixed");
}

#[test]
fn qualities_int8_rows_and_fusion_are_compared_with_the_first_system() {
    let scratch = Scratch::new("compare");
    let files = made_up::write(&scratch.0, 600);
    let model = model("int8");
    fs::write(scratch.0.join("other.run"), "another-query Q0 p00000 1 0.5 tag\n").unwrap();
    let options = [
        "--model",
        model.to_str().unwrap(),
        "--quality",
        "float",
        "--quality",
        "relaxed",
        "--measure",
        "RR@10",
    ];
    let (status, stdout, stderr) = run(&scratch, &files, &options);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stdout.contains("difference to int8 float, with the 95 % interval"), "{stdout}");
    let differences = stdout.split("difference to").nth(1).unwrap();
    for name in ["bm25 ", "int8 relaxed ", "int8 relaxed + bm25", "int8 float + bm25"] {
        let line = differences
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {stdout}"));
        assert!(line.contains('[') && line.ends_with(']'), "{line}");
    }
    for more in [&["--rows", "int8"][..], &["--rrf"], &["--rrf", "10"], &["--weight", "0"]] {
        let (status, stdout, stderr) = run(&scratch, &files, &[&options[..], more].concat());
        assert_eq!(status, Some(0), "{stdout}{stderr}");
    }
    let (status, stdout, stderr) = run(&scratch, &files, &["--run", "other.run"]);
    assert_eq!(status, Some(1), "{stdout}");
    assert!(stderr.contains("other.run") && stderr.contains("no query of the run is judged"), "{stderr}");
}

#[test]
fn wrong_arguments_and_files_are_errors_that_name_them() {
    let scratch = Scratch::new("errors");
    let files = made_up::write(&scratch.0, 400);
    for (more, code, words) in [
        (&["--weight", "1.5"][..], "INVALID_ARGUMENT", "--weight 1.5"),
        (&["--threads", "0"], "INVALID_ARGUMENT", "--threads 0"),
        (&["--rrf=-1"], "INVALID_ARGUMENT", "--rrf -1"),
        (&["--model", "nowhere"], "MISSING_FILE", "nowhere"),
        (&["--run", "nowhere.run"], "MISSING_FILE", "nowhere.run"),
    ] {
        let (status, stdout, stderr) = run(&scratch, &files, more);
        assert_eq!(status, Some(1), "{stdout}{stderr}");
        assert!(
            stderr.starts_with(&format!("error[{code}]")) && stderr.contains(words),
            "{more:?}: {stderr}"
        );
    }
    let (status, _, stderr) = run(&scratch, &files, &["--measure", "MAP"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("RR@10"), "{stderr}");
    for (file, text, words) in [
        (&files.qrels, "q0\t0\tnowhere\t1\n", "no judged document is in the corpus"),
        (&files.qrels, "other\t0\tp00000\t1\n", "no query is judged"),
        (&files.qrels, "q0\tp00000\n", "line 1: 2 columns"),
        (&files.corpus, "p00000 no tab\n", "line 1: no tab"),
    ] {
        let before = fs::read(file).unwrap();
        fs::write(file, text).unwrap();
        let (status, stdout, stderr) = run(&scratch, &files, &[]);
        assert_eq!(status, Some(1), "{stdout}");
        assert!(stderr.contains(words) && stderr.starts_with("error[INVALID_ARGUMENT]"), "{stderr}");
        fs::write(file, before).unwrap();
    }
    assert!(!scratch.0.join(".corom-eval").exists(), "a call that embeds nothing made a folder");
}

#[test]
fn options_without_effect_and_equal_names_are_rejected_first() {
    let scratch = Scratch::new("options");
    let files = made_up::write(&scratch.0, 200);
    let model = model("int8");
    let model = model.to_str().unwrap();
    let rejected = |options: &[&str], code: &str, message: &str| {
        let (status, stdout, stderr) = run(&scratch, &files, options);
        assert_eq!(status, Some(1), "{options:?}: {stdout}{stderr}");
        assert!(stderr.contains(code) && stderr.contains(message), "{options:?}: {stderr}");
        assert!(!scratch.0.join(".corom-eval").exists(), "{options:?}: embedded first");
    };
    fs::write(scratch.0.join("bm25"), "q0 Q0 p0 1 1.0 x\n").unwrap();
    fs::create_dir(scratch.0.join("folder")).unwrap();
    let ranking = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rerankers");
    for (options, message) in [
        (&["--model", model, "--rrf", "--weight", "0.9"][..], "--weight has no effect with --rrf"),
        (&["--weight", "0.9"], "--weight has no effect without --model"),
        (&["--rrf"], "--rrf has no effect without --model"),
        (&["--rows", "int8"], "--rows has no effect without --model"),
        (&["--model", model, "--depth", "5"], "--depth has no effect without --rerank"),
        (&["--quality", "float"], "--quality has no effect without --model or --rerank"),
        (&["--model", model, "--quality", "exact", "--quality", "exact"], "--quality exact: given twice"),
        (&["--model", model, "--model", model], "given twice"),
        (&["--measure", "RR@10", "--measure", "RR@10"], "--measure RR@10: given twice"),
        (&["--model", model, "--run", "bm25"], "two systems would have the name `bm25`"),
        (&["--model", model, "--json", "folder"], "is a folder; expected a file"),
    ] {
        rejected(options, "INVALID_ARGUMENT", message);
    }
    rejected(&["--model", model, "--run", "absent"], "MISSING_FILE", "absent");
    rejected(&["--model", model, "--json", "absent/x.json"], "MISSING_FILE", "absent");
    rejected(&["--model", model, "--rerank", ranking.to_str().unwrap()], "MISSING_FILE", "");
}

#[test]
fn models_with_the_same_folder_name_are_two_systems() {
    let scratch = Scratch::new("names");
    let files = made_up::write(&scratch.0, 200);
    for parent in ["a", "b"] {
        let to = scratch.0.join(parent).join("corom");
        fs::create_dir_all(&to).unwrap();
        for entry in model("int8").read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    let options = ["--model", "a/corom", "--model", "b/corom", "--measure", "RR@10", "--save-runs", "runs"];
    let (status, stdout, stderr) = run(&scratch, &files, &options);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    assert_eq!(scratch.0.join("runs").read_dir().unwrap().count(), 5);
    let difference = stdout.lines().skip_while(|line| !line.starts_with("difference to a/corom exact"));
    let line = difference.into_iter().find(|line| line.starts_with("b/corom exact ")).unwrap();
    assert!(line.contains("+0.0000 [+0.0000, +0.0000]"), "{stdout}");
    // Without a model, differences are to BM25.
    fs::copy(scratch.0.join("runs/b-corom-exact.run"), scratch.0.join("other.run")).unwrap();
    let (_, stdout, _) = run(&scratch, &files, &["--run", "other.run", "--measure", "RR@10"]);
    assert!(stdout.contains("difference to bm25"), "{stdout}");
}

#[test]
fn a_cache_in_the_model_folder_is_used_again() {
    let scratch = Scratch::new("inside");
    let files = made_up::write(&scratch.0, 200);
    for entry in model("int8").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, scratch.0.join(path.file_name().unwrap())).unwrap();
        }
    }
    for _ in 0..2 {
        let (status, _, stderr) = run(&scratch, &files, &["--model", ".", "--measure", "RR@10"]);
        assert_eq!(status, Some(0), "{stderr}");
        assert_eq!(scratch.0.join(".corom-eval").read_dir().unwrap().count(), 2);
    }
}
