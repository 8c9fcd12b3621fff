//! The character table: how the characters that can stand for characters of a catalog's terms are folded.
//!
//! ```text
//! section := entry × characters            rising by code point, without characters that fold to themselves
//! entry   := step: varint                  code point − code point before it (the first: the code point)
//!            folded: string                one or several characters
//! ```
//! The builder writes every character of Unicode whose folded form consists of characters that occur in the catalog. So
//! a query has the catalog's terms in whatever form it is written, and no Unicode table is needed to search.

use super::format::bytes::{ByteReader, ByteWriter};
use super::order::sort;
use super::text::folded::Fold;
use crate::error::{Result, fail};

const WHAT: &str = "characters";

/// The character table of a catalog.
#[derive(Debug, Clone, Default)]
pub(crate) struct CharacterTable {
    codes: Vec<u32>,
    /// The end of each character's folded form in `folded`.
    ends: Vec<u32>,
    folded: String,
}

impl CharacterTable {
    /// Reads the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is damaged.
    pub(crate) fn read(section: &[u8]) -> Result<Self> {
        let mut reader = ByteReader::new(section, WHAT);
        let mut table = Self::default();
        let mut code = 0_u32;
        while !reader.is_empty() {
            let step = reader.varint()?;
            code = code.saturating_add(step);
            if step == 0 || code > u32::from(char::MAX) {
                fail!(InvalidCatalog, "{WHAT}: code points do not rise");
            }
            table.codes.push(code);
            table.folded.push_str(reader.string()?);
            table.ends.push(table.folded.len() as u32);
        }
        Ok(table)
    }

    /// Writes a table. The characters rise.
    pub(crate) fn write<'a>(entries: impl IntoIterator<Item = (char, &'a str)>) -> Vec<u8> {
        let mut writer = ByteWriter::default();
        let mut before = 0;
        for (c, folded) in entries {
            writer.varint(u32::from(c) - before);
            writer.string(folded);
            before = u32::from(c);
        }
        writer.bytes
    }

    /// Adds the entries of another table, which folds no character in another way.
    pub(crate) fn extend(&mut self, other: &Self) {
        let mut entries: Vec<(u32, &str)> = self.entries().chain(other.entries()).collect();
        sort(&mut entries);
        entries.dedup();
        let mut all = Self::default();
        for (code, folded) in entries {
            all.codes.push(code);
            all.folded.push_str(folded);
            all.ends.push(all.folded.len() as u32);
        }
        *self = all;
    }

    /// Writes the table with other forms of some characters.
    #[cfg(all(test, feature = "index"))]
    pub(crate) fn with(&self, forms: &[(char, &str)]) -> Vec<u8> {
        let entry = |(code, folded)| (char::from_u32(code).unwrap(), folded);
        let mut entries: std::collections::BTreeMap<char, &str> = self.entries().map(entry).collect();
        entries.extend(forms.iter().copied());
        Self::write(entries)
    }

    /// Returns what a listed character folds to.
    pub(super) fn get(&self, c: char) -> Option<&str> {
        self.codes.binary_search(&u32::from(c)).ok().map(|at| self.folded_at(at))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, &str)> {
        self.codes.iter().enumerate().map(|(at, &code)| (code, self.folded_at(at)))
    }

    fn folded_at(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.folded[start..self.ends[at] as usize]
    }
}

impl Fold for CharacterTable {
    fn fold(&self, c: char, emit: &mut dyn FnMut(char)) {
        match self.get(c) {
            Some(folded) => folded.chars().for_each(emit),
            None => emit(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(table: &CharacterTable, text: &str) -> String {
        let mut folded = String::new();
        text.chars().for_each(|c| table.fold(c, &mut |c| folded.push(c)));
        folded
    }

    #[test]
    fn characters_are_folded_by_the_table_and_else_stay() {
        let section = CharacterTable::write([('Å', "a"), ('㎏', "kg"), ('褲', "裤"), ('𝐚', "a")]);
        let table = CharacterTable::read(&section).unwrap();
        assert_eq!(folded(&table, "Å㎏褲𝐚裤ö"), "akg裤a裤ö");
        let mut more = CharacterTable::read(&CharacterTable::write([('ö', "o"), ('褲', "裤")])).unwrap();
        more.extend(&table);
        assert_eq!(folded(&more, "Å㎏褲𝐚裤ö"), "akg裤a裤o");
    }

    #[test]
    fn damaged_tables_are_errors_or_other_tables_but_no_panic() {
        let whole = CharacterTable::write([('Å', "a"), ('㎏', "kg"), ('褲', "裤"), ('𝐚', "a")]);
        for at in 0..whole.len() {
            for byte in 0..=255 {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                if let Ok(table) = CharacterTable::read(&damaged) {
                    folded(&table, "Å㎏褲𝐚裤ö");
                }
            }
        }
    }
}
