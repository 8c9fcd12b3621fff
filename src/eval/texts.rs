//! Passages or queries: a file of `id TAB text`.

use std::collections::HashMap;
use std::io::BufRead;

use super::lines::for_each_line;
use crate::error::{Result, fail};

/// Texts with an id each, in the order of their file. All of them share one string.
#[derive(Debug, Default)]
pub struct Texts {
    data: String,
    /// The end of each id and of each text in `data`.
    ends: Vec<(usize, usize)>,
}

impl Texts {
    /// Reads lines of `id TAB text`, as Multi-CPR's `corpus.tsv` and `dev.query.txt` have them. A text may hold
    /// tabs, and may be empty. `name` is the file's name in messages.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a line without a tab, an empty id, an id that occurs twice, a line that is not UTF-8,
    /// or a file without lines; `FETCH_FAILED` if the file cannot be read.
    pub fn read(file: impl BufRead, name: &str) -> Result<Self> {
        let mut texts = Self::default();
        for_each_line(file, name, |number, line| {
            let Some((id, text)) = line.split_once('\t') else {
                fail!(InvalidArgument, "{name}, line {number}: no tab; expected `id TAB text`");
            };
            if id.is_empty() {
                fail!(InvalidArgument, "{name}, line {number}: the id before the tab is empty");
            }
            texts.push(id, text);
            Ok(())
        })?;
        if texts.is_empty() {
            fail!(InvalidArgument, "{name} has no lines; expected `id TAB text` per line");
        }
        let mut lines = HashMap::with_capacity(texts.len());
        for row in 0..texts.len() {
            if let Some(first) = lines.insert(texts.id(row), row) {
                let (id, first, second) = (texts.id(row), first + 1, row + 1);
                fail!(InvalidArgument, "{name}: id `{id}` is on line {first} and again on line {second}");
            }
        }
        Ok(texts)
    }

    /// Adds a text. The caller keeps ids distinct.
    pub fn push(&mut self, id: &str, text: &str) {
        self.data.push_str(id);
        let id_end = self.data.len();
        self.data.push_str(text);
        self.ends.push((id_end, self.data.len()));
    }

    /// Returns the number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns true if there are no texts.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn start(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1].1 }
    }

    /// Returns the id of a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn id(&self, row: usize) -> &str {
        &self.data[self.start(row)..self.ends[row].0]
    }

    /// Returns the text of a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn text(&self, row: usize) -> &str {
        &self.data[self.ends[row].0..self.ends[row].1]
    }

    /// Returns the row of each id.
    pub fn rows_by_id(&self) -> HashMap<&str, usize> {
        (0..self.len()).map(|row| (self.id(row), row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_may_hold_tabs_and_may_be_empty() {
        let texts =
            Texts::read("\u{feff}7\t红 色\t连衣裙\r\n08\t\r\nx y\tc\n\n".as_bytes(), "corpus.tsv").unwrap();
        let rows: Vec<_> = (0..texts.len()).map(|row| (texts.id(row), texts.text(row))).collect();
        assert_eq!(rows, [("7", "红 色\t连衣裙"), ("08", ""), ("x y", "c")]);
        assert_eq!(texts.rows_by_id()["x y"], 2);
    }

    #[test]
    fn damaged_file_is_an_error_that_names_the_line() {
        for (file, message) in [
            ("1\ta\nb\n", "line 2: no tab"),
            ("1\ta\n\n2\tb\n", "line 2 is empty"),
            ("\ta\n", "line 1: the id"),
            ("1\ta\n2\tb\n1\tc\n", "`1` is on line 1 and again on line 3"),
            ("", "has no lines"),
        ] {
            let error = Texts::read(file.as_bytes(), "corpus.tsv").unwrap_err().to_string();
            assert!(error.contains(message), "{file:?}: {error}");
        }
        let error = Texts::read(&b"1\ta\n2\t\xff\n"[..], "corpus.tsv").unwrap_err().to_string();
        assert!(error.contains("line 2: not UTF-8"), "{error}");
    }
}
