//! Finds the words and phrases of a catalog that are worth suggesting.
//!
//! A phrase is 2 to 6 characters of a run of Chinese, or a word of letters and digits, that several items have. Lengths are
//! counted one after the other: only what extends a frequent phrase can be frequent. A phrase is left out if nearly all
//! items that have it have a longer one: 阔腿 is part of 阔腿裤.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::fold::UnicodeFold;
use super::item::Item;
use crate::index::fold::{Folded, RunKind};
use crate::index::sections::DictionaryWriter;

const MIN_ITEMS: u32 = 2;
const MAX_CHARS: usize = 6;
const MAX_PHRASES: usize = 20_000;
/// The share of a phrase's items from which on a longer phrase replaces it.
const REPLACED: f32 = 0.8;

/// Writes the phrases as a dictionary without postings.
pub(crate) fn write(items: &[Item]) -> Vec<u8> {
    let runs: Vec<Vec<Vec<char>>> = items.iter().map(|item| runs(item, RunKind::Dense)).collect();
    let mut all: BTreeMap<String, u32> = words(items);
    let mut shorter: HashMap<Vec<char>, u32> = HashMap::new();
    for length in 2..=MAX_CHARS {
        let mut counts: HashMap<Vec<char>, u32> = HashMap::new();
        for item in &runs {
            let grams: HashSet<&[char]> = item.iter().flat_map(|run| run.windows(length)).collect();
            for gram in grams {
                let extends = |part: &[char]| shorter.get(part).is_some_and(|&count| count >= MIN_ITEMS);
                if length == 2 || extends(&gram[1..]) && extends(&gram[..length - 1]) {
                    *counts.entry(gram.to_vec()).or_default() += 1;
                }
            }
        }
        counts.retain(|_, count| *count >= MIN_ITEMS);
        for (gram, &count) in &counts {
            for part in [&gram[1..], &gram[..length - 1]] {
                let text: String = part.iter().collect();
                if all.get(&text).is_some_and(|&items| count as f32 >= REPLACED * items as f32) {
                    all.remove(&text);
                }
            }
        }
        all.extend(counts.iter().map(|(gram, &count)| (gram.iter().collect(), count)));
        shorter = counts;
    }
    let mut kept: Vec<(String, u32)> = all.into_iter().collect();
    kept.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    kept.truncate(MAX_PHRASES);
    kept.sort();
    let mut writer = DictionaryWriter::default();
    kept.iter().for_each(|(phrase, items)| writer.add(phrase, *items, 0));
    writer.finish()
}

fn words(items: &[Item]) -> BTreeMap<String, u32> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for item in items {
        let words: HashSet<String> =
            runs(item, RunKind::Word).into_iter().map(|run| run.into_iter().collect()).collect();
        for word in words.into_iter().filter(|word| word.chars().count() > 1) {
            *counts.entry(word).or_default() += 1;
        }
    }
    counts.retain(|word, count| *count >= MIN_ITEMS && !word.bytes().all(|byte| byte.is_ascii_digit()));
    counts
}

fn runs(item: &Item, kind: RunKind) -> Vec<Vec<char>> {
    let mut runs = Vec::new();
    for text in &item.texts {
        let folded = Folded::new(text, &UnicodeFold);
        let of_kind = folded.runs().into_iter().filter(|run| run.kind == kind);
        runs.extend(of_kind.map(|run| folded.chars[run.chars].iter().map(|folded| folded.c).collect()));
    }
    runs
}
