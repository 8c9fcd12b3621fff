//! The term dictionary: terms in byte order, in blocks of 16, each with the place of its postings.
//!
//! ```text
//! section  := blocks: u32, terms: u32, block_start: u32 × blocks, block × blocks
//! block    := entry × 16 (the last block: the rest)
//! entry    := shared: varint   bytes that the term shares with the one before (0 for the first of a block)
//!             suffix: string   the bytes after them
//!             items: varint    number of items that have the term
//!             length: varint   bytes of its postings, which lie one after the other in the order of the terms
//! ```
//! The first entry of a block has the offset of its postings in front, as u32.

use std::ops::Range;

use super::format::bytes::{ByteReader, ByteWriter};
use crate::error::{Result, fail};

const BLOCK: usize = 16;
const WHAT: &str = "term dictionary";
const HEADER: usize = 8;

/// The entry of a term in the dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TermEntry {
    /// Number of items that have the term.
    pub(crate) items: u32,
    /// The place of its postings in their section, in bytes.
    pub(crate) postings: Range<usize>,
}

/// A dictionary that is read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dictionary<'a> {
    starts: &'a [u8],
    blocks: &'a [u8],
    terms: usize,
}

impl<'a> Dictionary<'a> {
    /// Opens a section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the section ends before its blocks begin.
    pub(crate) fn open(section: &'a [u8]) -> Result<Self> {
        let mut reader = ByteReader::new(section, WHAT);
        let (blocks, terms) = (reader.u32()? as usize, reader.u32()? as usize);
        if blocks != terms.div_ceil(BLOCK) || blocks > (section.len() - HEADER) / 4 {
            fail!(InvalidCatalog, "{WHAT}: {blocks} blocks for {terms} terms in {} bytes", section.len());
        }
        let (starts, blocks) = section[HEADER..].split_at(blocks * 4);
        Ok(Self { starts, blocks, terms })
    }

    /// Returns the number of terms.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.terms
    }

    /// Finds a term.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if a block is damaged.
    pub(crate) fn find(&self, term: &str) -> Result<Option<TermEntry>> {
        let mut entries = self.from(term)?;
        Ok(match entries.next()? {
            Some(entry) if entries.term() == term.as_bytes() => Some(entry),
            _ => None,
        })
    }

    /// Passes every term that begins with `prefix` to `visit`, in byte order, until `visit` returns false.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if a block is damaged.
    pub(crate) fn with_prefix(
        &self,
        prefix: &str,
        mut visit: impl FnMut(&[u8], TermEntry) -> bool,
    ) -> Result<()> {
        let mut entries = self.from(prefix)?;
        while let Some(entry) = entries.next()? {
            if !entries.term().starts_with(prefix.as_bytes()) || !visit(entries.term(), entry) {
                break;
            }
        }
        Ok(())
    }

    /// Returns the entries from the first term on that is not before `term`.
    fn from(&self, term: &str) -> Result<Entries<'a>> {
        let term = term.as_bytes();
        // The last block whose first term is not after `term`.
        let (mut low, mut high) = (0, self.starts.len() / 4);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.first_of(middle)? <= term { low = middle } else { high = middle }
        }
        let mut entries = Entries::at_block(*self, low);
        while let Some(entry) = entries.advance()? {
            if entries.term.as_slice() >= term {
                entries.waiting = Some(entry);
                break;
            }
        }
        Ok(entries)
    }

    fn block(&self, block: usize) -> Result<ByteReader<'a>> {
        let start = &self.starts[block * 4..block * 4 + 4];
        let start = u32::from_le_bytes([start[0], start[1], start[2], start[3]]) as usize;
        match self.blocks.get(start..) {
            Some(bytes) => Ok(ByteReader::new(bytes, WHAT)),
            None => fail!(
                InvalidCatalog,
                "{WHAT}: block {block} begins at {start} of {} bytes",
                self.blocks.len()
            ),
        }
    }

    fn first_of(&self, block: usize) -> Result<&'a [u8]> {
        let mut reader = self.block(block)?;
        reader.u32()?;
        match reader.varint()? {
            0 => Ok(reader.string()?.as_bytes()),
            shared => fail!(InvalidCatalog, "{WHAT}: the first term of block {block} shares {shared} bytes"),
        }
    }
}

/// The entries from one on.
struct Entries<'a> {
    dictionary: Dictionary<'a>,
    /// The index of the next entry.
    next: usize,
    reader: ByteReader<'a>,
    term: Vec<u8>,
    /// The beginning of the next entry's postings.
    postings: usize,
    /// An entry that was read ahead.
    waiting: Option<TermEntry>,
}

impl<'a> Entries<'a> {
    fn at_block(dictionary: Dictionary<'a>, block: usize) -> Self {
        let reader = ByteReader::new(&[], WHAT);
        Self { dictionary, next: block * BLOCK, reader, term: Vec::new(), postings: 0, waiting: None }
    }

    /// Returns the term of the last entry.
    fn term(&self) -> &[u8] {
        &self.term
    }

    fn next(&mut self) -> Result<Option<TermEntry>> {
        match self.waiting.take() {
            Some(entry) => Ok(Some(entry)),
            None => self.advance(),
        }
    }

    fn advance(&mut self) -> Result<Option<TermEntry>> {
        if self.next >= self.dictionary.terms {
            return Ok(None);
        }
        if self.next.is_multiple_of(BLOCK) {
            self.reader = self.dictionary.block(self.next / BLOCK)?;
            self.postings = self.reader.u32()? as usize;
            self.term.clear();
        }
        let shared = self.reader.varint()? as usize;
        if shared > self.term.len() {
            fail!(InvalidCatalog, "{WHAT}: term {} shares {shared} bytes of {}", self.next, self.term.len());
        }
        self.term.truncate(shared);
        let length = self.reader.varint()? as usize;
        self.term.extend(self.reader.bytes(length)?);
        let items = self.reader.varint()?;
        let start = self.postings;
        self.postings = start.saturating_add(self.reader.varint()? as usize);
        self.next += 1;
        Ok(Some(TermEntry { items, postings: start..self.postings }))
    }
}

/// Writes a dictionary. Terms are added in byte order.
#[derive(Debug, Default)]
pub(crate) struct DictionaryWriter {
    starts: Vec<u32>,
    blocks: ByteWriter,
    last: String,
    terms: usize,
    postings: u32,
}

impl DictionaryWriter {
    /// Adds a term that `items` items have, and whose postings take `length` bytes.
    ///
    /// # Panics
    /// If the term is not after the one before it.
    pub(crate) fn add(&mut self, term: &str, items: u32, length: u32) {
        assert!(self.terms == 0 || self.last.as_str() < term, "terms are added in byte order");
        let mut shared = 0;
        if self.terms.is_multiple_of(BLOCK) {
            self.starts.push(self.blocks.bytes.len() as u32);
            self.blocks.u32(self.postings);
        } else {
            shared = self.last.bytes().zip(term.bytes()).take_while(|(a, b)| a == b).count();
        }
        self.blocks.varint(shared as u32);
        self.blocks.varint((term.len() - shared) as u32);
        self.blocks.bytes.extend(&term.as_bytes()[shared..]);
        self.blocks.varint(items);
        self.blocks.varint(length);
        self.postings += length;
        self.terms += 1;
        self.last.clear();
        self.last.push_str(term);
    }

    /// Returns the section.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut section = ByteWriter::default();
        section.u32(self.starts.len() as u32);
        section.u32(self.terms as u32);
        for start in self.starts {
            section.u32(start);
        }
        section.bytes.extend(self.blocks.bytes);
        section.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(terms: &[String]) -> Vec<u8> {
        let mut writer = DictionaryWriter::default();
        for (i, term) in terms.iter().enumerate() {
            writer.add(term, i as u32 + 1, 3);
        }
        writer.finish()
    }

    fn many() -> Vec<String> {
        let mut terms: Vec<_> =
            (0..500).map(|i| format!("阔{i:03}")).chain((0..40).map(|i| format!("z{i}"))).collect();
        terms.sort();
        terms
    }

    #[test]
    fn every_term_is_found() {
        for count in [0, 1, 15, 16, 17, 540] {
            let terms = &many()[..count];
            let section = section(terms);
            let dictionary = Dictionary::open(&section).unwrap();
            assert_eq!(dictionary.len(), count);
            for (i, term) in terms.iter().enumerate() {
                let entry = TermEntry { items: i as u32 + 1, postings: 3 * i..3 * i + 3 };
                assert_eq!(dictionary.find(term).unwrap(), Some(entry), "{term}");
            }
            for term in ["", "a", "z400", "阔", "阔0000", "龥"] {
                assert_eq!(dictionary.find(term).unwrap(), None, "{term}");
            }
        }
    }

    #[test]
    fn prefixes_give_their_range() {
        let section = section(&many());
        let dictionary = Dictionary::open(&section).unwrap();
        for prefix in ["", "z", "z1", "阔", "阔12", "阔499", "x", "龥"] {
            let mut found = Vec::new();
            dictionary
                .with_prefix(prefix, |term, _| {
                    found.push(String::from_utf8(term.to_vec()).unwrap());
                    true
                })
                .unwrap();
            let expected: Vec<_> = many().into_iter().filter(|term| term.starts_with(prefix)).collect();
            assert_eq!(found, expected, "{prefix}");
        }
    }

    #[test]
    fn a_damaged_section_is_an_error_or_another_answer_but_no_panic() {
        let whole = section(&many());
        for cut in 0..whole.len() {
            if let Ok(dictionary) = Dictionary::open(&whole[..cut]) {
                let _ = dictionary.find("阔123");
                let _ = dictionary.with_prefix("z", |_, _| true);
            }
        }
        for at in 0..whole.len() {
            for change in [1, 0x80, 0xFF] {
                let mut damaged = whole.clone();
                damaged[at] ^= change;
                if let Ok(dictionary) = Dictionary::open(&damaged) {
                    let _ = dictionary.find("阔123");
                    let _ = dictionary.with_prefix("阔", |_, _| true);
                }
            }
        }
    }
}
