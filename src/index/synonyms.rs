//! Synonyms: groups of words that mean the same.
//!
//! ```text
//! section := group × groups
//! group   := count: varint, word: string × count
//! ```

use std::ops::Range;

use super::format::bytes::{ByteReader, ByteWriter};
use super::order::sort_by;
use super::text::class::CharClass;
use super::text::folded::{Fold, Folded};
use crate::error::{Result, fail};

const WHAT: &str = "synonyms";

/// Groups of synonyms, folded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Synonyms {
    groups: Vec<Vec<Folded>>,
    /// Each word's group and place in it, longest word first.
    words: Vec<(usize, usize)>,
}

/// A word of the query that has synonyms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SynonymMatch {
    /// Its place in the query's folded characters.
    pub(crate) chars: Range<usize>,
    group: usize,
    word: usize,
}

impl Synonyms {
    /// Reads the section, and folds the words.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is damaged.
    pub(crate) fn read(section: &[u8], fold: &dyn Fold) -> Result<Self> {
        let folded = |group: Vec<String>| group.iter().map(|word| Folded::new(word, fold)).collect();
        let groups: Vec<Vec<Folded>> = Self::groups(section)?.into_iter().map(folded).collect();
        let mut words: Vec<(usize, usize)> = Vec::new();
        for (at, group) in groups.iter().enumerate() {
            if group.iter().any(|word| word.chars.is_empty()) {
                fail!(InvalidCatalog, "{WHAT}: a word is empty");
            }
            words.extend((0..group.len()).map(|word| (at, word)));
        }
        let length = |&(group, word): &(usize, usize)| groups[group][word].chars.len();
        sort_by(&mut words, &|a, b| length(b).cmp(&length(a)));
        Ok(Self { groups, words })
    }

    /// Reads the groups as they were written.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the section is damaged.
    pub(crate) fn groups(section: &[u8]) -> Result<Vec<Vec<String>>> {
        let mut reader = ByteReader::new(section, WHAT);
        let mut groups = Vec::new();
        while !reader.is_empty() {
            let mut group = Vec::new();
            for _ in 0..reader.varint()? {
                group.push(reader.string()?.to_string());
            }
            groups.push(group);
        }
        Ok(groups)
    }

    /// Writes groups.
    pub(crate) fn write(groups: &[Vec<String>]) -> Vec<u8> {
        let mut writer = ByteWriter::default();
        for group in groups {
            writer.varint(group.len() as u32);
            group.iter().for_each(|word| writer.string(word));
        }
        writer.bytes
    }

    /// Finds the words of a query that have synonyms, from left to right, the longest one first at each place.
    pub(crate) fn find(&self, query: &Folded) -> Vec<SynonymMatch> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < query.chars.len() {
            let hit =
                self.words.iter().find(|&&(group, word)| stands_at(query, at, &self.groups[group][word]));
            match hit {
                Some(&(group, word)) => {
                    let end = at + self.groups[group][word].chars.len();
                    found.push(SynonymMatch { chars: at..end, group, word });
                    at = end;
                }
                None => at += 1,
            }
        }
        found
    }

    /// Returns the synonyms of a word of the query: the other words of every group that has it.
    pub(crate) fn others(&self, found: &SynonymMatch) -> Vec<&Folded> {
        let own = &self.groups[found.group][found.word];
        let is_own = |word: &Folded| word.chars.len() == own.chars.len() && stands_at(word, 0, own);
        let groups = self.groups.iter().filter(|group| group.iter().any(is_own));
        groups.flatten().filter(|word| !is_own(word)).collect()
    }
}

/// Returns true if `word` stands in the query from `at` on. Words of letters and digits end at the borders of words.
fn stands_at(query: &Folded, at: usize, word: &Folded) -> bool {
    let end = at + word.chars.len();
    let Some(place) = query.chars.get(at..end) else { return false };
    let class = |at: usize| query.chars.get(at).map_or(CharClass::Separator, |folded| folded.class);
    let is_cut = |left: usize, right: usize| class(left).is_word() && class(right).is_word();
    place.iter().zip(&word.chars).all(|(a, b)| a.c == b.c)
        && !(at > 0 && is_cut(at - 1, at))
        && !is_cut(end - 1, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::characters::CharacterTable;

    #[test]
    fn the_longest_word_is_found_at_borders() {
        let groups = [vec!["肯德基".to_string(), "KFC".into()], vec!["肯德".into(), "x".into()]];
        let fold = CharacterTable::default();
        let synonyms = Synonyms::read(&Synonyms::write(&groups), &fold).unwrap();
        let found = |query: &str| -> Vec<(Range<usize>, String)> {
            let text = |folded: &Folded| folded.chars.iter().map(|folded| folded.c).collect::<String>();
            let found = synonyms.find(&Folded::new(query, &fold));
            let others = |m: &SynonymMatch| synonyms.others(m).into_iter().map(text).collect::<Vec<_>>();
            found.iter().map(|m| (m.chars.clone(), others(m).join(" "))).collect()
        };
        assert_eq!(found("吃肯德基"), [(1..4, "kfc".to_string())]);
        assert_eq!(found("Kfc 套餐"), [(0..3, "肯德基".to_string())]);
        assert_eq!(found("kfcs"), []);
        assert_eq!(found("akfc 肯德"), [(5..7, "x".to_string())]);
    }

    #[test]
    fn a_word_of_two_groups_has_the_synonyms_of_both() {
        let groups = [["肯德基", "KFC"], ["kfc", "快餐"]].map(|group| group.map(str::to_string).to_vec());
        let fold = CharacterTable::default();
        let synonyms = Synonyms::read(&Synonyms::write(&groups), &fold).unwrap();
        let others = |query: &str| -> Vec<String> {
            let found = synonyms.find(&Folded::new(query, &fold));
            let text = |folded: &Folded| folded.chars.iter().map(|folded| folded.c).collect();
            synonyms.others(&found[0]).into_iter().map(text).collect()
        };
        assert_eq!(others("Kfc"), ["肯德基", "快餐"]);
        // Only the shared word has both: a fast food is not always this one.
        assert_eq!(others("快餐"), ["kfc"]);
        assert_eq!(others("肯德基"), ["kfc"]);
    }
}
