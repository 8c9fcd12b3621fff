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
use super::parts::{Entry, HASH_BYTES, Hash, SectionKind, hash_of};
#[cfg(any(feature = "index", test))]
use super::parts::{MAGIC, VERSION};
use crate::error::{Result, fail};

/// The number of the kind in the file.
pub(super) const KIND: u32 = 2;
/// Magic, version, kind and size.
pub(super) const PREFIX_BYTES: usize = 20;
/// Bytes of a hash that are in the file.
pub(super) const HALF_HASH_BYTES: usize = 16;
const MIN_BYTES: usize = PREFIX_BYTES + 2 * HALF_HASH_BYTES;
/// Beyond that the table of sections is a small part of the file.
pub(super) const MAX_BYTES: usize = 4096;
const WHAT: &str = "small delta";

/// A small delta.
pub(super) struct SmallDelta {
    /// Its size.
    pub(super) bytes: usize,
    /// The first half of the hash of the file that it continues, then zeros.
    pub(super) parent: Hash,
    pub(super) entries: Vec<Entry>,
    pub(super) hash: Hash,
}

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
pub(super) fn read(file: &[u8], size: u32) -> Result<SmallDelta> {
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
    let mut parent = [0; HASH_BYTES];
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
    Ok(SmallDelta { bytes: size, parent, entries, hash })
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
