//! Compares the numbers of a larger collection with trec_eval's, through Python's pytrec_eval.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::command::{Scratch, command, model};
use crate::made_up;
use crate::rerank::reranker;

#[test]
fn numbers_of_ten_thousand_titles_are_those_of_trec_eval() {
    let Some(python) = env::var_os("COROM_PYTHON").filter(|python| !python.is_empty()) else {
        assert!(env::var_os("CI").is_none(), "COROM_PYTHON is not set; `./build.sh test hosts` sets it");
        writeln!(std::io::stderr(), "not run: COROM_PYTHON is not set; `./build.sh test hosts` sets it")
            .unwrap();
        return;
    };
    let scratch = Scratch::new("oracle");
    let files = made_up::write(&scratch.0, 10_000);
    let model = model("int8");
    let ranking = reranker(&scratch);
    let mut options = vec!["--model", model.to_str().unwrap(), "--save-runs", "runs", "--json", "out.json"];
    options.extend(["--rerank", ranking.to_str().unwrap(), "--depth", "30"]);
    let measures = ["RR@10", "R@100", "nDCG@10", "Success@5"];
    options.extend(measures.iter().flat_map(|measure| ["--measure", measure]));
    let output = command(&scratch, &files, &options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let json: Value = serde_json::from_slice(&fs::read(scratch.0.join("out.json")).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/check_trec_eval.py");
    let systems = json["systems"].as_array().unwrap();
    let runs = ["bm25", "int8-exact", "int8-exact-+-bm25", "int8-exact--reranked-by-ranking-exact"];
    assert_eq!(systems.len(), runs.len());
    for (system, file) in systems.iter().zip(runs) {
        let run = scratch.0.join(format!("runs/{file}.run"));
        let output =
            Command::new(&python).arg(&script).arg(&files.qrels).arg(run).args(measures).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let expected: Value = serde_json::from_slice(&output.stdout).unwrap();
        for measure in measures {
            let [ours, theirs] = [&system["measures"][measure]["trec_eval -c"], &expected[measure]];
            let difference = (ours.as_f64().unwrap() - theirs.as_f64().unwrap()).abs();
            assert!(difference < 1e-6, "{file} {measure}: {ours}, trec_eval has {theirs}");
        }
    }
}
