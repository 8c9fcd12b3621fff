//! The values of a measure per query, by the convention of one evaluation script or another.

use std::cmp::Ordering;

use super::measure::Measure;
use super::qrels::Qrels;
use super::run::Run;
use crate::error::{Result, fail};

/// The order of documents with equal scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// The order of the run's lines, as in Multi-CPR's script. Scores are compared as f64.
    File,
    /// By id, descending in bytes, as in trec_eval. Scores are compared as f32, as trec_eval stores them.
    DocnoDescending,
}

/// The treatment of judged queries for which the run has no results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// They are left out of the mean, as by Multi-CPR's script and trec_eval.
    LeftOut,
    /// They count as 0, as with trec_eval's option `-c`.
    Zero,
}

/// The two choices on which evaluation scripts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convention {
    /// The order of documents with equal scores.
    pub ties: Ties,
    /// The treatment of queries without results.
    pub missing: Missing,
}

impl Convention {
    /// Multi-CPR's `evaluate.py`.
    pub const MULTI_CPR: Self = Self { ties: Ties::File, missing: Missing::LeftOut };
    /// trec_eval without options.
    pub const TREC_EVAL: Self = Self { ties: Ties::DocnoDescending, missing: Missing::LeftOut };
    /// trec_eval with `-c`.
    pub const TREC_EVAL_C: Self = Self { ties: Ties::DocnoDescending, missing: Missing::Zero };

    /// The conventions with their names in reports.
    pub const NAMED: [(&str, Self); 3] =
        [("multi-cpr", Self::MULTI_CPR), ("trec_eval", Self::TREC_EVAL), ("trec_eval -c", Self::TREC_EVAL_C)];
}

/// The value of a measure for each query that counts, in the order of the judgments' file.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryValues {
    /// The queries with their values.
    pub values: Vec<(String, f64)>,
}

impl QueryValues {
    /// Returns the mean over the queries.
    pub fn mean(&self) -> f64 {
        self.values.iter().map(|(_, value)| value).sum::<f64>() / self.values.len() as f64
    }
}

/// Computes a measure for each judged query. Queries of the run without judgments do not count.
///
/// # Errors
/// `INVALID_ARGUMENT` if no query counts: the two files belong to different collections.
pub fn evaluate(run: &Run, qrels: &Qrels, measure: Measure, convention: Convention) -> Result<QueryValues> {
    let mut values = Vec::new();
    for query in qrels.queries() {
        let results = match (run.results(query), convention.missing) {
            (Some(results), _) => results,
            (None, Missing::Zero) => &[],
            (None, Missing::LeftOut) => continue,
        };
        let Some(grades) = qrels.grades(query) else { continue };
        let ranking: Vec<i32> = ranked(results, convention.ties)
            .into_iter()
            .take(measure.cutoff())
            .map(|(document, _)| grades.get(document).copied().unwrap_or(0))
            .collect();
        let judged: Vec<i32> = grades.values().copied().collect();
        values.push((query.to_owned(), measure.value(&ranking, &judged)));
    }
    if values.is_empty() {
        fail!(
            InvalidArgument,
            "no query of the run is judged: run and judgments belong to different collections"
        );
    }
    Ok(QueryValues { values })
}

fn ranked(results: &[(String, f64)], ties: Ties) -> Vec<&(String, f64)> {
    let mut ranked: Vec<_> = results.iter().collect();
    match ties {
        Ties::File => ranked.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal)),
        Ties::DocnoDescending => ranked.sort_by(|a, b| {
            let scores = (b.1 as f32).partial_cmp(&(a.1 as f32)).unwrap_or(Ordering::Equal);
            scores.then_with(|| b.0.as_bytes().cmp(a.0.as_bytes()))
        }),
    }
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> (Run, Qrels) {
        let qrels = Qrels::read("1 0 b 1\n2 0 x 1\n3 0 y 1\n".as_bytes(), "qrels").unwrap();
        // Query 1: three equal scores. Query 2: no relevant document. Query 3: no results. Query 4: no judgments.
        let run = Run::read("1 a 2\n1 b 2\n1 c 2\n2 a 1\n4 a 1\n".as_bytes(), "run").unwrap();
        (run, qrels)
    }

    #[test]
    fn conventions_differ_in_ties_and_queries_without_results() {
        let (run, qrels) = files();
        let mean =
            |convention| evaluate(&run, &qrels, Measure::ReciprocalRank(10), convention).unwrap().mean();
        assert_eq!(mean(Convention::MULTI_CPR), 0.25); // a b c: 1/2, and 0 for query 2
        assert_eq!(mean(Convention::TREC_EVAL), 0.25); // c b a: the same rank
        assert_eq!(mean(Convention::TREC_EVAL_C), 0.5 / 3.0);
        let success = |convention| evaluate(&run, &qrels, Measure::Success(1), convention).unwrap().mean();
        assert_eq!(success(Convention::MULTI_CPR), 0.0);
        let qrels = Qrels::read("1 0 c 1\n".as_bytes(), "qrels").unwrap();
        let success = |convention| evaluate(&run, &qrels, Measure::Success(1), convention).unwrap().mean();
        assert_eq!([success(Convention::MULTI_CPR), success(Convention::TREC_EVAL)], [0.0, 1.0]);
    }

    #[test]
    fn trec_eval_compares_scores_as_f32() {
        let qrels = Qrels::read("1 0 b 1\n".as_bytes(), "qrels").unwrap();
        let run = Run::read("1 a 1.00000001\n1 b 1\n".as_bytes(), "run").unwrap();
        let mean =
            |convention| evaluate(&run, &qrels, Measure::ReciprocalRank(10), convention).unwrap().mean();
        assert_eq!([mean(Convention::MULTI_CPR), mean(Convention::TREC_EVAL)], [0.5, 1.0]);
    }

    #[test]
    fn files_of_different_collections_are_an_error() {
        let (run, _) = files();
        let qrels = Qrels::read("9 0 b 1\n".as_bytes(), "qrels").unwrap();
        assert!(evaluate(&run, &qrels, Measure::Recall(10), Convention::MULTI_CPR).is_err());
    }
}
