//! BM25 over characters and bigrams: the keyword search that semantic search is compared with.

use std::collections::HashMap;
use std::ops::Range;

use super::scan::Found;
use super::top_k::{Hit, TopK};

/// BM25's parameters, with Lucene's defaults.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// An inverted index. Terms are single characters and bigrams of neighboring characters where a script has no spaces
/// (Han, kana, Hangul), and words of letters and digits elsewhere; lower-cased, full-width forms as ASCII.
///
/// A posting takes 6 bytes: 1,000,000 titles of 30 characters have about 60 million.
#[derive(Debug)]
pub struct Bm25 {
    /// The number of each term.
    terms: HashMap<Box<str>, u32>,
    /// The beginning of each term's postings, and the end of the last.
    begins: Vec<usize>,
    /// The rows of each term's postings, ascending.
    rows: Vec<u32>,
    /// The number of times that each row has the term: at most [`u16::MAX`], from where on a score no longer changes.
    counts: Vec<u16>,
    /// The number of terms of each row.
    lengths: Vec<u32>,
    average_length: f64,
}

impl Bm25 {
    /// Indexes texts, in two passes: the first counts the postings, so that no list grows.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str, IntoIter: Clone>) -> Self {
        let texts = texts.into_iter();
        let (mut numbers, mut sizes, mut lengths) = (HashMap::new(), Vec::new(), Vec::new());
        for text in texts.clone() {
            let (found, length) = counted_terms(text);
            for term in found.into_keys() {
                let next = sizes.len() as u32;
                let number = *numbers.entry(term.into_boxed_str()).or_insert(next);
                if number == next {
                    sizes.push(0usize);
                }
                sizes[number as usize] += 1;
            }
            lengths.push(length);
        }
        let mut begins = vec![0];
        begins.extend(sizes.iter().scan(0, |end, size| {
            *end += size;
            Some(*end)
        }));
        let postings = begins.last().copied().unwrap_or_default();
        let (mut rows, mut counts) = (vec![0; postings], vec![0; postings]);
        let mut next = begins.clone();
        for (row, text) in texts.enumerate() {
            for (term, count) in counted_terms(text).0 {
                let Some(&number) = numbers.get(term.as_str()) else { continue };
                let at = &mut next[number as usize];
                rows[*at] = row as u32;
                counts[*at] = u16::try_from(count).unwrap_or(u16::MAX);
                *at += 1;
            }
        }
        let terms: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        let average_length = terms as f64 / lengths.len().max(1) as f64;
        Self { terms: numbers, begins, rows, counts, lengths, average_length }
    }

    /// Returns the best `top_k` rows that have a term of the query. Mean and deviation are over all rows, with a score
    /// of 0 for those that have none. The formula is that of Robertson and Zaragoza (2009) with Lucene's idf,
    /// ln(1 + (N - n + 0.5) / (n + 0.5)); a term counts as often as the query has it.
    pub fn search(&self, query: &str, top_k: usize) -> Found {
        let count = self.lengths.len();
        let mut scores: HashMap<u32, f64> = HashMap::new();
        for (weight, postings) in self.query_terms(query) {
            for (&row, &frequency) in self.rows[postings.clone()].iter().zip(&self.counts[postings]) {
                *scores.entry(row).or_default() += weight * self.saturation(row, frequency);
            }
        }
        let mut best = TopK::new(top_k);
        let mut all: Vec<(u32, f64)> = scores.into_iter().collect();
        all.sort_unstable_by_key(|&(row, _)| row);
        let (mut sum, mut squares) = (0.0, 0.0);
        for (row, score) in all {
            best.push(Hit { row, score: score as f32 });
            sum += score;
            squares += score * score;
        }
        let mean = sum / count.max(1) as f64;
        let deviation = (squares / count.max(1) as f64 - mean * mean).max(0.0).sqrt();
        Found { hits: best.into_sorted(), mean, deviation }
    }

    /// Returns the score of one row: 0 if it has no term of the query.
    pub fn score(&self, query: &str, row: u32) -> f32 {
        let part = |(weight, postings): (f64, Range<usize>)| {
            let found = self.rows[postings.clone()].binary_search(&row).ok();
            found.map_or(0.0, |index| weight * self.saturation(row, self.counts[postings.start + index]))
        };
        self.query_terms(query).map(part).sum::<f64>() as f32
    }

    /// Returns idf and postings of each term of a query that the index has.
    fn query_terms(&self, query: &str) -> impl Iterator<Item = (f64, Range<usize>)> {
        let count = self.lengths.len() as f64;
        terms(query).into_iter().filter_map(move |term| {
            let number = *self.terms.get(term.as_str())? as usize;
            let postings = self.begins[number]..self.begins[number + 1];
            let found = postings.len() as f64;
            Some(((1.0 + (count - found + 0.5) / (found + 0.5)).ln(), postings))
        })
    }

    /// Returns the part of a term's frequency in a score, smaller in longer texts.
    fn saturation(&self, row: u32, frequency: u16) -> f64 {
        let frequency = f64::from(frequency);
        let length = f64::from(self.lengths[row as usize]) / self.average_length;
        frequency / (frequency + K1 * (1.0 - B + B * length))
    }
}

/// Returns how often a text has each term, and the number of all.
fn counted_terms(text: &str) -> (HashMap<String, u32>, u32) {
    let (mut counts, mut length) = (HashMap::new(), 0);
    for term in terms(text) {
        *counts.entry(term).or_insert(0) += 1;
        length += 1;
    }
    (counts, length)
}

/// Returns the terms of a text, in its order.
fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    let mut word = String::new();
    let mut before = None;
    let folded = text.chars().map(ascii_of_full_width).flat_map(char::to_lowercase);
    for c in folded.chain([' ']) {
        let is_single = is_written_without_spaces(c);
        if c.is_alphanumeric() && !is_single {
            word.push(c);
        } else if !word.is_empty() {
            terms.push(std::mem::take(&mut word));
        }
        if is_single {
            terms.extend(before.map(|before| String::from_iter([before, c])));
            terms.push(c.to_string());
        }
        before = is_single.then_some(c);
    }
    terms
}

/// Maps the full-width forms of ASCII (U+FF01 to U+FF5E) and the ideographic space to ASCII.
fn ascii_of_full_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        other => other,
    }
}

/// Returns true for Han characters, kana and Hangul syllables (blocks of Unicode 16).
fn is_written_without_spaces(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
        || c == '\u{3007}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_characters_bigrams_and_words() {
        assert_eq!(terms("红色ＮＩＫＥ-270鞋 子"), ["红", "红色", "色", "nike", "270", "鞋", "子"]);
        assert!(terms(" ,。!").is_empty());
    }

    #[test]
    fn score_is_that_of_the_formula() {
        let texts = ["a b", "a a c d", "c"];
        let index = Bm25::new(texts);
        let found = index.search("a x a", 10);
        let idf = (1.0f64 + (3.0 - 2.0 + 0.5) / 2.5).ln();
        let expected = |frequency: f64, length: f64| {
            2.0 * idf * frequency / (frequency + 1.2 * (0.25 + 0.75 * length / (7.0 / 3.0)))
        };
        let scores = [expected(1.0, 2.0), expected(2.0, 4.0)];
        let mut order = [0u32, 1];
        order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
        assert_eq!(found.hits.iter().map(|hit| hit.row).collect::<Vec<_>>(), order);
        for hit in &found.hits {
            assert!((f64::from(hit.score) - scores[hit.row as usize]).abs() < 1e-6);
            assert_eq!(index.score("a x a", hit.row), hit.score);
        }
        assert_eq!(index.score("a", 2), 0.0);
        assert!((found.mean - (scores[0] + scores[1]) / 3.0).abs() < 1e-12);
        assert_eq!(index.search("a", 1).hits.len(), 1);
        assert!(index.search("zz", 5).hits.is_empty());
        assert!(Bm25::new([]).search("a", 5).hits.is_empty());
    }
}
