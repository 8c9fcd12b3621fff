//! Compares the values of each query with trec_eval's and Multi-CPR's, see tests/fixtures/make/eval_golden.py.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use corom::eval::{Convention, Measure, Qrels, Run, evaluate};
use serde_json::Value;

fn open(name: &str) -> BufReader<File> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/eval").join(name);
    BufReader::new(File::open(path).unwrap())
}

#[test]
fn values_of_each_query_are_those_of_trec_eval_and_multi_cpr() {
    let qrels = Qrels::read(open("qrels.tsv"), "qrels.tsv").unwrap();
    let run = Run::read(open("run.txt"), "run.txt").unwrap();
    let expected: Value = serde_json::from_reader(open("expected.json")).unwrap();
    for (script, convention, measures) in
        [("trec_eval", Convention::TREC_EVAL, 16), ("multi-cpr", Convention::MULTI_CPR, 4)]
    {
        let queries = expected[script].as_object().unwrap();
        let mut by_measure: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
        for (query, values) in queries {
            for (measure, value) in values.as_object().unwrap() {
                by_measure.entry(measure).or_default().insert(query, value.as_f64().unwrap());
            }
        }
        assert_eq!(by_measure.len(), measures);
        for (name, expected) in by_measure {
            let values = evaluate(&run, &qrels, name.parse::<Measure>().unwrap(), convention).unwrap().values;
            assert_eq!(values.len(), expected.len(), "{script} {name}");
            for (query, value) in values {
                let expected = expected[query.as_str()];
                assert!(
                    (value - expected).abs() < 1e-9,
                    "{script} {name} {query}: {value}, expected {expected}"
                );
            }
        }
    }
}

#[test]
fn ties_make_a_difference_in_these_files() {
    let qrels = Qrels::read(open("qrels.tsv"), "qrels.tsv").unwrap();
    let run = Run::read(open("run.txt"), "run.txt").unwrap();
    let mean = |convention| evaluate(&run, &qrels, Measure::ReciprocalRank(10), convention).unwrap().mean();
    let means = [Convention::MULTI_CPR, Convention::TREC_EVAL, Convention::TREC_EVAL_C].map(mean);
    assert!((means[0] - means[1]).abs() > 0.005 && means[1] - means[2] > 0.005, "{means:?}");
}
