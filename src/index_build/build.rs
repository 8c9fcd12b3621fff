//! Items to a catalog file.

use std::collections::HashSet;
use std::io::{Cursor, Seek, Write};

use super::characters::{self, term_characters};
use super::item::Item;
use super::vectors::{self, CheckedVectors, OwnVectors, VectorSource};
use super::{keywords, phrases, readings, texts};
use crate::error::{Result, fail};
use crate::index::sections::{
    Bits, ByteWriter, Column, FileKind, Ids, LastSection, SectionKind, Synonyms, row_bytes, row_hash,
    write_file,
};
use crate::index::{Catalog, MAX_ITEMS, RowKind, Schema};

/// From so many items on a coded scan is faster than the exact one.
const CODED_ITEMS: usize = 100_000;

/// The options with which a catalog is built.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BuildOptions {
    /// Groups of words that mean the same.
    pub synonyms: Vec<Vec<String>>,
    /// The choice about codes of one bit per dimension.
    pub codes: CodesOption,
    /// Vectors like those of queries. With them the oversampling of codes is measured; without them, with vectors of items.
    pub queries: Vec<Vec<f32>>,
}

/// The choice about codes of one bit per dimension, for a first pass over many items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodesOption {
    /// From 100,000 items on.
    #[default]
    Auto,
    /// Always.
    Yes,
    /// Never.
    No,
}

impl CodesOption {
    /// Returns true if a catalog of so many items gets codes.
    pub fn applies_to(self, items: usize) -> bool {
        match self {
            Self::Auto => items >= CODED_ITEMS,
            other => other == Self::Yes,
        }
    }
}

/// Builds a catalog file of items with their vectors. `schema.items` and `oversampling` are computed.
///
/// # Errors
/// `INVALID_ARGUMENT` with the id of the item that is wrong.
pub fn build(schema: &Schema, items: &[Item], options: &BuildOptions) -> Result<Vec<u8>> {
    if let (None, Some(item)) = (&schema.vectors, items.iter().find(|item| item.vector.is_some())) {
        fail!(InvalidArgument, "item {:?}: a vector, but the schema has none", item.id);
    }
    let mut file = Cursor::new(Vec::new());
    build_to(&mut file, schema, items, &mut OwnVectors(items), options)?;
    Ok(file.into_inner())
}

/// Builds a catalog file as [`build`] does, with the vectors from `vectors`. The rows are not kept in memory.
///
/// # Errors
/// The errors of [`build`], those of `vectors`, and `FETCH_FAILED` if the file cannot be written.
pub fn build_to(
    file: &mut (impl Write + Seek),
    schema: &Schema,
    items: &[Item],
    vectors: &mut dyn VectorSource,
    options: &BuildOptions,
) -> Result<()> {
    check_items(schema, items)?;
    if let Some(word) = options.synonyms.iter().flatten().find(|word| !is_searched(word)) {
        fail!(InvalidArgument, "synonyms: {word:?} has neither letters nor digits nor Chinese characters");
    }
    let Some(space) = &schema.vectors else {
        if options.codes == CodesOption::Yes {
            fail!(InvalidArgument, "codes: there are no vectors to make them of");
        }
        let sections = sections(schema, items, &options.synonyms, 0)?;
        return write_file(file, FileKind::Catalog, &[0; 32], sections, None);
    };
    let with_codes = options.codes.applies_to(items.len()) || space.rows == RowKind::None;
    let mut checked = CheckedVectors { source: vectors, space, items };
    let measured = vectors::measure(&mut checked, with_codes, &options.queries)?;
    let mut sections = sections(schema, items, &options.synonyms, measured.oversampling)?;
    sections.push((SectionKind::Mean, bytes_of(&measured.mean)));
    sections.push((SectionKind::RowHashes, measured.row_hashes));
    sections.push((SectionKind::Codes, measured.codes));
    let has_rows = space.rows != RowKind::None && !items.is_empty();
    let mut write =
        |out: &mut dyn FnMut(&[u8]) -> Result<()>| vectors::write_rows(&mut checked, &measured.mean, out);
    let rows = LastSection { kind: SectionKind::Rows, write: &mut write };
    write_file(file, FileKind::Catalog, &[0; 32], sections, has_rows.then_some(rows))
}

/// Returns true if a text has a character that is searched.
pub(crate) fn is_searched(text: &str) -> bool {
    !term_characters([text].into_iter()).is_empty()
}

/// Returns the options to build a catalog again with its first items; `None` if the catalog has items. A delta would keep
/// what a catalog without items cannot know: the mean of the vectors, their text, and the lineage of their model.
///
/// # Errors
/// `INVALID_CATALOG` if the catalog is damaged.
pub fn first_build(catalog: &Catalog) -> Result<Option<BuildOptions>> {
    if !catalog.is_empty() {
        return Ok(None);
    }
    let has_codes = catalog.schema().vectors.as_ref().is_some_and(|space| space.oversampling > 0);
    let codes = if has_codes { CodesOption::Yes } else { CodesOption::Auto };
    Ok(Some(BuildOptions { synonyms: catalog.synonym_groups()?, codes, queries: Vec::new() }))
}

/// Merges a catalog and its deltas into one file. Searches give the same hits and scores as before.
///
/// # Errors
/// `INVALID_CATALOG` if the catalog is damaged.
pub fn compact(catalog: &Catalog) -> Result<Vec<u8>> {
    let mut items = Vec::new();
    for item in catalog.live_items().iter() {
        items.push(stored_item(catalog, item)?);
    }
    let space = catalog.schema().vectors.as_ref();
    let oversampling = space.map_or(0, |space| space.oversampling);
    let mut sections = sections(catalog.schema(), &items, &catalog.synonym_groups()?, oversampling)?;
    if let Some(space) = space {
        let parts = catalog.vector_parts()?.into_iter();
        let (rows, codes) = vectors::copy(parts, catalog.live_items(), space.dimension);
        let mean = bytes_of(catalog.mean());
        let width = row_bytes(space.dimension, space.rows).max(1);
        let hashed = if codes.is_empty() { &[][..] } else { &rows };
        let hashes = hashed.chunks_exact(width).flat_map(row_hash).collect();
        sections.extend([(SectionKind::Mean, mean), (SectionKind::RowHashes, hashes)]);
        sections.extend([(SectionKind::Codes, codes), (SectionKind::Rows, rows)]);
    }
    written(FileKind::Catalog, &[0; 32], sections)
}

/// Returns a file of sections.
pub(crate) fn written(
    kind: FileKind,
    parent: &[u8; 32],
    sections: Vec<(SectionKind, Vec<u8>)>,
) -> Result<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    write_file(&mut file, kind, parent, sections, None)?;
    Ok(file.into_inner())
}

fn bytes_of(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn stored_item(catalog: &Catalog, item: usize) -> Result<Item> {
    let Some(stored) = catalog.texts(item)? else { fail!(InvalidCatalog, "texts: the section is missing") };
    let id = catalog.id(item)?.to_string();
    let attributes = catalog.columns().iter().map(|column| column.value(item)).collect();
    Ok(Item { id, texts: stored.fields, attributes, stored: stored.stored, vector: None })
}

/// Checks items, apart from their vectors.
pub(crate) fn check_items(schema: &Schema, items: &[Item]) -> Result<()> {
    let schema = Schema { items: items.len().min(u32::MAX as usize) as u32, ..schema.clone() };
    if let Some(problem) = schema.problem() {
        fail!(InvalidArgument, "schema: {problem}");
    }
    if items.len() > MAX_ITEMS {
        fail!(InvalidArgument, "{} items; at most {MAX_ITEMS}", items.len());
    }
    let mut ids = HashSet::new();
    for item in items {
        item.check(&schema)?;
        if !ids.insert(item.id.as_str()) {
            fail!(InvalidArgument, "item {:?}: the id stands twice", item.id);
        }
    }
    Ok(())
}

/// Writes the sections of items, but for those of vectors.
pub(crate) fn sections(
    schema: &Schema,
    items: &[Item],
    synonyms: &[Vec<String>],
    oversampling: u32,
) -> Result<Vec<(SectionKind, Vec<u8>)>> {
    let mut schema = Schema { items: items.len() as u32, ..schema.clone() };
    if let Some(space) = &mut schema.vectors {
        space.oversampling = oversampling;
    }
    let keywords = keywords::write(items);
    let field_texts = items.iter().flat_map(|item| &item.texts);
    let characters = term_characters(field_texts.chain(synonyms.iter().flatten()).map(String::as_str));
    let (mut columns, all) = (ByteWriter::default(), Bits::all(items.len()));
    for (number, attribute) in schema.attributes.iter().enumerate() {
        let set =
            items.iter().enumerate().map(|(i, item)| (i as u32, item.attributes[number].clone())).collect();
        Column::join(attribute.kind, &[Column::empty(attribute.kind, items.len())], &set, &all)
            .write(&mut columns);
    }
    let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
    let schema = serde_json::to_vec(&schema).unwrap_or_default();
    let sections = vec![
        (SectionKind::Schema, schema),
        (SectionKind::Characters, characters::write(&characters)),
        (SectionKind::Dictionary, keywords.dictionary),
        (SectionKind::Lengths, keywords.lengths),
        (SectionKind::Postings, keywords.postings),
        (SectionKind::Columns, columns.bytes),
        (SectionKind::Ids, Ids::write(&ids)),
        (SectionKind::Phrases, phrases::write(items)),
        (SectionKind::Readings, readings::write(&characters)),
        (SectionKind::Synonyms, Synonyms::write(synonyms)),
        (SectionKind::Texts, texts::write(items)),
    ];
    match sections.iter().find(|(_, bytes)| u32::try_from(bytes.len()).is_err()) {
        Some((kind, _)) => fail!(InvalidArgument, "catalog: the section {} exceeds 4 GiB", kind.name()),
        None => Ok(sections),
    }
}
