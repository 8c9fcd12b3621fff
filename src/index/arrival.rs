//! A catalog whose file arrives in parts: its first part, more of it, and single rows.

use super::catalog::{Catalog, read_mean};
use super::format::container::{Header, SectionKind, hex};
use super::json::Json;
use super::readings::Readings;
use super::schema::RowKind;
use super::synonyms::Synonyms;
use super::vectors::rows::{ROW_HASH_BYTES, row_bytes, row_hash};
use crate::error::{Error, ErrorCode, Result, fail};

/// Returns the places of the sections in a catalog file or a delta, from its first bytes, as JSON: `hash`, `bytes` of the
/// whole file, `headerBytes`, and `sections`, each with `name`, `offset` and `length`. Null if the header has not arrived
/// as a whole.
///
/// # Errors
/// `INVALID_CATALOG`, `UNSUPPORTED_FORMAT`.
pub fn layout(file: &[u8]) -> Result<Json> {
    if Header::length(file)?.is_none_or(|size| size > file.len()) {
        return Ok(Json::Null);
    }
    let header = Header::read(file)?;
    let sections = header.entries.iter().map(|entry| {
        Json::object([
            ("name", entry.kind.name().into()),
            ("offset", entry.bytes.start.into()),
            ("length", entry.bytes.len().into()),
        ])
    });
    Ok(Json::object([
        ("hash", hex(&header.hash).as_str().into()),
        ("bytes", header.file_bytes().into()),
        ("headerBytes", header.header_bytes().into()),
        ("sections", Json::array(sections)),
    ]))
}

/// Returns the hash that identifies a catalog file or a delta.
///
/// # Errors
/// `INVALID_CATALOG` if it has no valid header.
pub fn file_hash(file: &[u8]) -> Result<[u8; 32]> {
    Ok(Header::read(file)?.hash)
}

impl Catalog {
    /// Appends the next bytes of the catalog's file, which was opened as its first part. Sections are hashed as they
    /// become whole, with `verify`. Vectors can be searched when the codes have arrived, texts when theirs have.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if there are more bytes than the header says, `INTEGRITY_MISMATCH`, `OUT_OF_MEMORY`. The catalog
    /// stays as it is.
    pub fn extend(&mut self, bytes: &[u8], verify: bool) -> Result<()> {
        let segment = &mut self.segments[0];
        let (before, whole) = (segment.bytes.len(), segment.header.file_bytes());
        if bytes.len() > whole - before {
            fail!(InvalidCatalog, "catalog: {} bytes; the header says {whole}", before + bytes.len());
        }
        // No more than the sections that arrive: a page may never take the rows.
        let end = segment.header.section_end(before + bytes.len());
        if segment.bytes.try_reserve_exact(end - before).is_err() {
            let message = format!("catalog: {end} bytes cannot be allocated");
            return Err(Error::new(ErrorCode::OutOfMemory, message));
        }
        segment.bytes.extend_from_slice(bytes);
        let refreshed = match verify {
            true => segment.header.verify_arrived(&segment.bytes, before),
            false => Ok(()),
        };
        if let Err(error) = refreshed.and_then(|()| self.refresh()) {
            self.segments[0].bytes.truncate(before);
            return Err(error);
        }
        self.last_estimates.clear();
        let segment = &mut self.segments[0];
        if segment.has(SectionKind::Rows) {
            segment.single_rows.clear();
        }
        Ok(())
    }

    /// Reads what sections of the first file have become whole.
    fn refresh(&mut self) -> Result<()> {
        let segment = &self.segments[0];
        segment.check_vectors()?;
        if segment.has(SectionKind::Texts) {
            segment.texts()?;
        }
        let arrived = |kind| if segment.has(kind) { segment.section(kind) } else { Ok(&[][..]) };
        let mut readings = Readings::read(arrived(SectionKind::Readings)?)?;
        for delta in &self.segments[1..] {
            readings.extend(&Readings::read(delta.section(SectionKind::Readings)?)?);
        }
        let synonyms = Synonyms::read(arrived(SectionKind::Synonyms)?, &self.characters)?;
        let mut mean = Vec::new();
        if let Some(space) = &self.schema.vectors {
            mean = read_mean(arrived(SectionKind::Mean)?, space.dimension)?;
        }
        let rotation = Self::rotation(&self.schema, segment)?;
        (self.readings, self.synonyms, self.mean, self.rotation) = (readings, synonyms, mean, rotation);
        Ok(())
    }

    /// Returns true if every row has arrived.
    pub fn has_rows(&self) -> bool {
        self.segments.iter().all(|segment| matches!(segment.rows(), Ok(Some(_))))
    }

    /// Makes room for rows of `more` bytes that the last search wants: drops other rows that arrived by themselves, if all of
    /// them would be too many. They arrive again when a search wants them. Returns the bytes of those that stay.
    pub fn make_room(&mut self, more: usize) -> usize {
        let rows = &mut self.segments[0].single_rows;
        rows.make_room(more);
        rows.bytes()
    }

    /// Returns the bytes of the rows that arrived by themselves. None are kept once all rows have arrived.
    pub fn single_row_bytes(&self) -> usize {
        self.segments[0].single_rows.bytes()
    }

    /// Adds rows of the catalog's file that arrived by themselves: the bytes from `offset` on. They are whole rows, as
    /// [`SearchResult::missing_rows`](super::SearchResult::missing_rows) names them. If all rows have arrived meanwhile, they
    /// are not needed.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the bytes are no whole rows, `INTEGRITY_MISMATCH` if they are those of another catalog.
    pub fn add_rows(&mut self, offset: usize, bytes: &[u8]) -> Result<()> {
        let segment = &mut self.segments[0];
        let space = segment.schema.vectors.as_ref().filter(|space| space.rows != RowKind::None);
        let (Some(space), Some(place)) = (space, segment.header.section(SectionKind::Rows)) else {
            fail!(InvalidArgument, "addRows: the catalog has no rows")
        };
        let width = row_bytes(space.dimension, space.rows);
        let end = offset.checked_add(bytes.len()).filter(|&end| end <= place.end);
        if end.is_none()
            || offset < place.start
            || !bytes.len().is_multiple_of(width)
            || !(offset - place.start).is_multiple_of(width)
        {
            fail!(
                InvalidArgument,
                "addRows: {} bytes at {offset}; expected whole rows of {width} bytes between {} and {}",
                bytes.len(),
                place.start,
                place.end
            );
        }
        let first = (offset - place.start) / width;
        for (at, bytes) in bytes.chunks_exact(width).enumerate() {
            let item = first + at;
            let hashes = segment.section(SectionKind::RowHashes)?.as_chunks::<ROW_HASH_BYTES>().0;
            if hashes.get(item).is_some_and(|hash| *hash != row_hash(bytes)) {
                fail!(
                    IntegrityMismatch,
                    "addRows: the row of item {item} is damaged, or belongs to another catalog"
                );
            }
            if !segment.has(SectionKind::Rows) {
                segment.single_rows.insert(item, bytes);
            }
        }
        Ok(())
    }

    /// Returns the places of items' rows in the catalog's file: offset and length, rising. Rows side by side are one place.
    pub(crate) fn row_places(&self, items: &[usize]) -> Result<Vec<[usize; 2]>> {
        let segment = &self.segments[0];
        let (Some(space), Some(section)) =
            (&segment.schema.vectors, segment.header.section(SectionKind::Rows))
        else {
            return Ok(Vec::new());
        };
        let width = row_bytes(space.dimension, space.rows);
        let mut items: Vec<usize> = items.iter().copied().filter(|&item| item < segment.items()).collect();
        super::order::sort(&mut items);
        items.dedup();
        let mut places: Vec<[usize; 2]> = Vec::new();
        for item in items {
            let offset = section.start + item * width;
            match places.last_mut() {
                Some(last) if last[0] + last[1] == offset => last[1] += width,
                _ => places.push([offset, width]),
            }
        }
        Ok(places)
    }
}
