//! Writes the term dictionary, the postings and the field lengths.

use std::collections::{BTreeMap, HashMap};

use super::fold::UnicodeFold;
use super::item::Item;
use crate::index::fold::{Folded, index_terms};
use crate::index::sections::{DictionaryWriter, MAX_FIELDS, PostingsWriter};

/// The sections of keyword search.
pub(crate) struct Keywords {
    pub(crate) dictionary: Vec<u8>,
    pub(crate) postings: Vec<u8>,
    pub(crate) lengths: Vec<u8>,
}

/// Writes the sections.
pub(crate) fn write(items: &[Item]) -> Keywords {
    let mut terms: HashMap<String, PostingsWriter> = HashMap::new();
    let mut lengths = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let mut counts: BTreeMap<String, [u32; MAX_FIELDS]> = BTreeMap::new();
        for (field, text) in item.texts.iter().enumerate() {
            let (found, length) = index_terms(&Folded::new(text, &UnicodeFold));
            lengths.push(length.min(255) as u8);
            for term in found {
                counts.entry(term.text).or_default()[field] += 1;
            }
        }
        for (term, counts) in counts {
            terms.entry(term).or_default().add(number as u32, &counts);
        }
    }
    let sorted: BTreeMap<String, PostingsWriter> = terms.into_iter().collect();
    let (mut dictionary, mut postings) = (DictionaryWriter::default(), Vec::new());
    for (term, writer) in sorted {
        let (items, bytes) = writer.finish();
        dictionary.add(&term, items, bytes.len() as u32);
        postings.extend(bytes);
    }
    Keywords { dictionary: dictionary.finish(), postings, lengths }
}
