//! The pinyin readings of a catalog's characters, from the tables of the crate `pinyin`.

use std::collections::{BTreeMap, BTreeSet};

use pinyin::ToPinyinMulti;

use crate::index::sections::Readings;

/// Writes the readings of the characters that have some.
pub(crate) fn write(characters: &BTreeSet<char>) -> Vec<u8> {
    let mut all: BTreeMap<char, Vec<String>> = BTreeMap::new();
    for &c in characters {
        let Some(readings) = c.to_pinyin_multi() else { continue };
        // `ü` is typed as `v` or as `u`.
        let typed =
            readings.into_iter().flat_map(|r| ["v", "u"].map(|letter| r.plain().replace('ü', letter)));
        let mut list: Vec<String> =
            typed.filter(|text| text.bytes().all(|byte| byte.is_ascii_lowercase())).collect();
        list.sort_unstable();
        list.dedup();
        if !list.is_empty() {
            all.insert(c, list);
        }
    }
    Readings::write(&all)
}
