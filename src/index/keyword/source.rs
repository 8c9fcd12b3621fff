//! The terms that a clause takes from the dictionary, and the items that have them.

use super::links::Links;
use super::one_edit::is_within_one_edit;
use crate::error::Result;
use crate::index::bm25::{Bm25, Fields};
use crate::index::catalog::Catalog;
use crate::index::dictionary::TermEntry;
use crate::index::order::sort;
use crate::index::postings::MAX_FIELDS;
use crate::index::readings::{Readings, Sound};
use crate::index::segment::Segment;
use crate::index::text::class::CharClass;

/// Terms of the dictionary. An item that has one of them has what the source stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// The term itself.
    Term(String),
    /// The terms that begin so.
    Prefix(String),
    /// The words of letters with one edit at most.
    OneEdit(String),
    /// The terms whose first characters are read so: one sound or two.
    Sounds(Vec<Sound>),
}

impl Source {
    /// Returns how many characters of a term are what the source stands for. `None`: the term is not of the source.
    pub(crate) fn matched_chars(&self, term: &str, readings: &Readings) -> Option<usize> {
        match self {
            Self::Term(wanted) => (wanted == term).then(|| term.chars().count()),
            Self::Prefix(prefix) => term.starts_with(prefix.as_str()).then(|| prefix.chars().count()),
            Self::OneEdit(word) => {
                (is_word(term) && is_within_one_edit(word, term)).then(|| term.chars().count())
            }
            Self::Sounds(sounds) => {
                let mut chars = term.chars();
                let all = sounds.iter().all(|sound| chars.next().is_some_and(|c| readings.has(c, sound)));
                all.then_some(sounds.len())
            }
        }
    }

    /// Returns the live items that have a term of the source, with their weighted term frequency, by item number.
    pub(crate) fn items(
        &self,
        catalog: &Catalog,
        bm25: Bm25,
        scratch: &mut Scratch,
    ) -> Result<Vec<(u32, f32)>> {
        for segment in &catalog.segments {
            let mut result = Ok(());
            self.each_term(segment, catalog, &mut |_, entry| {
                if result.is_ok() {
                    result = scratch.add(catalog, segment, entry, bm25, None);
                }
            })?;
            result?;
        }
        Ok(scratch.take())
    }

    /// Passes each item of a segment that has a term of the source to `visit`, also removed items.
    pub(crate) fn each_item(
        &self,
        segment: &Segment,
        catalog: &Catalog,
        visit: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let mut lists = Vec::new();
        self.each_term(segment, catalog, &mut |_, entry| lists.push(entry.postings))?;
        let mut counts = [0; MAX_FIELDS];
        for list in lists {
            let mut postings = segment.postings(list)?;
            while let Some(local) = postings.next(&mut counts)? {
                visit(segment.first + local as usize);
            }
        }
        Ok(())
    }

    /// Passes each term of the source in a segment to `visit`.
    pub(super) fn each_term(
        &self,
        segment: &Segment,
        catalog: &Catalog,
        visit: &mut dyn FnMut(&str, TermEntry),
    ) -> Result<()> {
        let dictionary = segment.dictionary()?;
        let mut with_prefix = |prefix: &str, is_wanted: &dyn Fn(&str) -> bool| {
            dictionary.with_prefix(prefix, |term, entry| {
                if let Ok(term) = std::str::from_utf8(term)
                    && is_wanted(term)
                {
                    visit(term, entry);
                }
                true
            })
        };
        match self {
            Self::Term(term) => {
                if let Some(entry) = dictionary.find(term)? {
                    visit(term, entry);
                }
            }
            Self::Prefix(prefix) => with_prefix(prefix, &|_| true)?,
            Self::OneEdit(word) => {
                for letter in 'a'..='z' {
                    with_prefix(letter.encode_utf8(&mut [0; 4]), &|term| {
                        term.len().abs_diff(word.len()) <= 1
                            && is_word(term)
                            && is_within_one_edit(word, term)
                    })?;
                }
            }
            Self::Sounds(sounds) => {
                let Some((first, rest)) = sounds.split_first() else { return Ok(()) };
                for c in catalog.readings.characters(first) {
                    with_prefix(c.encode_utf8(&mut [0; 4]), &|term| {
                        let mut chars = term.chars().skip(1);
                        rest.iter().all(|sound| chars.next().is_some_and(|c| catalog.readings.has(c, sound)))
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn is_word(term: &str) -> bool {
    term.chars().all(|c| CharClass::of(c) == CharClass::Letter)
}

/// Sums of term frequencies per item.
#[derive(Debug)]
pub(crate) struct Scratch {
    sums: Vec<f32>,
    touched: Vec<u32>,
    is_sorted: bool,
}

impl Scratch {
    pub(crate) fn new(items: usize) -> Self {
        Self { sums: vec![0.0; items], touched: Vec::new(), is_sorted: true }
    }

    /// Adds the term frequencies of a term; of a pair in a row of sounds, only those of items in which it is linked.
    pub(super) fn add(
        &mut self,
        catalog: &Catalog,
        segment: &Segment,
        entry: TermEntry,
        bm25: Bm25,
        mut links: Option<&mut Links>,
    ) -> Result<()> {
        let fields = Fields {
            weights: catalog.schema.fields.iter().map(|field| field.weight).collect(),
            averages: &catalog.averages,
            lengths: segment.lengths()?,
        };
        let mut postings = segment.postings(entry.postings)?;
        let mut counts = [0; MAX_FIELDS];
        while let Some(local) = postings.next(&mut counts)? {
            let item = segment.first + local as usize;
            if !catalog.live.contains(item) || links.as_mut().is_some_and(|links| !links.join(item)) {
                continue;
            }
            let frequency = fields.frequency(bm25, local, &counts);
            if self.sums[item] == 0.0 && frequency > 0.0 {
                self.is_sorted &= self.touched.last().is_none_or(|&last| last < item as u32);
                self.touched.push(item as u32);
            }
            self.sums[item] += frequency;
        }
        Ok(())
    }

    /// Returns the items and their sums, and clears them.
    pub(super) fn take(&mut self) -> Vec<(u32, f32)> {
        let mut touched = std::mem::take(&mut self.touched);
        if !std::mem::replace(&mut self.is_sorted, true) {
            sort(&mut touched);
        }
        touched.into_iter().map(|item| (item, std::mem::take(&mut self.sums[item as usize]))).collect()
    }
}
