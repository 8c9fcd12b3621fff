//! One file of a catalog: the catalog itself or a delta's items, read in place.

use std::ops::Range;

use super::dictionary::Dictionary;
use super::format::container::{FileKind, Header, SectionKind};
use super::ids::Ids;
use super::postings::Postings;
use super::schema::{RowKind, Schema};
use super::single_rows::SingleRows;
use super::texts::Texts;
use super::vectors::codes::Codes;
use super::vectors::rows::{ROW_HASH_BYTES, Row, Rows};
use crate::error::{Result, fail};

/// A file and the numbers of its items.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) bytes: Vec<u8>,
    pub(crate) header: Header,
    pub(crate) schema: Schema,
    /// The number of its first item in the catalog.
    pub(crate) first: usize,
    /// Rows that arrived by themselves. None if all rows are there.
    pub(crate) single_rows: SingleRows,
}

impl Segment {
    /// Opens a file, or the first part of one. Nothing but the header is hashed.
    ///
    /// # Errors
    /// `INVALID_CATALOG`, `UNSUPPORTED_FORMAT`: see [`Header::read`]. `INVALID_CATALOG` if it ends before the ids do, or
    /// contradicts itself.
    pub(crate) fn open(bytes: Vec<u8>, header: Header, first: usize) -> Result<Self> {
        let schema = match header.section(SectionKind::Schema).and_then(|place| bytes.get(place)) {
            Some(section) => Schema::read(section)?,
            None => fail!(InvalidCatalog, "catalog: the schema is missing"),
        };
        let segment = Self { bytes, header, schema, first, single_rows: SingleRows::default() };
        let items = segment.items();
        Dictionary::open(segment.section(SectionKind::Dictionary)?)?;
        if Some(segment.section(SectionKind::Lengths)?.len())
            != items.checked_mul(segment.schema.fields.len())
        {
            fail!(InvalidCatalog, "field lengths: not one byte per item and field");
        }
        segment.section(SectionKind::Postings)?;
        segment.ids()?.check()?;
        if segment.has(SectionKind::Texts) {
            segment.texts()?;
        }
        segment.check_vectors()?;
        Ok(segment)
    }

    /// Checks the sizes of the rows and codes that are there.
    pub(super) fn check_vectors(&self) -> Result<()> {
        self.rows()?;
        self.codes()?;
        let Some(space) = &self.schema.vectors else { return Ok(()) };
        let section = |kind| self.header.section(kind).is_some();
        let has_codes = space.oversampling > 0 && self.items() > 0;
        let is_empty = space.rows == RowKind::None && self.items() > 0 && !has_codes;
        // Rows arrive by themselves beside codes alone, and those of deltas never do.
        let has_row_hashes =
            has_codes && space.rows != RowKind::None && self.header.kind == FileKind::Catalog;
        if is_empty
            || (space.rows == RowKind::None && section(SectionKind::Rows))
            || section(SectionKind::Codes) != has_codes
            || section(SectionKind::RowHashes) != has_row_hashes
        {
            fail!(InvalidCatalog, "schema: its vectors have other sections than the file");
        }
        let hashes = self.header.section(SectionKind::RowHashes).map_or(0, |place| place.len());
        if has_row_hashes && Some(hashes) != self.items().checked_mul(ROW_HASH_BYTES) {
            fail!(InvalidCatalog, "row hashes: {hashes} bytes for {} items", self.items());
        }
        Ok(())
    }

    /// Returns the number of items.
    pub(crate) fn items(&self) -> usize {
        self.schema.items as usize
    }

    /// Returns the numbers of its items in the catalog.
    pub(crate) fn range(&self) -> Range<usize> {
        self.first..self.first + self.items()
    }

    /// Returns true if the section is there as a whole, or empty.
    pub(crate) fn has(&self, kind: SectionKind) -> bool {
        self.header.section(kind).is_none_or(|place| place.end <= self.bytes.len())
    }

    /// Returns a section; no bytes if the file has none of this kind.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the bytes end before.
    pub(crate) fn section(&self, kind: SectionKind) -> Result<&[u8]> {
        match self.header.section(kind) {
            None => Ok(&[]),
            Some(place) => match self.bytes.get(place) {
                Some(section) => Ok(section),
                None => fail!(InvalidCatalog, "catalog: the file ends before the section {}", kind.name()),
            },
        }
    }

    pub(crate) fn dictionary(&self) -> Result<Dictionary<'_>> {
        Dictionary::open(self.section(SectionKind::Dictionary)?)
    }

    pub(crate) fn phrases(&self) -> Result<Option<Dictionary<'_>>> {
        match self.section(SectionKind::Phrases)? {
            [] => Ok(None),
            section => Dictionary::open(section).map(Some),
        }
    }

    /// Returns the postings at a place.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the place is outside the section.
    pub(crate) fn postings(&self, place: Range<usize>) -> Result<Postings<'_>> {
        match self.section(SectionKind::Postings)?.get(place) {
            Some(bytes) => Ok(Postings::new(bytes, self.schema.items)),
            None => fail!(InvalidCatalog, "term dictionary: postings outside their section"),
        }
    }

    /// Returns each item's length of each field, `[items, fields]`.
    pub(crate) fn lengths(&self) -> Result<&[u8]> {
        self.section(SectionKind::Lengths)
    }

    pub(crate) fn ids(&self) -> Result<Ids<'_>> {
        Ids::open(self.section(SectionKind::Ids)?, self.items())
    }

    pub(crate) fn texts(&self) -> Result<Texts<'_>> {
        Texts::open(self.section(SectionKind::Texts)?, self.items(), self.schema.fields.len())
    }

    /// Returns the rows, if all are there.
    pub(crate) fn rows(&self) -> Result<Option<Rows<'_>>> {
        match &self.schema.vectors {
            Some(space) if space.rows != RowKind::None && self.has(SectionKind::Rows) => {
                Rows::open(self.section(SectionKind::Rows)?, self.items(), space.dimension, space.rows)
                    .map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Returns the row of an item, if it is there.
    pub(crate) fn row(&self, local: usize) -> Result<Option<Row<'_>>> {
        let Some(space) = &self.schema.vectors else { return Ok(None) };
        let single = || self.single_rows.get(local).map(|row| Row::read(row, space.rows));
        Ok(self.rows()?.map(|rows| rows.get(local)).or_else(single))
    }

    /// Returns true if the file has codes, arrived or not.
    pub(crate) fn has_code_section(&self) -> bool {
        self.header.section(SectionKind::Codes).is_some()
    }

    /// Returns the codes, if they are there.
    pub(crate) fn codes(&self) -> Result<Option<Codes<'_>>> {
        match &self.schema.vectors {
            Some(space)
                if self.header.section(SectionKind::Codes).is_some() && self.has(SectionKind::Codes) =>
            {
                Codes::open(self.section(SectionKind::Codes)?, self.items(), space.dimension).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Reads a header of the kind, and checks the hash of each section if asked to.
    pub(crate) fn header(bytes: &[u8], kind: FileKind, verify: bool) -> Result<Header> {
        let header = Header::read(bytes)?;
        if header.kind != kind {
            fail!(InvalidCatalog, "catalog: found a {:?}; expected a {kind:?}", header.kind);
        }
        if bytes.len() > header.file_bytes() {
            fail!(InvalidCatalog, "catalog: {} bytes; the header says {}", bytes.len(), header.file_bytes());
        }
        if verify {
            header.verify(bytes)?;
        }
        Ok(header)
    }
}
