//! Measures, with ir-measures' names. Each follows trec_eval's definition.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result, fail};

/// A measure of one query's ranking, up to a rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// `RR@k`: one over the rank of the first relevant document. Its mean over the queries is MRR@k.
    ReciprocalRank(usize),
    /// `R@k`: the part of the relevant documents that is found.
    Recall(usize),
    /// `nDCG@k`: gains are the grades, discounts are log2(rank + 1), divided by the best ranking's sum.
    Ndcg(usize),
    /// `Success@k`: 1 if a relevant document is found.
    Success(usize),
}

impl Measure {
    /// Returns the last rank that counts.
    pub fn cutoff(self) -> usize {
        match self {
            Self::ReciprocalRank(k) | Self::Recall(k) | Self::Ndcg(k) | Self::Success(k) => k,
        }
    }

    /// Returns the value of a ranking. `ranking` has the grade of each document, best document first, 0 for those
    /// without a judgment; `judged` has the grades of all judged documents of the query.
    pub fn value(self, ranking: &[i32], judged: &[i32]) -> f64 {
        let ranking = &ranking[..self.cutoff().min(ranking.len())];
        let relevant = |grades: &[i32]| grades.iter().filter(|&&grade| grade > 0).count() as f64;
        match self {
            Self::ReciprocalRank(_) => {
                ranking.iter().position(|&grade| grade > 0).map_or(0.0, |index| 1.0 / (index as f64 + 1.0))
            }
            Self::Recall(_) => relevant(ranking) / relevant(judged).max(1.0),
            Self::Success(_) => f64::from(u8::from(relevant(ranking) > 0.0)),
            Self::Ndcg(k) => {
                let mut best = judged.to_vec();
                best.sort_unstable_by_key(|&grade| std::cmp::Reverse(grade));
                best.truncate(k);
                let ideal = discounted_gain(&best);
                if ideal > 0.0 { discounted_gain(ranking) / ideal } else { 0.0 }
            }
        }
    }
}

fn discounted_gain(grades: &[i32]) -> f64 {
    let gain = |(index, &grade): (usize, &i32)| f64::from(grade.max(0)) / (index as f64 + 2.0).log2();
    grades.iter().enumerate().map(gain).sum()
}

impl FromStr for Measure {
    type Err = Error;

    /// Parses `RR@10`, `R@1000`, `nDCG@10` or `Success@5`. `MRR@10` and `Recall@1000` are taken too.
    fn from_str(name: &str) -> Result<Self> {
        let parsed = name.split_once('@').and_then(|(kind, k)| {
            let make = match kind.to_ascii_lowercase().as_str() {
                "rr" | "mrr" => Self::ReciprocalRank,
                "r" | "recall" => Self::Recall,
                "ndcg" => Self::Ndcg,
                "success" => Self::Success,
                _ => return None,
            };
            Some(make(k.parse().ok().filter(|&k| k > 0)?))
        });
        let Some(measure) = parsed else {
            fail!(
                InvalidArgument,
                "measure `{name}` is not known; expected RR@k, R@k, nDCG@k or Success@k, such as RR@10"
            );
        };
        Ok(measure)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::ReciprocalRank(_) => "RR",
            Self::Recall(_) => "R",
            Self::Ndcg(_) => "nDCG",
            Self::Success(_) => "Success",
        };
        write!(f, "{name}@{}", self.cutoff())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_parsed_and_printed() {
        for (name, printed) in [
            ("RR@10", "RR@10"),
            ("mrr@10", "RR@10"),
            ("Recall@5", "R@5"),
            ("ndcg@1", "nDCG@1"),
            ("Success@3", "Success@3"),
        ] {
            assert_eq!(name.parse::<Measure>().unwrap().to_string(), printed);
        }
        for name in ["", "RR", "RR@", "RR@0", "RR@-1", "MAP@10", "@3"] {
            assert!(name.parse::<Measure>().is_err(), "{name}");
        }
    }

    #[test]
    fn values_of_a_small_ranking() {
        let (ranking, judged) = ([0, 2, 0, 1], [1, 2, 3, 0, -1]);
        let value = |name: &str| name.parse::<Measure>().unwrap().value(&ranking, &judged);
        assert_eq!(value("RR@10"), 0.5);
        assert_eq!(value("RR@1"), 0.0);
        assert_eq!(value("R@4"), 2.0 / 3.0);
        assert_eq!(value("Success@1"), 0.0);
        assert_eq!(value("Success@2"), 1.0);
        let gain = 2.0 / 3f64.log2() + 1.0 / 5f64.log2();
        let ideal = 3.0 + 2.0 / 3f64.log2() + 1.0 / 4f64.log2();
        assert!((value("nDCG@10") - gain / ideal).abs() < 1e-15);
        assert!((value("nDCG@2") - (2.0 / 3f64.log2()) / (3.0 + 2.0 / 3f64.log2())).abs() < 1e-15);
    }

    #[test]
    fn query_without_relevant_documents_is_zero() {
        for name in ["RR@5", "R@5", "nDCG@5", "Success@5"] {
            assert_eq!(name.parse::<Measure>().unwrap().value(&[0, 0], &[0]), 0.0, "{name}");
        }
    }
}
