//! Writes the file of a catalog or a delta, section by section. See `container`.

use std::io::{self, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

use super::bytes::ByteWriter;
use super::container::{ALIGNMENT, FileKind, Hash, Header, MAGIC, SectionKind, VERSION, hash_of};
use crate::error::{Error, ErrorCode, Result};

/// The last section of a file, which is written piece by piece.
pub(crate) struct LastSection<'a> {
    pub(crate) kind: SectionKind,
    /// Passes the bytes to its argument.
    #[allow(clippy::type_complexity, reason = "a function of a function")]
    pub(crate) write: &'a mut dyn FnMut(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>,
}

/// Writes a file of sections. Empty sections are left out; `last` is after the others.
///
/// # Errors
/// `FETCH_FAILED` if the file cannot be written, and those of `last`.
pub(crate) fn write_file(
    file: &mut (impl Write + Seek),
    kind: FileKind,
    parent: &Hash,
    mut sections: Vec<(SectionKind, Vec<u8>)>,
    last: Option<LastSection>,
) -> Result<()> {
    sections.retain(|(_, bytes)| !bytes.is_empty());
    sections.sort_by_key(|(kind, _)| *kind);
    let count = sections.len() + usize::from(last.is_some());
    let mut header = ByteWriter::default();
    header.bytes.extend(MAGIC);
    for number in [VERSION, kind as u32, count as u32, 0] {
        header.u32(number);
    }
    header.bytes.extend(parent);
    let mut end = Header::length_of(count) as u64;
    let mut write = |bytes: &[u8]| file.write_all(bytes).map_err(|error| not_written(&error));
    write(&vec![0; end as usize])?; // the place of the header
    let mut add = |kind: SectionKind, start: u64, length: u64, hash: Hash| {
        header.u32(kind as u32);
        header.u32(0);
        header.u64(start);
        header.u64(length);
        header.bytes.extend(hash);
    };
    let padding = |end: u64| vec![0; (end.next_multiple_of(ALIGNMENT as u64) - end) as usize];
    for (kind, bytes) in sections {
        write(&padding(end))?;
        let start = end.next_multiple_of(ALIGNMENT as u64);
        write(&bytes)?;
        add(kind, start, bytes.len() as u64, hash_of(&Sha256::digest(&bytes)));
        end = start + bytes.len() as u64;
    }
    if let Some(last) = last {
        write(&padding(end))?;
        let start = end.next_multiple_of(ALIGNMENT as u64);
        let mut hasher = Sha256::new();
        let mut length = 0;
        (last.write)(&mut |bytes| {
            hasher.update(bytes);
            length += bytes.len() as u64;
            write(bytes)
        })?;
        add(last.kind, start, length, hash_of(&hasher.finalize()));
    }
    let hash = Sha256::digest(&header.bytes);
    header.bytes.extend(hash);
    let write_header = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&header.bytes));
    write_header.and_then(|()| file.flush()).map_err(|error| not_written(&error))
}

fn not_written(error: &io::Error) -> Error {
    Error::new(ErrorCode::FetchFailed, format!("catalog: it cannot be written: {error}"))
}

/// Returns a file of sections.
#[cfg(test)]
pub(super) fn written(kind: FileKind, parent: &Hash, sections: Vec<(SectionKind, Vec<u8>)>) -> Vec<u8> {
    let mut file = io::Cursor::new(Vec::new());
    write_file(&mut file, kind, parent, sections, None).unwrap();
    file.into_inner()
}
