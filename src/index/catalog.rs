//! The catalog: a file of items and the deltas after it, as one list of items.

use std::collections::BTreeMap;

use super::attribute_value::AttributeValue;
use super::bits::Bits;
use super::changes::{Patches, read_patches, read_removals};
use super::characters::CharacterTable;
use super::columns::Column;
use super::estimates::LastEstimates;
use super::format::bytes::ByteReader;
use super::format::container::{FileKind, Hash, SectionKind, hex};
use super::json::Json;
use super::readings::Readings;
use super::schema::{Attribute, Field, RowKind, Schema, VectorSpace};
use super::segment::Segment;
use super::synonyms::Synonyms;
use super::texts::ItemTexts;
#[cfg(feature = "index")]
use super::vectors::codes::Codes;
use super::vectors::rotation::Rotation;
use super::vectors::rows::Row;
#[cfg(feature = "index")]
use super::vectors::rows::Rows;
use crate::error::{Error, ErrorCode, Result, fail};

/// The part of a file that is checked when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The SHA-256 of every section.
    Hashes,
    /// The SHA-256 of every section that has arrived: the bytes are the first part of a file.
    Part,
    /// The header only. The bytes were checked before, or are the first part of a file.
    Header,
}

/// A catalog of items that is searched.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) schema: Schema,
    pub(crate) segments: Vec<Segment>,
    /// The items that are neither removed nor replaced.
    pub(crate) live: Bits,
    /// The attributes of all items.
    pub(crate) columns: Vec<Column>,
    pub(crate) characters: CharacterTable,
    pub(crate) readings: Readings,
    pub(crate) synonyms: Synonyms,
    /// The mean of the vectors; empty while it has not arrived.
    pub(crate) mean: Vec<f32>,
    pub(crate) rotation: Option<Rotation>,
    /// The average length of each field over the live items.
    pub(crate) averages: Vec<f32>,
    pub(crate) last_estimates: LastEstimates,
    pub(super) tip: Hash,
    /// The sections of each file, and their sizes.
    #[cfg(feature = "index")]
    files: Vec<Vec<(SectionKind, usize)>>,
}

impl Catalog {
    /// Opens a catalog file. With [`Check::Part`] and [`Check::Header`] the bytes may be the first part of a file: keyword search works from
    /// the end of the section of ids on, semantic search when the rows are there.
    ///
    /// # Errors
    /// `INVALID_CATALOG`, `UNSUPPORTED_FORMAT`, `INTEGRITY_MISMATCH`.
    pub fn open(bytes: Vec<u8>, check: Check) -> Result<Self> {
        let header = Segment::header(&bytes, FileKind::Catalog, check == Check::Hashes)?;
        if check == Check::Part {
            header.verify_arrived(&bytes, 0)?;
        }
        let tip = header.hash;
        #[cfg(feature = "index")]
        let files = vec![header.sizes()];
        let segment = Segment::open(bytes, header, 0)?;
        let (schema, items) = (segment.schema.clone(), segment.items());
        let characters = CharacterTable::read(segment.section(SectionKind::Characters)?)?;
        let arrived = |kind| if segment.has(kind) { segment.section(kind) } else { Ok(&[][..]) };
        let synonyms = Synonyms::read(arrived(SectionKind::Synonyms)?, &characters)?;
        let readings = Readings::read(arrived(SectionKind::Readings)?)?;
        let mut mean = Vec::new();
        if let Some(space) = &schema.vectors {
            mean = read_mean(arrived(SectionKind::Mean)?, space.dimension)?;
        }
        let columns = read_columns(&segment)?;
        let rotation = Self::rotation(&schema, &segment)?;
        let mut catalog = Self {
            schema,
            segments: vec![segment],
            live: Bits::all(items),
            columns,
            characters,
            readings,
            synonyms,
            mean,
            rotation,
            averages: Vec::new(),
            last_estimates: LastEstimates::default(),
            tip,
            #[cfg(feature = "index")]
            files,
        };
        catalog.averages = catalog.averages(&catalog.segments, &catalog.live)?;
        Ok(catalog)
    }

    /// Returns the rotation of the codes, if they are there.
    pub(super) fn rotation(schema: &Schema, segment: &Segment) -> Result<Option<Rotation>> {
        let has_codes = segment.codes()?.is_some();
        let space = schema.vectors.as_ref().filter(|space| has_codes || space.rows == RowKind::None);
        Ok(space.map(|space| Rotation::new(space.dimension)))
    }

    /// Applies a delta: its new items, its removals and its patches. The catalog stays as it is if that fails.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the delta is damaged or continues another file; `INTEGRITY_MISMATCH` if a hash differs.
    pub fn apply(&mut self, bytes: Vec<u8>, check: Check) -> Result<()> {
        let header = Segment::header(&bytes, FileKind::Delta, check != Check::Header)?;
        if !header.continues(&self.tip) {
            fail!(InvalidCatalog, "delta: it continues another catalog, or is out of order");
        }
        if bytes.len() != header.file_bytes() {
            fail!(InvalidCatalog, "delta: {} bytes; the header says {}", bytes.len(), header.file_bytes());
        }
        let tip = header.hash;
        #[cfg(feature = "index")]
        let sizes = header.sizes();
        let section = |kind| header.section(kind).map_or(&[][..], |place| &bytes[place]);
        let mut live = self.live.clone();
        for id in read_removals(section(SectionKind::Removals))? {
            match self.find(&id)? {
                Some(item) => live.remove(item),
                None => fail!(InvalidCatalog, "delta: it removes {id:?}, which the catalog has not"),
            }
        }
        let patches = read_patches(section(SectionKind::Patches), &self.schema)?;
        let added = match header.section(SectionKind::Schema) {
            Some(_) => Some(Segment::open(bytes, header, self.items())?),
            None => None,
        };
        self.commit(live, patches, added)?;
        self.tip = tip;
        #[cfg(feature = "index")]
        self.files.push(sizes);
        Ok(())
    }

    fn commit(&mut self, mut live: Bits, patches: Patches, added: Option<Segment>) -> Result<()> {
        let mut parts: Vec<Vec<Column>> = self.columns.iter().map(|column| vec![column.clone()]).collect();
        let (mut characters, mut readings) = (self.characters.clone(), self.readings.clone());
        let mut is_recoded = false;
        if let Some(segment) = &added {
            if !self.schema.fits(&segment.schema) {
                fail!(
                    InvalidCatalog,
                    "delta: its items have other fields, attributes or vectors than the catalog"
                );
            }
            if self.segments[0].has_code_section() && segment.items() > 0 && segment.codes()?.is_none() {
                fail!(InvalidCatalog, "delta: its items have no codes, and the catalog's have");
            }
            live.resize(self.items() + segment.items());
            let ids = segment.ids()?;
            for local in 0..segment.items() {
                if let Some(item) = self.find(ids.get(local)?)? {
                    live.remove(item);
                }
                live.insert(segment.first + local);
            }
            parts.iter_mut().zip(read_columns(segment)?).for_each(|(parts, column)| parts.push(column));
            characters = self.characters_with(segment)?;
            readings.extend(&Readings::read(segment.section(SectionKind::Readings)?)?);
            is_recoded = true;
        }
        let mut set: Vec<BTreeMap<u32, Option<AttributeValue>>> = vec![BTreeMap::new(); self.columns.len()];
        for (id, values) in patches {
            let new = match &added {
                Some(segment) => segment.ids()?.find(&id)?.map(|local| segment.first + local),
                None => None,
            };
            let old = self.find(&id)?.filter(|&item| live.contains(item));
            let Some(item) = new.or(old) else {
                fail!(InvalidCatalog, "delta: it patches {id:?}, which the catalog has not")
            };
            for (attribute, value) in values {
                set[attribute].insert(item as u32, value);
            }
        }
        let mut columns = Vec::new();
        for ((attribute, parts), set) in self.schema.attributes.iter().zip(&parts).zip(&set) {
            columns.push(Column::join(attribute.kind, parts, set, &live));
        }
        let synonyms = match is_recoded {
            true => Synonyms::read(self.segments[0].section(SectionKind::Synonyms)?, &characters)?,
            false => self.synonyms.clone(),
        };
        let averages = self.averages(self.segments.iter().chain(&added), &live)?;
        self.segments.extend(added);
        self.last_estimates.clear();
        (self.live, self.columns, self.averages) = (live, columns, averages);
        (self.characters, self.readings, self.synonyms) = (characters, readings, synonyms);
        Ok(())
    }

    /// Returns the number of item numbers in use, with those of removed items.
    pub(crate) fn items(&self) -> usize {
        self.segments.last().map_or(0, |segment| segment.range().end)
    }

    /// Returns the number of items.
    pub fn len(&self) -> usize {
        self.live.count()
    }

    /// Returns true if the catalog has no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the fields, attributes and vectors. `items` counts those of the first file.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Returns the hash of the last file: the one that the next delta continues.
    pub fn tip(&self) -> [u8; 32] {
        self.tip
    }

    /// Returns the segment of an item, and the item's number in it.
    pub(crate) fn segment_of(&self, item: usize) -> (&Segment, usize) {
        let at = self.segments.partition_point(|segment| segment.range().end <= item);
        (&self.segments[at], item - self.segments[at].first)
    }

    /// Finds the live item with an id.
    pub(crate) fn find(&self, id: &str) -> Result<Option<usize>> {
        for segment in self.segments.iter().rev() {
            if let Some(local) = segment.ids()?.find(id)? {
                let item = segment.first + local;
                return Ok(self.live.contains(item).then_some(item));
            }
        }
        Ok(None)
    }

    /// Returns the id of an item.
    pub(crate) fn id(&self, item: usize) -> Result<&str> {
        let (segment, local) = self.segment_of(item);
        segment.ids()?.get(local)
    }

    /// Returns the texts of an item, if they have arrived.
    pub(crate) fn texts(&self, item: usize) -> Result<Option<ItemTexts>> {
        let (segment, local) = self.segment_of(item);
        if !segment.has(SectionKind::Texts) {
            return Ok(None);
        }
        segment.texts()?.get(local).map(Some)
    }

    /// Returns the row of an item, if it has arrived.
    pub(crate) fn row(&self, item: usize) -> Result<Option<Row<'_>>> {
        let (segment, local) = self.segment_of(item);
        segment.row(local)
    }

    /// Returns the vector of an item from its row, or else from its code.
    pub(crate) fn vector(&self, item: usize) -> Result<Option<Vec<f32>>> {
        if let Some(row) = self.row(item)? {
            return Ok(Some(row.vector(&self.mean)));
        }
        let (segment, local) = self.segment_of(item);
        let coded = segment.codes()?.zip(self.rotation.as_ref());
        Ok(coded.map(|(codes, rotation)| codes.vector(local, &self.mean, rotation)))
    }

    /// Returns true if the catalog has vectors, and the rows or the codes of all items have arrived.
    pub fn has_vectors(&self) -> bool {
        let is_there = |segment: &Segment| {
            matches!(segment.rows(), Ok(Some(_)))
                || matches!(segment.codes(), Ok(Some(_)))
                || segment.items() == 0
        };
        self.schema.vectors.is_some() && !self.mean.is_empty() && self.segments.iter().all(is_there)
    }

    /// Returns the items that are neither removed nor replaced.
    #[cfg(feature = "index")]
    pub(crate) fn live_items(&self) -> &Bits {
        &self.live
    }

    #[cfg(feature = "index")]
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    #[cfg(feature = "index")]
    pub(crate) fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Returns true if new items need codes.
    #[cfg(feature = "index")]
    pub(crate) fn has_codes(&self) -> bool {
        self.rotation.is_some()
    }

    /// Returns the synonyms as they were written.
    #[cfg(feature = "index")]
    pub(crate) fn synonym_groups(&self) -> Result<Vec<Vec<String>>> {
        Synonyms::groups(self.segments[0].section(SectionKind::Synonyms)?)
    }

    /// Returns the rows and codes of each file, with the numbers of its items.
    #[cfg(feature = "index")]
    pub(crate) fn vector_parts(&self) -> Result<Vec<VectorPart<'_>>> {
        self.segments.iter().map(|segment| Ok((segment.rows()?, segment.codes()?, segment.range()))).collect()
    }

    fn averages<'a>(&self, segments: impl IntoIterator<Item = &'a Segment>, live: &Bits) -> Result<Vec<f32>> {
        let fields = self.schema.fields.len();
        let mut sums = vec![0_u64; fields];
        for segment in segments {
            for (local, lengths) in segment.lengths()?.chunks_exact(fields).enumerate() {
                if live.contains(segment.first + local) {
                    sums.iter_mut().zip(lengths).for_each(|(sum, &length)| *sum += u64::from(length));
                }
            }
        }
        let items = live.count().max(1) as f64;
        Ok(sums.into_iter().map(|sum| (sum as f64 / items) as f32).collect())
    }

    /// Returns the error for an id that the catalog has not.
    pub(crate) fn unknown_id(id: &str) -> Error {
        Error::new(ErrorCode::InvalidArgument, format!("id: the catalog has no item {id:?}"))
    }

    /// Returns the name and size of each section of each file, the catalog's first.
    #[cfg(feature = "index")]
    pub fn sections(&self) -> Vec<Vec<(&'static str, usize)>> {
        let named = |sections: &Vec<(SectionKind, usize)>| {
            sections.iter().map(|&(kind, bytes)| (kind.name(), bytes)).collect()
        };
        self.files.iter().map(named).collect()
    }

    /// Returns what the catalog has, as JSON: `items`, `fields`, `attributes`, `vectors`, `hasVectors` and `hasRows`
    /// (whether the vectors and all their rows have arrived), and as `version` the hash of the last file, in hex.
    pub fn info(&self) -> Json {
        let schema = self.schema();
        Json::object([
            ("items", self.len().into()),
            ("fields", Json::array(schema.fields.iter().map(Field::to_json))),
            ("attributes", Json::array(schema.attributes.iter().map(Attribute::to_json))),
            ("vectors", schema.vectors.as_ref().map(VectorSpace::to_json).into()),
            ("hasVectors", self.has_vectors().into()),
            ("hasRows", self.has_rows().into()),
            ("version", hex(&self.tip).as_str().into()),
        ])
    }

    /// Returns the ids of the items.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if an id is damaged.
    pub fn ids(&self) -> Result<Vec<&str>> {
        self.live.iter().map(|item| self.id(item)).collect()
    }
}

#[cfg(feature = "index")]
type VectorPart<'a> = (Option<Rows<'a>>, Option<Codes<'a>>, std::ops::Range<usize>);

fn read_columns(segment: &Segment) -> Result<Vec<Column>> {
    let mut reader = ByteReader::new(segment.section(SectionKind::Columns)?, "columns");
    let read = |kind| Column::read(&mut reader, kind, segment.items());
    let columns = segment.schema.attributes.iter().map(|attribute| attribute.kind).map(read).collect();
    if !reader.is_empty() {
        fail!(InvalidCatalog, "columns: bytes after the last column");
    }
    columns
}

pub(super) fn read_mean(section: &[u8], dimension: usize) -> Result<Vec<f32>> {
    let mean: Vec<f32> = section.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    if !section.is_empty() && section.len() != 4 * dimension || mean.iter().any(|x| !x.is_finite()) {
        fail!(InvalidCatalog, "mean: {} bytes for {dimension} dimensions", section.len());
    }
    Ok(mean)
}
