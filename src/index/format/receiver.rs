//! A file that arrives in pieces. Each section is hashed as it arrives, so damage is found at once, and opening the file
//! needs no further pass over its bytes.

use sha2::{Digest, Sha256};

use super::container::{Header, SectionKind, hash_of};
use crate::error::{Error, ErrorCode, Result, fail};

/// Memory that is reserved at least, and beyond the end of a part: its last bytes may come with more.
const MIN_RESERVED_BYTES: usize = 1 << 16;

/// The part of a file that is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FilePart {
    /// All of it.
    #[default]
    Whole,
    /// Without rows.
    Codes,
    /// Without vectors.
    Keywords,
}

/// A catalog or a delta of which the bytes so far are checked.
#[derive(Debug, Default)]
pub struct FileReceiver {
    bytes: Vec<u8>,
    /// The size of the file that its sender announced; 0 if unknown.
    announced: usize,
    /// The part that memory is reserved for.
    part: FilePart,
    header: Option<Header>,
    /// The number of sections that have arrived.
    sections: usize,
    /// The hash of the next section so far.
    hasher: Sha256,
    /// The bytes before this place are checked.
    checked: usize,
}

impl FileReceiver {
    /// Begins a file. `announced` is the size that its sender announced, 0 if unknown: memory is reserved for it.
    pub fn new(announced: usize) -> Self {
        Self { announced, ..Self::default() }
    }

    /// Reserves memory for a part of the announced bytes alone.
    #[must_use]
    pub fn with_part(self, part: FilePart) -> Self {
        Self { part, ..self }
    }

    /// Appends the next bytes.
    ///
    /// # Errors
    /// `INVALID_CATALOG` and `UNSUPPORTED_FORMAT` for another file, `INTEGRITY_MISMATCH` if a section differs from its
    /// hash or more bytes come than the header says, `OUT_OF_MEMORY`.
    pub fn feed(&mut self, piece: &[u8]) -> Result<()> {
        self.reserve(piece.len())?;
        self.bytes.extend_from_slice(piece);
        if self.header.is_none() {
            let Some(length) = Header::length(&self.bytes)? else { return Ok(()) };
            if self.bytes.len() < length {
                return Ok(());
            }
            self.header = Some(Header::read(&self.bytes)?);
            self.checked = length;
        }
        self.check()
    }

    /// Returns the number of bytes so far.
    pub fn received(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the size of the file, when its header has arrived.
    pub fn size(&self) -> Option<usize> {
        self.header.as_ref().map(Header::file_bytes)
    }

    /// Returns the size of the file without its vectors, when its header has arrived: the part that keyword search needs.
    pub fn keyword_bytes(&self) -> Option<usize> {
        let header = self.header.as_ref()?;
        let vectors = header.entries.iter().position(|entry| entry.kind >= SectionKind::Mean);
        match vectors {
            None => self.size(),
            Some(0) => Some(Header::length_of(header.entries.len())),
            Some(first) => Some(header.entries[first - 1].bytes.end),
        }
    }

    /// Returns the size of the file without its rows, when its header has arrived: the part that semantic search needs at
    /// least. Without codes that is the whole file.
    pub fn code_bytes(&self) -> Option<usize> {
        let header = self.header.as_ref()?;
        Some(header.section(SectionKind::Codes).map_or(header.file_bytes(), |codes| codes.end))
    }

    /// Returns the hash that identifies the file, when its header has arrived.
    pub fn hash(&self) -> Option<[u8; 32]> {
        self.header.as_ref().map(|header| header.hash)
    }

    /// Returns the bytes of the file.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if it has not arrived as a whole.
    pub fn into_bytes(self) -> Result<Vec<u8>> {
        self.check_complete()?;
        Ok(self.bytes)
    }

    /// Returns a copy of the part that keyword search needs.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if it has not arrived, `OUT_OF_MEMORY`.
    pub fn keyword_part(&self) -> Result<Vec<u8>> {
        let Some(part) = self.keyword_bytes().and_then(|end| self.bytes.get(..end)) else {
            fail!(IntegrityMismatch, "catalog: it ends before its keywords do")
        };
        copy(part)
    }

    /// Returns the part of the file without its rows.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if it has not arrived.
    pub fn into_code_part(mut self) -> Result<Vec<u8>> {
        let Some(end) = self.code_bytes().filter(|&end| end <= self.bytes.len()) else {
            fail!(IntegrityMismatch, "catalog: it ends before its codes do")
        };
        self.bytes.truncate(end);
        Ok(self.bytes)
    }

    /// Returns a copy of the file.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if it has not arrived as a whole, `OUT_OF_MEMORY`.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check_complete()?;
        copy(&self.bytes)
    }

    /// Checks that the file has arrived as a whole.
    ///
    /// # Errors
    /// `INTEGRITY_MISMATCH` if it has not.
    pub fn check_complete(&self) -> Result<()> {
        match self.size() {
            Some(size) if size == self.bytes.len() => Ok(()),
            Some(size) => {
                fail!(IntegrityMismatch, "catalog: {} bytes; the header says {size}", self.bytes.len())
            }
            // A whole file has a header: this reports what is wrong with it.
            None => Header::read(&self.bytes).map(|_| ()),
        }
    }

    /// Returns the size that memory is reserved for if the sender has announced as much as the header says.
    fn part_bytes(&self) -> Option<usize> {
        let whole = self.size()?;
        let part = match self.part {
            FilePart::Whole => return Some(whole),
            FilePart::Codes => self.code_bytes()?,
            FilePart::Keywords => self.keyword_bytes()?,
        };
        Some(whole.min(part + MIN_RESERVED_BYTES))
    }

    /// Reserves memory for the next bytes. No more than the bytes so far is reserved on the word of a header alone. Growing
    /// needs the memory twice, so a part that the sender has announced is reserved at once.
    fn reserve(&mut self, more: usize) -> Result<()> {
        let needed = self.bytes.len() + more;
        if self.size().is_some_and(|size| needed > size) {
            fail!(
                IntegrityMismatch,
                "catalog: more bytes than the {} of the header",
                self.size().unwrap_or(0)
            );
        }
        if needed <= self.bytes.capacity() {
            return Ok(());
        }
        let size = self.size().unwrap_or(self.announced);
        let wanted = match &self.header {
            Some(_) if size <= self.announced => self.part_bytes().unwrap_or(size),
            None if self.part == FilePart::Whole => size,
            // Up to the end of a section: the receiver may need no more.
            Some(header) => header.section_end(needed).min(2 * needed),
            None => size.min(2 * needed),
        };
        let target = wanted.max(needed).max(MIN_RESERVED_BYTES);
        if self.bytes.try_reserve_exact(target - self.bytes.len()).is_err() {
            return Err(out_of_memory(target));
        }
        Ok(())
    }

    /// Checks the bytes that have arrived: the hash of each section, and the zeros between sections.
    fn check(&mut self) -> Result<()> {
        let Some(header) = &self.header else { return Ok(()) };
        if self.bytes.len() > header.file_bytes() {
            fail!(
                IntegrityMismatch,
                "catalog: {} bytes; the header says {}",
                self.bytes.len(),
                header.file_bytes()
            );
        }
        if header.small_bytes.is_some() {
            return Ok(());
        }
        while let Some(entry) = header.entries.get(self.sections) {
            let start = entry.bytes.start.min(self.bytes.len());
            if self.checked < start {
                if self.bytes[self.checked..start].iter().any(|&byte| byte != 0) {
                    fail!(IntegrityMismatch, "catalog: section {} differs from its hash", entry.kind.name());
                }
                self.checked = start;
            }
            let end = entry.bytes.end.min(self.bytes.len());
            if self.checked < end {
                self.hasher.update(&self.bytes[self.checked..end]);
                self.checked = end;
            }
            if self.bytes.len() < entry.bytes.end {
                break;
            }
            if hash_of(&self.hasher.finalize_reset()) != entry.hash {
                fail!(IntegrityMismatch, "catalog: section {} differs from its hash", entry.kind.name());
            }
            self.sections += 1;
        }
        Ok(())
    }
}

fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    if copy.try_reserve_exact(bytes.len()).is_err() {
        return Err(out_of_memory(bytes.len()));
    }
    copy.extend_from_slice(bytes);
    Ok(copy)
}

fn out_of_memory(bytes: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("catalog: {bytes} bytes cannot be allocated"))
}

#[cfg(test)]
mod tests {
    use super::super::container::FileKind;
    use super::super::file_writer::written as write_file;
    use super::*;

    fn file() -> Vec<u8> {
        let sections = vec![
            (SectionKind::Schema, b"{}".to_vec()),
            (SectionKind::Texts, vec![3; 70]),
            (SectionKind::Rows, vec![7; 100]),
        ];
        write_file(FileKind::Catalog, &[0; 32], sections)
    }

    fn received(pieces: &[&[u8]], announced: usize) -> Result<FileReceiver> {
        let mut receiver = FileReceiver::new(announced);
        pieces.iter().try_for_each(|piece| receiver.feed(piece))?;
        Ok(receiver)
    }

    #[test]
    fn any_pieces_give_the_file_and_its_keyword_part() {
        let file = file();
        for size in [1, 7, 64, 100, file.len()] {
            for announced in [0, file.len(), 10 * file.len()] {
                let receiver = received(&file.chunks(size).collect::<Vec<_>>(), announced).unwrap();
                assert_eq!(receiver.size(), Some(file.len()));
                let rows = Header::read(&file).unwrap().section(SectionKind::Rows).unwrap();
                let part = receiver.keyword_part().unwrap();
                assert!(part.len() <= rows.start && part.len() + 64 > rows.start && file.starts_with(&part));
                assert_eq!(receiver.to_bytes().unwrap(), file);
                assert_eq!(receiver.into_bytes().unwrap(), file);
            }
        }
    }

    #[test]
    fn the_part_without_rows_ends_after_the_codes() {
        let sections = vec![
            (SectionKind::Schema, b"{}".to_vec()),
            (SectionKind::Codes, vec![3; 70]),
            (SectionKind::Rows, vec![7; 100]),
        ];
        let coded = write_file(FileKind::Catalog, &[0; 32], sections);
        let end = Header::read(&coded).unwrap().section(SectionKind::Codes).unwrap().end;
        assert_eq!(received(&[&coded[..end]], 0).unwrap().code_bytes(), Some(end));
        for length in [end, end + 1, coded.len()] {
            assert_eq!(received(&[&coded[..length]], 0).unwrap().into_code_part().unwrap(), coded[..end]);
        }
        assert!(received(&[&coded[..end - 1]], 0).unwrap().into_code_part().is_err());
        assert_eq!(received(&[&file()[..]], 0).unwrap().into_code_part().unwrap(), file());
    }

    #[test]
    fn the_memory_of_a_part_is_reserved_at_once() {
        let sections = vec![
            (SectionKind::Schema, b"{}".to_vec()),
            (SectionKind::Texts, vec![3; 300_000]),
            (SectionKind::Codes, vec![5; 800_000]),
            (SectionKind::Rows, vec![7; 900_000]),
        ];
        let file = write_file(FileKind::Catalog, &[0; 32], sections);
        let header = Header::read(&file).unwrap();
        let end = |kind| header.section(kind).unwrap().end;
        for (part, end) in [
            (FilePart::Keywords, end(SectionKind::Texts)),
            (FilePart::Codes, end(SectionKind::Codes)),
            (FilePart::Whole, file.len()),
        ] {
            let mut receiver = FileReceiver::new(file.len()).with_part(part);
            let mut capacities = Vec::new();
            for piece in file[..(end + 50_000).min(file.len())].chunks(50_000) {
                receiver.feed(piece).unwrap();
                capacities.push(receiver.bytes.capacity());
            }
            capacities.dedup();
            let last = *capacities.last().unwrap();
            // The first piece has the header; a whole file needs none.
            assert!(
                capacities.len() <= 2 && last >= end && last <= end + MIN_RESERVED_BYTES,
                "{part:?} {capacities:?}"
            );
            // A header alone is not believed.
            let mut receiver = FileReceiver::new(0).with_part(part);
            receiver.feed(&file[..50_000]).unwrap();
            assert!(receiver.bytes.capacity() <= MIN_RESERVED_BYTES, "{part:?}");
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_rejected() {
        let whole = file();
        let accepts = |file: &[u8]| received(&file.chunks(50).collect::<Vec<_>>(), 0)?.into_bytes();
        assert!(accepts(&whole).is_ok());
        for cut in 0..whole.len() {
            assert!(accepts(&whole[..cut]).is_err(), "{cut}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            assert!(accepts(&damaged).is_err(), "{at}");
        }
        assert!(accepts(&[&whole[..], &[0]].concat()).is_err());
    }

    #[test]
    fn another_file_is_rejected_by_its_first_bytes() {
        assert!(received(&[b"<!DOCTYPE html>"], 0).is_err());
        assert!(received(&[b"COROM"], 0).is_ok());
    }
}
