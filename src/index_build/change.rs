//! Changes of a catalog to a delta file.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::build::{self, check_items};
use super::item::{Item, inexact};
use super::vectors::{self, CheckedVectors, OwnVectors};
use crate::error::{Error, Result, fail};
use crate::index::Catalog;
use crate::index::sections::{FileKind, SectionKind, read_patches, small_delta, write_removals};

/// Changes of a catalog.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// New items. An item replaces the one with its id.
    pub items: Vec<Item>,
    /// The ids of items to remove.
    pub removals: BTreeSet<String>,
    /// New values of attributes, by id and attribute: a price, a stock. Null removes a value.
    pub patches: Map<String, Value>,
}

impl Change {
    /// Returns the change of patches: `{"ID": {"ATTRIBUTE": value}}`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for other JSON.
    pub fn patches(patches: Value) -> Result<Self> {
        const EXPECTED: &str = r#"expected patches by id: {"ID": {"price": 19.9}}"#;
        let Value::Object(patches) = patches else { fail!(InvalidArgument, "{EXPECTED}") };
        if let Some((id, value)) = patches.iter().find(|(_, value)| !value.is_object()) {
            let found = if value.is_array() { "a list" } else { "a single value" };
            fail!(InvalidArgument, "{id:?}: found {found}; {EXPECTED}");
        }
        Ok(Self { patches, ..Self::default() })
    }
}

/// Writes a delta that continues the catalog. Returns no bytes if the change patches values to what they are.
///
/// # Errors
/// `INVALID_ARGUMENT` if an id to remove or patch does not exist, or an item or value does not fit the schema;
/// `INVALID_CATALOG` if another release wrote the catalog, so that words would not be found in all its files.
pub fn delta(catalog: &Catalog, change: &Change) -> Result<Vec<u8>> {
    let Change { items, removals, patches } = change;
    let new: BTreeSet<&String> = items.iter().map(|item| &item.id).collect();
    for id in removals {
        if catalog.find(id)?.is_none() {
            fail!(InvalidArgument, "remove: the catalog has no item {id:?}");
        }
        if new.contains(id) {
            fail!(InvalidArgument, "remove: {id:?} is also added");
        }
    }
    for id in patches.keys() {
        if !new.contains(id) && (removals.contains(id) || catalog.find(id)?.is_none()) {
            fail!(InvalidArgument, "patch: the catalog has no item {id:?}");
        }
    }
    if items.is_empty() && removals.is_empty() && patches.is_empty() {
        fail!(InvalidArgument, "change: nothing to add, remove or patch");
    }
    let mut sections = Vec::new();
    if !patches.is_empty() {
        let patches = effective(catalog, patches, &new)?;
        if !patches.is_empty() {
            sections.push((SectionKind::Patches, Value::Object(patches).to_string().into_bytes()));
        }
    }
    if !items.is_empty() {
        check_items(catalog.schema(), items)?;
        let space = catalog.schema().vectors.as_ref();
        if let (None, Some(item)) = (space, items.iter().find(|item| item.vector.is_some())) {
            fail!(InvalidArgument, "item {:?}: a vector, but the schema has none", item.id);
        }
        let oversampling = space.filter(|_| catalog.has_codes()).map_or(0, |space| space.oversampling);
        let keywords = build::sections(catalog.schema(), items, &[], oversampling)?;
        let section =
            |kind| keywords.iter().find(|(other, _)| *other == kind).map_or(&[][..], |(_, bytes)| bytes);
        catalog.joined_characters(section(SectionKind::Characters), section(SectionKind::Dictionary))?;
        sections.extend(keywords);
        if let Some(space) = space {
            let mut checked = CheckedVectors { source: &mut OwnVectors(items), space, items };
            let mut rows = Vec::new();
            let mut write = |row: &[u8]| {
                rows.extend_from_slice(row);
                Ok(())
            };
            vectors::write_rows(&mut checked, catalog.mean(), &mut write)?;
            sections.push((SectionKind::Rows, rows));
            if catalog.has_codes() {
                sections.push((SectionKind::Codes, vectors::codes(&mut checked, catalog.mean())?));
            }
        }
    }
    if !removals.is_empty() {
        sections.push((SectionKind::Removals, write_removals(removals.iter().map(String::as_str))));
    }
    if sections.is_empty() {
        return Ok(Vec::new());
    }
    match small_delta::written(&catalog.tip(), &sections) {
        Some(file) => Ok(file),
        None => build::written(FileKind::Delta, &catalog.tip(), sections),
    }
}

/// Checks patches, and returns those that change something. `new` has the ids of items that the same delta adds.
fn effective(
    catalog: &Catalog,
    patches: &Map<String, Value>,
    new: &BTreeSet<&String>,
) -> Result<Map<String, Value>> {
    for (id, values) in patches {
        if let Some(problem) = inexact(values) {
            fail!(InvalidArgument, "patches: {id:?}: {problem}");
        }
    }
    let mut kept = patches.clone();
    let section = Value::Object(kept.clone()).to_string().into_bytes();
    for (id, values) in read_patches(&section, catalog.schema()).map_err(as_argument)? {
        let Some(Value::Object(given)) = kept.get_mut(&id) else { continue };
        let item = if new.contains(&id) { None } else { catalog.find(&id)? };
        for (attribute, value) in values {
            let is_there = item.is_some_and(|item| catalog.columns()[attribute].value(item) == value);
            if is_there {
                given.remove(&catalog.schema().attributes[attribute].name);
            }
        }
        let mut fields = catalog.schema().fields.iter().map(|field| &field.name);
        if let Some(name) = fields.find(|name| given.contains_key(*name)) {
            fail!(
                InvalidArgument,
                "patches: {id:?}: {name:?} is a text that is searched, too; add the item again"
            );
        }
        if given.is_empty() {
            kept.remove(&id);
        }
    }
    Ok(kept)
}

/// Returns an error about the caller's values as one.
fn as_argument(error: Error) -> Error {
    Error::new(crate::error::ErrorCode::InvalidArgument, error.message())
}
