//! The container of a catalog and of a delta: a header with a table of sections, then the sections.
//!
//! ```text
//! file   := header, section × sections             each section begins at a multiple of 64 bytes, zeros between
//! header := magic "COROMCAT", version: u32 = 1, kind: u32, sections: u32, zero: u32, parent: 32 bytes,
//!           entry × sections, hash: 32 bytes       SHA-256 of the header's bytes before it
//! entry  := section: u32, zero: u32, offset: u64, length: u64, hash: 32 bytes     SHA-256 of the section
//! ```
//! A delta of few bytes has another form: see `small_delta`.
//!
//! The header's hash identifies the file, because the header has the hash of every section.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::bytes::ByteReader;
pub(crate) use super::parts::{Entry, FileKind, Hash, SectionKind};
pub(super) use super::parts::{HASH_BYTES, MAGIC, VERSION, hash_of};
use super::small_delta::{self, HALF_HASH_BYTES, SmallDelta};
use crate::error::{Result, fail};

const PREFIX_BYTES: usize = 56;
const ENTRY_BYTES: usize = 56;
pub(super) const ALIGNMENT: usize = 64;
const MAX_SECTIONS: usize = 64;
const WHAT: &str = "header";

/// The header of a file.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) kind: FileKind,
    /// The hash of the file that a delta continues, in a small one the first half; zeros in a catalog.
    pub(super) parent: Hash,
    pub(crate) entries: Vec<Entry>,
    /// The hash that identifies the file.
    pub(crate) hash: Hash,
    /// The size of a small delta, of which the hash covers every byte.
    pub(super) small_bytes: Option<usize>,
}

impl Header {
    /// Reads the header at the beginning of `file`, and checks its hash.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is cut or damaged, `UNSUPPORTED_FORMAT` for another version.
    pub(crate) fn read(file: &[u8]) -> Result<Self> {
        let mut reader = ByteReader::new(file, WHAT);
        if reader.bytes(8)? != MAGIC {
            fail!(InvalidCatalog, "{WHAT}: this is not a catalog: it does not begin with COROMCAT");
        }
        let version = reader.u32()?;
        if version != VERSION {
            fail!(
                UnsupportedFormat,
                "{WHAT}: format version {version}; this release reads version {VERSION}"
            );
        }
        let kind = match reader.u32()? {
            0 => FileKind::Catalog,
            1 => FileKind::Delta,
            small_delta::KIND => {
                let SmallDelta { bytes, parent, entries, hash } = small_delta::read(file, reader.u32()?)?;
                return Ok(Self { kind: FileKind::Delta, parent, entries, hash, small_bytes: Some(bytes) });
            }
            other => fail!(InvalidCatalog, "{WHAT}: kind {other}; expected 0 to 2"),
        };
        let (sections, zero) = (reader.u32()? as usize, reader.u32()?);
        if sections > MAX_SECTIONS || zero != 0 {
            fail!(InvalidCatalog, "{WHAT}: {sections} sections; expected at most {MAX_SECTIONS}");
        }
        let parent = hash_of(reader.bytes(HASH_BYTES)?);
        let mut entries: Vec<Entry> = Vec::with_capacity(sections);
        let mut end = Self::length_of(sections);
        for _ in 0..sections {
            let entry = Self::read_entry(&mut reader, end)?;
            if entries.last().is_some_and(|last| last.kind >= entry.kind) {
                fail!(InvalidCatalog, "{WHAT}: section {} is out of order", entry.kind.name());
            }
            end = entry.bytes.end;
            entries.push(entry);
        }
        let hash = hash_of(reader.bytes(HASH_BYTES)?);
        let hashed = PREFIX_BYTES + sections * ENTRY_BYTES;
        if hash_of(&Sha256::digest(&file[..hashed])) != hash {
            fail!(InvalidCatalog, "{WHAT}: the hash differs from the header's bytes; the file is damaged");
        }
        Ok(Self { kind, parent, entries, hash, small_bytes: None })
    }

    /// Returns true if a delta continues the file that the hash identifies.
    pub(crate) fn continues(&self, hash: &Hash) -> bool {
        let length = self.small_bytes.map_or(HASH_BYTES, |_| HALF_HASH_BYTES);
        self.parent[..length] == hash[..length]
    }

    /// Returns the size of the header at the beginning of `file`; `None` if too few bytes have arrived to know it.
    ///
    /// # Errors
    /// The errors of [`Header::read`], if the first bytes are wrong.
    pub(crate) fn length(file: &[u8]) -> Result<Option<usize>> {
        if !MAGIC.starts_with(&file[..file.len().min(MAGIC.len())]) {
            fail!(InvalidCatalog, "{WHAT}: this is not a catalog: it does not begin with COROMCAT");
        }
        let Some(numbers) = file.get(MAGIC.len()..20) else { return Ok(None) };
        let mut reader = ByteReader::new(numbers, WHAT);
        let (version, kind, number) = (reader.u32()?, reader.u32()?, reader.u32()?);
        if version != VERSION {
            fail!(
                UnsupportedFormat,
                "{WHAT}: format version {version}; this release reads version {VERSION}"
            );
        }
        if kind == small_delta::KIND {
            return small_delta::checked_size(number).map(Some);
        }
        let sections = number as usize;
        if sections > MAX_SECTIONS {
            fail!(InvalidCatalog, "{WHAT}: {sections} sections; expected at most {MAX_SECTIONS}");
        }
        Ok(Some(Self::length_of(sections)))
    }

    /// Returns the size of a header with so many sections.
    pub(crate) fn length_of(sections: usize) -> usize {
        PREFIX_BYTES + sections * ENTRY_BYTES + HASH_BYTES
    }

    fn read_entry(reader: &mut ByteReader, end: usize) -> Result<Entry> {
        let (number, zero) = (reader.u32()?, reader.u32()?);
        let kind = SectionKind::ALL.into_iter().find(|&kind| kind as u32 == number);
        let (Some(kind), 0) = (kind, zero) else { fail!(InvalidCatalog, "{WHAT}: unknown section {number}") };
        let (offset, length) = (usize::try_from(reader.u64()?), usize::try_from(reader.u64()?));
        let hash = hash_of(reader.bytes(HASH_BYTES)?);
        let expected = end.checked_next_multiple_of(ALIGNMENT);
        match (offset, length) {
            (Ok(start), Ok(length)) if Some(start) == expected && start.checked_add(length).is_some() => {
                Ok(Entry { kind, bytes: start..start + length, hash })
            }
            _ => fail!(
                InvalidCatalog,
                "{WHAT}: the place of section {} is not where it should be",
                kind.name()
            ),
        }
    }

    /// Returns the size of the header.
    pub(crate) fn header_bytes(&self) -> usize {
        self.small_bytes.unwrap_or(Self::length_of(self.entries.len()))
    }

    /// Returns the size of the whole file.
    pub(crate) fn file_bytes(&self) -> usize {
        let end = self.entries.last().map_or(0, |entry| entry.bytes.end);
        end.max(self.header_bytes())
    }

    /// Returns the sections and their sizes.
    #[cfg(feature = "index")]
    pub(crate) fn sizes(&self) -> Vec<(SectionKind, usize)> {
        self.entries.iter().map(|entry| (entry.kind, entry.bytes.len())).collect()
    }

    /// Returns the end of the section that the byte before `place` is in.
    pub(crate) fn section_end(&self, place: usize) -> usize {
        let ends = self.entries.iter().map(|entry| entry.bytes.end);
        ends.into_iter().find(|&end| end >= place).unwrap_or(self.file_bytes())
    }

    /// Returns the place of a section, if the file has it.
    pub(crate) fn section(&self, kind: SectionKind) -> Option<Range<usize>> {
        self.entries.iter().find(|entry| entry.kind == kind).map(|entry| entry.bytes.clone())
    }

    /// Checks the size of the file, the hash of each section, and the zeros between sections.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if one differs.
    pub(crate) fn verify(&self, file: &[u8]) -> Result<()> {
        if file.len() != self.file_bytes() {
            fail!(IntegrityMismatch, "catalog: {} bytes; the header says {}", file.len(), self.file_bytes());
        }
        self.verify_arrived(file, 0)
    }

    /// Checks the sections that have arrived as a whole, but for those that had with the first `before` bytes.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if a hash differs, or a byte between sections is not zero.
    pub(crate) fn verify_arrived(&self, file: &[u8], before: usize) -> Result<()> {
        if self.small_bytes.is_some() {
            return Ok(());
        }
        let mut end = self.header_bytes();
        for entry in &self.entries {
            if entry.bytes.end > file.len() {
                break;
            }
            if entry.bytes.end <= before {
                end = entry.bytes.end;
                continue;
            }
            let gap_is_zero = file[end..entry.bytes.start].iter().all(|&byte| byte == 0);
            if !gap_is_zero || hash_of(&Sha256::digest(&file[entry.bytes.clone()])) != entry.hash {
                fail!(IntegrityMismatch, "catalog: section {} differs from its hash", entry.kind.name());
            }
            end = entry.bytes.end;
        }
        Ok(())
    }
}

/// Returns bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file_writer::written;
    use super::*;

    fn file() -> Vec<u8> {
        let sections = vec![
            (SectionKind::Rows, vec![7; 100]),
            (SectionKind::Schema, b"{}".to_vec()),
            (SectionKind::Mean, Vec::new()),
        ];
        written(FileKind::Delta, &[9; 32], sections)
    }

    #[test]
    fn a_file_of_another_version_says_so() {
        let mut file = file();
        file[8] = 2;
        assert_eq!(Header::read(&file).err().unwrap().code().as_str(), "UNSUPPORTED_FORMAT");
    }

    #[test]
    fn sections_are_the_same_after_writing_and_reading() {
        let file = file();
        let header = Header::read(&file).unwrap();
        header.verify(&file).unwrap();
        assert_eq!((header.kind, header.parent), (FileKind::Delta, [9; 32]));
        assert_eq!(&file[header.section(SectionKind::Schema).unwrap()], b"{}");
        let rows = header.section(SectionKind::Rows).unwrap();
        assert!(rows.start.is_multiple_of(64) && file[rows] == [7; 100]);
        assert_eq!(header.section(SectionKind::Mean), None);
        assert_eq!(header.file_bytes(), file.len());
    }

    #[test]
    fn lengths_near_the_largest_number_are_errors() {
        let mut file = file();
        let (first, length) = (PREFIX_BYTES + 8, PREFIX_BYTES + 16);
        let start = u64::from_le_bytes(file[first..first + 8].try_into().unwrap());
        for end in [u64::MAX, u64::MAX - 1, u64::MAX - 63, u64::MAX / 2, u64::from(u32::MAX)] {
            file[length..length + 8].copy_from_slice(&(end - start).to_le_bytes());
            assert!(Header::read(&file).is_err());
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_rejected() {
        let whole = file();
        let accepts = |file: &[u8]| Header::read(file).and_then(|header| header.verify(file)).is_ok();
        assert!(accepts(&whole));
        for cut in 0..whole.len() {
            assert!(!accepts(&whole[..cut]), "{cut}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            assert!(!accepts(&damaged), "{at}");
        }
        let longer = [whole, vec![0]].concat();
        assert!(!accepts(&longer));
    }
}
