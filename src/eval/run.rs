//! Runs: the scored documents of each query, in TREC's format.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, Write};

use super::lines::for_each_line;
use crate::error::{Result, fail};

/// The results of a system: per query, documents with their scores in the order of the file.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Run {
    queries: Vec<String>,
    results: HashMap<String, Vec<(String, f64)>>,
}

impl Run {
    /// Reads a TREC run, lines of `query Q0 document rank score tag`, or the lines `query document score` that
    /// Multi-CPR's retrieval script writes. Ranks are ignored: scores decide, as in trec_eval.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a line of other columns, a score that is not a finite number, or a document that a
    /// query has twice; `FETCH_FAILED` if the file cannot be read.
    pub fn read(file: impl BufRead, name: &str) -> Result<Self> {
        let mut run = Self::default();
        let mut seen = HashSet::new();
        for_each_line(file, name, |number, line| {
            let columns: Vec<&str> = line.split_ascii_whitespace().collect();
            let ([query, _, document, _, score, _] | [query, document, score]) = columns[..] else {
                let found = columns.len();
                fail!(
                    InvalidArgument,
                    "{name}, line {number}: {found} columns; expected `query Q0 document rank score tag` or \
                     `query document score`"
                );
            };
            let Some(score) = score.parse().ok().filter(|score: &f64| score.is_finite()) else {
                fail!(InvalidArgument, "{name}, line {number}: the score `{score}` is not a finite number");
            };
            if !seen.insert((query.to_owned(), document.to_owned())) {
                fail!(InvalidArgument, "{name}, line {number}: {document} is there twice for query {query}");
            }
            run.push(query, document, score);
            Ok(())
        })?;
        Ok(run)
    }

    /// Adds a result after the query's others. The caller keeps a query's documents distinct.
    pub fn push(&mut self, query: &str, document: &str, score: f64) {
        if !self.results.contains_key(query) {
            self.queries.push(query.to_owned());
        }
        self.results.entry(query.to_owned()).or_default().push((document.to_owned(), score));
    }

    /// Returns the queries that have results, in the order of the file.
    pub fn queries(&self) -> impl ExactSizeIterator<Item = &str> {
        self.queries.iter().map(String::as_str)
    }

    /// Returns the documents and scores of a query, in the order of the file.
    pub fn results(&self, query: &str) -> Option<&[(String, f64)]> {
        self.results.get(query).map(Vec::as_slice)
    }

    /// Writes the run in TREC's format. A score has as many digits as reading it back needs.
    ///
    /// # Errors
    /// The errors of the writer, and `InvalidInput` for an id with white space, which the format cannot express.
    pub fn write(&self, mut to: impl Write, tag: &str) -> io::Result<()> {
        for query in &self.queries {
            for (rank, (document, score)) in self.results[query].iter().enumerate() {
                for id in [query, document] {
                    if id.is_empty() || id.contains(|c: char| c.is_ascii_whitespace()) {
                        let message =
                            format!("the id `{id}` has white space, which a TREC run cannot express");
                        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
                    }
                }
                writeln!(to, "{query} Q0 {document} {} {score} {tag}", rank + 1)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_written_and_read_is_the_same() {
        let mut run = Run::default();
        for (query, document, score) in [("2", "a", 0.1 + 0.2), ("1", "b", -3.0), ("2", "c", 1e-17)] {
            run.push(query, document, score);
        }
        let mut file = Vec::new();
        run.write(&mut file, "bm25").unwrap();
        assert!(file.starts_with(b"2 Q0 a 1 0.30000000000000004 bm25\n2 Q0 c 2 "));
        assert_eq!(Run::read(&file[..], "run").unwrap(), run);
        run.push("3", "x y", 0.0);
        assert!(run.write(&mut file, "t").is_err());
    }

    #[test]
    fn lines_of_multi_cpr_and_of_trec_are_read() {
        let run = Run::read("q\td1\t2.5\nq Q0 d2 9 7 tag\n".as_bytes(), "run").unwrap();
        assert_eq!(run.results("q").unwrap(), [("d1".into(), 2.5), ("d2".into(), 7.0)]);
        for (file, message) in [
            ("q d", "2 columns"),
            ("q d nan", "`nan`"),
            ("q d x", "`x`"),
            ("q d 1\nq d 2", "line 2: d is there twice"),
        ] {
            let error = Run::read(file.as_bytes(), "run").unwrap_err().to_string();
            assert!(error.contains(message), "{file}: {error}");
        }
    }
}
