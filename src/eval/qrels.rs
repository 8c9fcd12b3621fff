//! Relevance judgments.

use std::collections::HashMap;
use std::io::BufRead;

use super::lines::for_each_line;
use crate::error::{Result, fail};

/// Relevance judgments per query: a grade per document, relevant from 1 on.
#[derive(Debug, Default)]
pub struct Qrels {
    /// The queries in the order of the file.
    queries: Vec<String>,
    grades: HashMap<String, HashMap<String, i32>>,
}

impl Qrels {
    /// Reads lines of `query 0 document grade`, with tabs or spaces between them, as TREC and Multi-CPR write them.
    /// The second column is ignored.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a line of other columns, a grade that is not an integer, a pair that is judged twice,
    /// or a file without lines; `FETCH_FAILED` if the file cannot be read.
    pub fn read(file: impl BufRead, name: &str) -> Result<Self> {
        let mut qrels = Self::default();
        for_each_judgment(file, name, |number, query, document, grade| {
            if !qrels.insert(query, document, grade) {
                fail!(InvalidArgument, "{name}, line {number}: {document} is judged twice for query {query}");
            }
            Ok(())
        })?;
        if qrels.queries.is_empty() {
            fail!(InvalidArgument, "{name} has no lines; expected `query 0 document grade` per line");
        }
        Ok(qrels)
    }

    /// Adds a judgment. Returns false, and keeps the first one, if the pair has one.
    pub fn insert(&mut self, query: &str, document: &str, grade: i32) -> bool {
        if !self.grades.contains_key(query) {
            self.queries.push(query.to_owned());
        }
        let grades = self.grades.entry(query.to_owned()).or_default();
        if grades.contains_key(document) {
            return false;
        }
        grades.insert(document.to_owned(), grade);
        true
    }

    /// Returns the queries in the order of the file.
    pub fn queries(&self) -> impl ExactSizeIterator<Item = &str> {
        self.queries.iter().map(String::as_str)
    }

    /// Returns the grades of a query's judged documents; none if no document is judged.
    pub fn grades(&self, query: &str) -> Option<&HashMap<String, i32>> {
        self.grades.get(query)
    }
}

/// Calls `each` with the line's number, the query, the document and the grade of each line.
///
/// # Errors
/// `INVALID_ARGUMENT` for a line of other columns or a grade that is not an integer, `FETCH_FAILED` if the file cannot
/// be read, and those of `each`.
pub(crate) fn for_each_judgment(
    file: impl BufRead,
    name: &str,
    mut each: impl FnMut(usize, &str, &str, i32) -> Result<()>,
) -> Result<()> {
    for_each_line(file, name, |number, line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let [query, _, document, grade] = columns[..] else {
            let found = columns.len();
            fail!(
                InvalidArgument,
                "{name}, line {number}: {found} columns; expected `query 0 document grade`"
            );
        };
        let Ok(grade) = grade.parse() else {
            fail!(InvalidArgument, "{name}, line {number}: the grade `{grade}` is not an integer");
        };
        each(number, query, document, grade)
    })
}
