//! A delta of few bytes: removals and patches without a table of sections.
//!
//! ```text
//! file := magic "COROMCAT", version: u32 = 1, kind: u32 = 2, size: u32, parent: 16 bytes, part × parts, hash: 16 bytes
//! part := section: varint, length: varint, bytes     sections rise: removals and patches
//! ```
//! `size` counts all bytes. The SHA-256 of those before `hash` identifies the file; `hash` is its first half, and `parent`
//! that of the file before. So the whole file is read as a header.

use sha2::{Digest, Sha256};

use super::bytes::ByteReader;
#[cfg(any(feature = "index", test))]
use super::bytes::ByteWriter;
use super::container::{Entry, FileKind, Hash, Header, SectionKind, hash_of};
#[cfg(any(feature = "index", test))]
use super::container::{MAGIC, VERSION};
use crate::error::{Result, fail};

/// The number of the kind in the file.
pub(super) const KIND: u32 = 2;
/// Magic, version, kind and size.
const PREFIX_BYTES: usize = 20;
/// Bytes of a hash that are in the file.
pub(super) const HALF_HASH_BYTES: usize = 16;
const MIN_BYTES: usize = PREFIX_BYTES + 2 * HALF_HASH_BYTES;
/// Beyond that the table of sections is a small part of the file.
const MAX_BYTES: usize = 4096;
const WHAT: &str = "small delta";

/// Checks the size that a small delta states.
///
/// # Errors
/// `INVALID_CATALOG` if no small delta has it.
pub(super) fn checked_size(size: u32) -> Result<usize> {
    match size as usize {
        size @ MIN_BYTES..=MAX_BYTES => Ok(size),
        size => fail!(InvalidCatalog, "{WHAT}: {size} bytes; expected {MIN_BYTES} to {MAX_BYTES}"),
    }
}

/// Reads the small delta at the beginning of `file`, of which the bytes before `size` are checked.
///
/// # Errors
/// `INVALID_CATALOG` if it is cut or damaged.
pub(super) fn read(file: &[u8], size: u32) -> Result<Header> {
    let size = checked_size(size)?;
    let end = size - HALF_HASH_BYTES;
    let Some(bytes) = file.get(..size) else {
        fail!(InvalidCatalog, "{WHAT}: {} bytes; expected {size}", file.len())
    };
    let hash: Hash = hash_of(&Sha256::digest(&bytes[..end]));
    if hash[..HALF_HASH_BYTES] != bytes[end..] {
        fail!(InvalidCatalog, "{WHAT}: the hash differs from the bytes; the file is damaged");
    }
    let mut reader = ByteReader::new(&bytes[PREFIX_BYTES..end], WHAT);
    let mut parent = [0; 32];
    parent[..HALF_HASH_BYTES].copy_from_slice(reader.bytes(HALF_HASH_BYTES)?);
    let mut entries: Vec<Entry> = Vec::new();
    while !reader.is_empty() {
        let number = reader.varint()?;
        let kinds = [SectionKind::Removals, SectionKind::Patches];
        let kind = kinds.into_iter().find(|&kind| kind as u32 == number);
        let Some(kind) = kind.filter(|kind| entries.last().is_none_or(|last| last.kind < *kind)) else {
            fail!(InvalidCatalog, "{WHAT}: section {number} is unknown or out of order")
        };
        let length = reader.varint()? as usize;
        reader.bytes(length)?;
        let stop = end - reader.rest().len();
        entries.push(Entry { kind, bytes: stop - length..stop, hash: [0; 32] });
    }
    Ok(Header { kind: FileKind::Delta, parent, entries, hash, small_bytes: Some(size) })
}

/// Returns a small delta; `None` if a section is of another kind, or they have too many bytes.
#[cfg(any(feature = "index", test))]
pub(crate) fn written(parent: &Hash, sections: &[(SectionKind, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut parts = ByteWriter::default();
    for kind in [SectionKind::Removals, SectionKind::Patches] {
        for (_, bytes) in sections.iter().filter(|(other, bytes)| *other == kind && !bytes.is_empty()) {
            parts.varint(kind as u32);
            parts.varint(bytes.len() as u32);
            parts.bytes.extend(bytes);
        }
    }
    let is_change = |kind: &SectionKind| matches!(kind, SectionKind::Removals | SectionKind::Patches);
    let size = MIN_BYTES + parts.bytes.len();
    if size > MAX_BYTES || !sections.iter().all(|(kind, _)| is_change(kind)) {
        return None;
    }
    let mut file = ByteWriter::default();
    file.bytes.extend(MAGIC);
    for number in [VERSION, KIND, size as u32] {
        file.u32(number);
    }
    file.bytes.extend(&parent[..HALF_HASH_BYTES]);
    file.bytes.extend(parts.bytes);
    let hash = Sha256::digest(&file.bytes);
    file.bytes.extend(&hash[..HALF_HASH_BYTES]);
    Some(file.bytes)
}

#[cfg(test)]
mod tests {
    use super::super::receiver::FileReceiver;
    use super::*;

    fn file() -> Vec<u8> {
        let sections = [(SectionKind::Removals, b"\x01a".to_vec()), (SectionKind::Patches, vec![b'x'; 300])];
        written(&[7; 32], &sections).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let file = file();
        let header = Header::read(&[&file[..], &[9; 3]].concat()).unwrap();
        assert_eq!(header.file_bytes(), file.len());
        assert_eq!(&file[header.section(SectionKind::Removals).unwrap()], b"\x01a");
        assert_eq!(&file[header.section(SectionKind::Patches).unwrap()], [b'x'; 300]);
        assert_eq!(header.section(SectionKind::Schema), None);
        let other = [[7; 16], [8; 16]].concat().try_into().unwrap();
        assert!(header.continues(&[7; 32]) && header.continues(&other) && !header.continues(&[8; 32]));
        assert_ne!(header.hash[16..], [0; 16], "the hash that identifies it is a whole one");
        for size in [1, 7, file.len()] {
            let mut receiver = FileReceiver::new(0);
            file.chunks(size).for_each(|piece| receiver.feed(piece).unwrap());
            assert_eq!((receiver.size(), receiver.hash()), (Some(file.len()), Some(header.hash)));
            assert_eq!(receiver.into_bytes().unwrap(), file);
        }
    }

    #[test]
    fn large_changes_and_items_are_not_small() {
        assert!(written(&[0; 32], &[(SectionKind::Patches, vec![b'x'; MAX_BYTES])]).is_none());
        assert!(written(&[0; 32], &[(SectionKind::Schema, vec![b'x'; 3])]).is_none());
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_rejected() {
        let whole = file();
        let accepts = |file: &[u8]| {
            let mut receiver = FileReceiver::new(0);
            let fed = file.chunks(50).try_for_each(|piece| receiver.feed(piece));
            let arrived = fed.and_then(|()| receiver.into_bytes()).is_ok();
            let opened = Header::read(file).and_then(|header| header.verify(file)).is_ok();
            assert_eq!(arrived, opened);
            opened
        };
        assert!(accepts(&whole));
        (0..whole.len()).for_each(|cut| assert!(!accepts(&whole[..cut]), "{cut}"));
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            assert!(!accepts(&damaged), "{at}");
        }
        assert!(!accepts(&[&whole[..], &[0]].concat()));
    }

    #[test]
    fn sections_that_do_not_fit_are_rejected() {
        let with = |parts: &[u8]| {
            let mut file = [&file()[..PREFIX_BYTES], &[7; HALF_HASH_BYTES], parts].concat();
            let size = (file.len() + HALF_HASH_BYTES) as u32;
            file[16..20].copy_from_slice(&size.to_le_bytes());
            let hash = Sha256::digest(&file);
            file.extend(&hash[..HALF_HASH_BYTES]);
            Header::read(&file)
        };
        assert!(with(&[]).is_ok() && with(&[2, 1, 0, 3, 0]).is_ok());
        for parts in
            [&[1_u8, 0][..], &[2], &[2, 1], &[3, 0, 2, 0], &[3, 0, 3, 0], &[2, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]]
        {
            assert_eq!(with(parts).unwrap_err().code().as_str(), "INVALID_CATALOG", "{parts:?}");
        }
    }
}
