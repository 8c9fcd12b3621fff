//! Runs `corom eval --rerank` with the trained reranker.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use corom::eval::{Convention, Measure, Qrels, Run, evaluate};
use corom::model::folder;
use serde_json::Value;

use crate::command::{Scratch, model, read_run, run};
use crate::made_up::{self, Files};

/// Converts the trained reranker of the fixtures.
pub fn reranker(scratch: &Scratch) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rerankers/trained");
    let to = scratch.0.join("ranking");
    let output = Command::new(env!("CARGO_BIN_EXE_corom"))
        .args(["convert", "--dtype", "int8"])
        .args([&from, &to])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    to
}

fn texts(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split_once('\t').unwrap()).map(|(a, b)| (a.into(), b.into())).collect()
}

/// Checks that the reranked run has the base run's documents: the first `depth` by the reranker's logits, the others in
/// their own order.
fn check(files: &Files, base: &Run, reranked: &Run, ranking: &Path, depth: usize) {
    let mut reranker = folder::load_reranker(ranking, Default::default()).unwrap();
    let (titles, queries) = (texts(&files.corpus), texts(&files.queries));
    for (id, query) in queries.iter().step_by(7) {
        let [base, reranked] = [base, reranked].map(|run| run.results(id).unwrap());
        assert_eq!(base.len(), reranked.len());
        let documents: Vec<&str> =
            base[..depth].iter().map(|(document, _)| titles[document].as_str()).collect();
        let order = reranker.rerank(query, &documents).unwrap();
        for ((index, score), (document, logit)) in order.iter().zip(reranked) {
            assert_eq!((&base[*index].0, f64::from(score.logit)), (document, *logit), "{id}");
        }
        let names =
            |run: &[(String, f64)]| run[depth..].iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(base), names(reranked));
        assert!(reranked.is_sorted_by(|a, b| a.1 >= b.1));
    }
}

#[test]
fn reranked_run_is_that_of_the_reranker_and_pairs_are_kept() {
    let scratch = Scratch::new("rerank");
    let files = made_up::write(&scratch.0, 1000);
    let (model, ranking) = (model("int8"), reranker(&scratch));
    let folders = ["--model", model.to_str().unwrap(), "--rerank", ranking.to_str().unwrap()];
    let options =
        ["--depth", "20", "--measure", "RR@10", "--measure", "R@100", "--json", "out.json", "--save-runs"];
    let (status, stdout, stderr) =
        run(&scratch, &files, &[&folders[..], &options, &["a", "--threads", "2"]].concat());
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    let name = "int8 exact, reranked by ranking exact";
    assert!(stdout.lines().any(|line| line.starts_with(name)), "{stdout}");
    let saved = |folder: &str, name: &str| scratch.0.join(format!("{folder}/{name}.run"));
    let file = "int8-exact--reranked-by-ranking-exact";
    let (base, reranked) = (read_run(&saved("a", "int8-exact")), read_run(&saved("a", file)));
    check(&files, &base, &reranked, &ranking, 20);

    let json: Value = serde_json::from_slice(&fs::read(scratch.0.join("out.json")).unwrap()).unwrap();
    let system = json["systems"].as_array().unwrap().iter().find(|system| system["name"] == name).unwrap();
    let qrels = Qrels::read(fs::read(&files.qrels).unwrap().as_slice(), "qrels").unwrap();
    for measure in [Measure::ReciprocalRank(10), Measure::Recall(100)] {
        let mean = evaluate(&reranked, &qrels, measure, Convention::MULTI_CPR).unwrap().mean();
        let printed = system["measures"][measure.to_string()]["multi-cpr"].as_f64().unwrap();
        assert!((mean - printed).abs() < 1e-12, "{measure}: {printed}, the run has {mean}");
    }

    // The second run computes no pair, and a cache that was cut anywhere only what is missing.
    let pairs = scratch.0.join(".corom-eval").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let pairs: Vec<PathBuf> =
        pairs.filter(|path| path.extension().is_some_and(|end| end == "pairs")).collect();
    let [cache] = &pairs[..] else { panic!("{pairs:?}") };
    let whole = fs::read(cache).unwrap();
    assert_eq!(whole.len() % 20, 0);
    for cut in [whole.len(), whole.len() / 3 + 1, 7, 0] {
        fs::write(cache, &whole[..cut]).unwrap();
        let (status, _, stderr) =
            run(&scratch, &files, &[&folders[..], &options, &["b", "--threads", "1"]].concat());
        assert_eq!(status, Some(0), "{stderr}");
        let again = fs::read(cache).unwrap();
        assert!(again.starts_with(&whole[..cut / 20 * 20]) && again.len() == whole.len(), "cut at {cut}");
        assert_eq!(fs::read(saved("a", file)).unwrap(), fs::read(saved("b", file)).unwrap(), "cut at {cut}");
    }
    // The cache is used: another logit for every pair makes every score equal.
    let equal: Vec<u8> =
        whole.chunks(20).flat_map(|pair| [&pair[..16], &1f32.to_le_bytes()].concat()).collect();
    fs::write(cache, equal).unwrap();
    run(&scratch, &files, &[&folders[..], &options, &["b"]].concat());
    let kept = read_run(&saved("b", file));
    let id = texts(&files.queries).into_keys().next().unwrap();
    let names =
        |run: &Run| run.results(&id).unwrap().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&kept), names(&base));
}

#[test]
fn bm25_is_reranked_without_a_model_and_wrong_options_are_rejected() {
    let scratch = Scratch::new("rerank-bm25");
    let files = made_up::write(&scratch.0, 1000);
    let (embeds, ranking) = (model("int8"), reranker(&scratch));
    let ranking = ranking.to_str().unwrap();
    let options = ["--rerank", ranking, "--depth", "30", "--measure", "RR@10", "--save-runs", "a"];
    let (status, stdout, stderr) = run(&scratch, &files, &options);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    let saved = |name: &str| read_run(&scratch.0.join(format!("a/{name}.run")));
    let (base, reranked) = (saved("bm25"), saved("bm25--reranked-by-ranking-exact"));
    let id = texts(&files.queries).into_keys().next().unwrap();
    // Deeper than the measures.
    assert_eq!(base.results(&id).unwrap().len(), 30);
    check(&files, &base, &reranked, Path::new(ranking), 30);

    let (status, _, stderr) = run(&scratch, &files, &["--rerank", ranking, "--depth", "0"]);
    assert!(status == Some(1) && stderr.contains("--depth 0"), "{stderr}");
    let (status, _, stderr) = run(&scratch, &files, &["--rerank", embeds.to_str().unwrap()]);
    assert!(status == Some(1) && stderr.starts_with("error[UNSUPPORTED_MODEL]"), "{stderr}");
    let (status, _, stderr) = run(&scratch, &files, &["--model", ranking]);
    assert!(status == Some(1) && stderr.contains("CoromReranker"), "{stderr}");
}
