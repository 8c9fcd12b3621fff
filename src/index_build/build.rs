//! Items to a catalog file.

use std::collections::HashSet;

use super::characters::{self, term_characters};
use super::item::Item;
use super::vectors::{self, Vectors};
use super::{keywords, phrases, readings, texts};
use crate::error::{Result, fail};
use crate::index::sections::{ByteWriter, Column, FileKind, Ids, SectionKind, Synonyms, checked, write_file};
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

/// Builds a catalog file. `schema.items` and `oversampling` are computed.
///
/// # Errors
/// `INVALID_ARGUMENT` with the id of the item that is wrong.
pub fn build(schema: &Schema, items: &[Item], options: &BuildOptions) -> Result<Vec<u8>> {
    let values = vectors_of(schema, items)?;
    let with_codes = match options.codes {
        CodesOption::Auto => items.len() >= CODED_ITEMS,
        other => other == CodesOption::Yes,
    } || schema.vectors.as_ref().is_some_and(|space| space.rows == RowKind::None);
    let written = match &schema.vectors {
        Some(space) => vectors::write(&values, space, None, with_codes && !items.is_empty())?,
        None => Vectors::default(),
    };
    if options.synonyms.iter().flatten().any(|word| term_characters([word.as_str()].into_iter()).is_empty()) {
        fail!(InvalidArgument, "synonyms: a word has neither letters nor digits nor Chinese characters");
    }
    let sections = sections(schema, items, &options.synonyms, written)?;
    Ok(write_file(FileKind::Catalog, &[0; 32], sections))
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
    let mut written = Vectors::default();
    if let Some(space) = &catalog.schema().vectors {
        written = vectors::copy(catalog.vector_parts()?.into_iter(), catalog.live_items(), space.dimension);
        written.oversampling = space.oversampling;
        written.mean = catalog.mean().iter().flat_map(|x| x.to_le_bytes()).collect();
    }
    let sections = sections(catalog.schema(), &items, &catalog.synonym_groups()?, written)?;
    Ok(write_file(FileKind::Catalog, &[0; 32], sections))
}

fn stored_item(catalog: &Catalog, item: usize) -> Result<Item> {
    let Some(stored) = catalog.texts(item)? else { fail!(InvalidCatalog, "texts: the section is missing") };
    let id = catalog.id(item)?.to_string();
    let attributes = catalog.columns().iter().map(|column| column.value(item)).collect();
    Ok(Item { id, texts: stored.fields, attributes, stored: stored.stored, vector: None })
}

/// Checks items, and returns their vectors as the metric takes them.
pub(crate) fn vectors_of(schema: &Schema, items: &[Item]) -> Result<Vec<Vec<f32>>> {
    let schema = Schema { items: items.len().min(u32::MAX as usize) as u32, ..schema.clone() };
    if let Some(problem) = schema.problem() {
        fail!(InvalidArgument, "schema: {problem}");
    }
    if items.len() > MAX_ITEMS {
        fail!(InvalidArgument, "{} items; at most {MAX_ITEMS}", items.len());
    }
    let mut ids = HashSet::new();
    let mut vectors = Vec::new();
    for item in items {
        item.check(&schema)?;
        if !ids.insert(item.id.as_str()) {
            fail!(InvalidArgument, "item {:?}: the id stands twice", item.id);
        }
        match (&schema.vectors, &item.vector) {
            (Some(space), Some(vector)) => match checked(vector, space) {
                Ok(vector) => vectors.push(vector),
                Err(error) => fail!(InvalidArgument, "item {:?}: {error}", item.id),
            },
            (Some(_), None) => fail!(InvalidArgument, "item {:?}: the vector is missing", item.id),
            (None, Some(_)) => {
                fail!(InvalidArgument, "item {:?}: a vector, but the schema has none", item.id)
            }
            (None, None) => {}
        }
    }
    Ok(vectors)
}

/// Writes the sections of items.
pub(crate) fn sections(
    schema: &Schema,
    items: &[Item],
    synonyms: &[Vec<String>],
    vectors: Vectors,
) -> Result<Vec<(SectionKind, Vec<u8>)>> {
    let mut schema = Schema { items: items.len() as u32, ..schema.clone() };
    if let Some(space) = &mut schema.vectors {
        space.oversampling = vectors.oversampling;
    }
    let keywords = keywords::write(items);
    let field_texts = items.iter().flat_map(|item| &item.texts);
    let characters = term_characters(field_texts.chain(synonyms.iter().flatten()).map(String::as_str));
    let mut columns = ByteWriter::default();
    for (number, attribute) in schema.attributes.iter().enumerate() {
        let set =
            items.iter().enumerate().map(|(i, item)| (i as u32, item.attributes[number].clone())).collect();
        Column::join(attribute.kind, &[Column::empty(attribute.kind, items.len())], &set).write(&mut columns);
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
        (SectionKind::Mean, vectors.mean),
        (SectionKind::Codes, vectors.codes),
        (SectionKind::Rows, vectors.rows),
    ];
    match sections
        .iter()
        .find(|(kind, bytes)| *kind != SectionKind::Rows && u32::try_from(bytes.len()).is_err())
    {
        Some((kind, _)) => fail!(InvalidArgument, "catalog: the section {} exceeds 4 GiB", kind.name()),
        None => Ok(sections),
    }
}
