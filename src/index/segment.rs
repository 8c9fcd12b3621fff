//! One file of a catalog: the catalog itself or a delta's items, read in place.

use std::ops::Range;

use super::dictionary::Dictionary;
use super::format::container::{FileKind, Header, SectionKind};
use super::ids::Ids;
use super::postings::Postings;
use super::schema::Schema;
use super::texts::Texts;
use super::vectors::codes::Codes;
use super::vectors::rows::Rows;
use crate::error::{Result, fail};

/// A file and the numbers of its items.
#[derive(Debug)]
pub(crate) struct Segment {
    bytes: Vec<u8>,
    pub(crate) header: Header,
    pub(crate) schema: Schema,
    /// The number of its first item in the catalog.
    pub(crate) first: usize,
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
        let segment = Self { bytes, header, schema, first };
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
        segment.rows()?;
        segment.codes()?;
        Ok(segment)
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

    /// Returns the int8 rows, if they are there.
    pub(crate) fn rows(&self) -> Result<Option<Rows<'_>>> {
        match &self.schema.vectors {
            Some(space) if self.has(SectionKind::Rows) => {
                Rows::open(self.section(SectionKind::Rows)?, self.items(), space.dimension).map(Some)
            }
            _ => Ok(None),
        }
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
