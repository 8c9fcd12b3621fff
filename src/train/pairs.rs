//! The judged pairs that a model is trained on, from Multi-CPR's files.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;

use super::random::Random;
use crate::error::{Result, fail};
use crate::eval::{Run, Texts, for_each_judgment};

/// Bad lines that a message names.
const NAMED_LINES: usize = 5;

/// Queries with their relevant passages, and with negatives where a search has found some.
pub struct Pairs {
    corpus: Texts,
    queries: Texts,
    examples: Vec<Example>,
}

/// A query to train on, by its row, with rows of passages.
struct Example {
    query: usize,
    positives: Vec<u32>,
    negatives: Vec<u32>,
}

impl Pairs {
    /// Joins passages, queries and the lines `query 0 document grade` of a judgment file; relevant are grades from 1
    /// on. Queries without a relevant passage are left out. `name` is the file's name in messages.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for lines of other columns and for lines whose query or document does not exist, by number;
    /// for a query that has every passage; and if no query is left.
    pub fn read(corpus: Texts, queries: Texts, judgments: impl BufRead, name: &str) -> Result<Self> {
        let (documents, rows) = (corpus.rows_by_id(), queries.rows_by_id());
        let mut by_query: HashMap<usize, usize> = HashMap::new();
        let mut examples: Vec<Example> = Vec::new();
        let (mut bad, mut bad_count) = (Vec::new(), 0);
        for_each_judgment(judgments, name, |number, query, document, grade| {
            let reason = match (rows.get(query), documents.get(document)) {
                (Some(&query), Some(&document)) => {
                    if grade > 0 {
                        let at = *by_query.entry(query).or_insert_with(|| {
                            examples.push(Example { query, positives: Vec::new(), negatives: Vec::new() });
                            examples.len() - 1
                        });
                        let positives = &mut examples[at].positives;
                        if positives.contains(&(document as u32)) {
                            fail!(InvalidArgument, "{name}, line {number}: the pair is judged twice");
                        }
                        positives.push(document as u32);
                    }
                    return Ok(());
                }
                (None, _) => format!("line {number} (there is no query {query})"),
                (_, None) => format!("line {number} (there is no document {document})"),
            };
            bad_count += 1;
            if bad.len() < NAMED_LINES {
                bad.push(reason);
            }
            Ok(())
        })?;
        if bad_count > 0 {
            let more = if bad_count > bad.len() { ", …" } else { "" };
            fail!(
                InvalidArgument,
                "{name}: {bad_count} lines name texts that the other files do not have: {}{more}",
                bad.join(", ")
            );
        }
        if examples.is_empty() {
            fail!(InvalidArgument, "{name}: no query has a relevant document (a grade from 1 on)");
        }
        if let Some(example) = examples.iter().find(|example| example.positives.len() >= corpus.len()) {
            let query = queries.id(example.query);
            fail!(
                InvalidArgument,
                "{name}: every document is relevant to query {query}, so it has no negative"
            );
        }
        drop((documents, rows));
        Ok(Self { corpus, queries, examples })
    }

    /// Takes negatives from a search: the results of each query without its relevant passages, as
    /// [`mine`](super::mine()) returns them. Returns the number of queries that get none. `name` is the file's name.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if a result is not in the corpus, or no query gets any.
    pub fn set_negatives(&mut self, run: &Run, name: &str) -> Result<usize> {
        let documents = self.corpus.rows_by_id();
        let mut without = 0;
        for example in &mut self.examples {
            let query = self.queries.id(example.query);
            let mut rows = Vec::new();
            for (document, _) in run.results(query).unwrap_or_default() {
                let Some(&row) = documents.get(document.as_str()) else {
                    fail!(
                        InvalidArgument,
                        "{name}: document {document} of query {query} is not in the corpus"
                    );
                };
                rows.push(row as u32);
            }
            rows.retain(|row| !example.positives.contains(row));
            without += usize::from(rows.is_empty());
            example.negatives = rows;
        }
        if without == self.examples.len() {
            fail!(
                InvalidArgument,
                "{name} has no results for any of the {without} queries; was it another search?"
            );
        }
        Ok(without)
    }

    /// Returns the number of queries to train on.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Returns true if there are none, which [`read`](Self::read) rejects.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }

    /// Returns the passages.
    pub fn corpus(&self) -> &Texts {
        &self.corpus
    }

    /// Returns the queries.
    pub fn queries(&self) -> &Texts {
        &self.queries
    }

    /// Returns the relevant passages of each query, by rows.
    pub(super) fn judged(&self) -> impl Iterator<Item = (usize, &[u32])> {
        self.examples.iter().map(|example| (example.query, example.positives.as_slice()))
    }

    pub(super) fn query(&self, example: usize) -> &str {
        self.queries.text(self.examples[example].query)
    }

    /// Draws a positive and `count` distinct negatives, from the mined ones while there are some, else from the corpus.
    pub(super) fn draw(&self, example: usize, count: usize, random: &mut Random) -> Vec<&str> {
        let Example { positives, negatives, .. } = &self.examples[example];
        let mut rows = vec![positives[random.below(positives.len())]];
        let mut seen: HashSet<u32> = positives.iter().copied().collect();
        let mut mined = negatives.clone();
        // The corpus has this many passages that are not relevant.
        let others = self.corpus.len() - positives.len();
        while rows.len() <= count {
            let row = match mined.len() {
                0 => random.below(self.corpus.len()) as u32,
                left => mined.swap_remove(random.below(left)),
            };
            if seen.insert(row) {
                rows.push(row);
            } else if mined.is_empty() && rows.len() > others && !positives.contains(&row) {
                // Fewer passages than negatives: some come twice.
                rows.push(row);
            }
        }
        rows.into_iter().map(|row| self.corpus.text(row as usize)).collect()
    }
}
