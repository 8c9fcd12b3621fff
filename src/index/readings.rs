//! The pinyin readings of the catalog's Han characters, without tones.
//!
//! ```text
//! section   := syllables: varint, syllable: string × syllables     distinct, rising
//!              entry × characters
//! entry     := step: varint         code point − code point before it (the first: the code point)
//!              count: varint, syllable: varint × count              indices of syllables
//! ```

use std::collections::BTreeMap;

use super::format::bytes::{ByteReader, ByteWriter};
use super::order::{map_of, sort, sort_by};
use crate::error::{Result, fail};

const WHAT: &str = "readings";
/// A word of letters is read as at most so many syllables.
const MAX_SYLLABLES: usize = 12;
/// At most so many ways to read one word are tried.
const MAX_SPELLINGS: usize = 4;

/// Readings of characters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readings {
    syllables: Vec<String>,
    /// Characters and the indices of their syllables.
    characters: BTreeMap<char, Vec<u32>>,
}

/// The character that a character is read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sound {
    /// The beginning of the syllable, or the whole one.
    pub(crate) text: String,
    pub(crate) is_whole: bool,
}

impl Readings {
    /// Reads the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is damaged.
    pub(crate) fn read(section: &[u8]) -> Result<Self> {
        let mut reader = ByteReader::new(section, WHAT);
        let mut readings = Self::default();
        if reader.is_empty() {
            return Ok(readings);
        }
        for _ in 0..reader.varint()? {
            let syllable = reader.string()?;
            if syllable.is_empty() || !syllable.bytes().all(|byte| byte.is_ascii_lowercase()) {
                fail!(InvalidCatalog, "{WHAT}: {syllable:?} is no syllable");
            }
            readings.syllables.push(syllable.to_string());
        }
        let mut code = 0_u32;
        while !reader.is_empty() {
            code = code.saturating_add(reader.varint()?);
            let Some(c) = char::from_u32(code) else {
                fail!(InvalidCatalog, "{WHAT}: no character {code:#x}")
            };
            let mut syllables = Vec::new();
            for _ in 0..reader.varint()? {
                let syllable = reader.varint()?;
                if syllable as usize >= readings.syllables.len() {
                    fail!(InvalidCatalog, "{WHAT}: syllable {syllable} of {}", readings.syllables.len());
                }
                syllables.push(syllable);
            }
            readings.characters.insert(c, syllables);
        }
        Ok(readings)
    }

    /// Writes readings.
    pub(crate) fn write(characters: &BTreeMap<char, Vec<String>>) -> Vec<u8> {
        let mut syllables: Vec<&String> = characters.values().flatten().collect();
        sort(&mut syllables);
        syllables.dedup();
        let mut writer = ByteWriter::default();
        if syllables.is_empty() {
            return writer.bytes;
        }
        writer.varint(syllables.len() as u32);
        syllables.iter().for_each(|syllable| writer.string(syllable));
        let mut before = 0;
        for (&c, list) in characters {
            writer.varint(u32::from(c) - before);
            writer.varint(list.len() as u32);
            list.iter()
                .for_each(|syllable| writer.varint(syllables.partition_point(|s| *s < syllable) as u32));
            before = u32::from(c);
        }
        writer.bytes
    }

    /// Adds the readings of another file's characters. A character that both have can be read in all these ways.
    pub(crate) fn extend(&mut self, other: &Self) {
        let texts = |readings: &Self| -> BTreeMap<char, Vec<String>> {
            let text = |&at: &u32| readings.syllables[at as usize].clone();
            map_of(readings.characters.iter().map(|(&c, list)| (c, list.iter().map(text).collect())))
        };
        let mut all = texts(self);
        for (c, list) in texts(other) {
            let own: &mut Vec<String> = all.entry(c).or_default();
            list.into_iter().for_each(|text| {
                if !own.contains(&text) {
                    own.push(text);
                }
            });
        }
        *self = Self::read(&Self::write(&all)).unwrap_or_default();
    }

    /// Returns the syllables of a character.
    #[cfg(all(test, feature = "index"))]
    pub(crate) fn of(&self, c: char) -> Vec<&str> {
        self.characters[&c].iter().map(|&at| self.syllables[at as usize].as_str()).collect()
    }

    /// Returns true if the character can be read so.
    pub(crate) fn has(&self, c: char, sound: &Sound) -> bool {
        self.characters.get(&c).is_some_and(|list| {
            list.iter().any(|&at| {
                let syllable = &self.syllables[at as usize];
                if sound.is_whole { *syllable == sound.text } else { syllable.starts_with(&sound.text) }
            })
        })
    }

    /// Returns the characters that can be read so.
    pub(crate) fn characters(&self, sound: &Sound) -> Vec<char> {
        self.characters.keys().copied().filter(|&c| self.has(c, sound)).collect()
    }

    /// Returns the ways to read a word of letters as syllables, those of fewer syllables first. `is_open`: the last
    /// syllable may be unfinished.
    pub(crate) fn spellings(&self, word: &str, is_open: bool) -> Vec<Vec<Sound>> {
        let mut found = Vec::new();
        self.spell(word, is_open, &mut Vec::new(), &mut found);
        sort_by(&mut found, &|a, b| a.len().cmp(&b.len()));
        found
    }

    fn spell(&self, rest: &str, is_open: bool, before: &mut Vec<Sound>, found: &mut Vec<Vec<Sound>>) {
        if rest.is_empty() {
            found.push(before.clone());
            return;
        }
        if before.len() == MAX_SYLLABLES || !rest.is_ascii() {
            return;
        }
        for length in (1..=rest.len().min(6)).rev() {
            if found.len() == MAX_SPELLINGS {
                return;
            }
            let start = &rest[..length];
            let at = self.syllables.partition_point(|syllable| syllable.as_str() < start);
            let Some(syllable) = self.syllables.get(at) else { continue };
            let is_whole = syllable == start;
            let is_unfinished = is_open && length == rest.len() && syllable.starts_with(start);
            if is_whole || is_unfinished {
                before.push(Sound { text: start.to_string(), is_whole: is_whole && !is_unfinished });
                self.spell(&rest[length..], is_open, before, found);
                before.pop();
            }
        }
    }

    /// Returns a word of letters as the initials of syllables: `ktk`.
    pub(crate) fn initials(&self, word: &str) -> Vec<Sound> {
        word.chars().map(|c| Sound { text: c.to_string(), is_whole: false }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings() -> Readings {
        let list = [('阔', "kuo"), ('腿', "tui"), ('裤', "ku"), ('西', "xi"), ('安', "an"), ('先', "xian")];
        let mut map: BTreeMap<char, Vec<String>> = list.map(|(c, s)| (c, vec![s.to_string()])).into();
        map.insert('行', vec!["xing".into(), "hang".into()]);
        Readings::read(&Readings::write(&map)).unwrap()
    }

    fn shown(word: &str, is_open: bool) -> Vec<String> {
        let shown = |sound: &Sound| format!("{}{}", sound.text, if sound.is_whole { "" } else { "*" });
        let spellings = readings().spellings(word, is_open);
        spellings.iter().map(|sounds| sounds.iter().map(shown).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn words_are_read_as_syllables() {
        assert_eq!(shown("kuotuiku", false), ["kuo tui ku"]);
        assert_eq!(shown("xian", false), ["xian", "xi an"]);
        assert_eq!(shown("kuotu", true), ["kuo tu*"]);
        assert_eq!(shown("kuotu", false), Vec::<String>::new());
        assert_eq!(shown("nike", true), Vec::<String>::new());
    }

    #[test]
    fn characters_have_all_their_readings() {
        let whole = |text: &str| Sound { text: text.into(), is_whole: true };
        assert_eq!(readings().characters(&whole("hang")), ['行']);
        assert_eq!(readings().characters(&whole("xing")), ['行']);
        assert_eq!(readings().characters(&Sound { text: "k".into(), is_whole: false }), ['裤', '阔']);
    }

    #[test]
    fn damaged_readings_are_errors_or_other_readings_but_no_panic() {
        let whole =
            Readings::write(&[('阔', vec!["kuo".into()]), ('行', vec!["xing".into(), "hang".into()])].into());
        for at in 0..whole.len() {
            assert!(at < 2 || Readings::read(&whole[..at]).is_err() || at > 10, "{at}");
            for byte in 0..=255 {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                if let Ok(readings) = Readings::read(&damaged) {
                    readings.spellings("xinghang", true);
                }
            }
        }
    }
}
