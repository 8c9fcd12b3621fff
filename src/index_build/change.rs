//! Changes of a catalog to a delta file.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::build::{sections, vectors_of};
use super::item::Item;
use super::vectors::{self, Vectors};
use crate::error::{Error, Result, fail};
use crate::index::Catalog;
use crate::index::sections::SectionKind;
use crate::index::sections::{FileKind, read_patches, write_file, write_removals};

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

/// Writes a delta that continues the catalog.
///
/// # Errors
/// `INVALID_ARGUMENT` if an id to remove or patch does not exist, or an item or value does not fit the schema.
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
    let mut written = Vec::new();
    if !patches.is_empty() {
        let section = Value::Object(patches.clone()).to_string().into_bytes();
        read_patches(&section, catalog.schema()).map_err(as_argument)?;
        written.push((SectionKind::Patches, section));
    }
    if !items.is_empty() {
        let values = vectors_of(catalog.schema(), items)?;
        let mut own = Vectors::default();
        if let Some(space) = &catalog.schema().vectors {
            own = vectors::write(&values, space, Some(catalog.mean()), catalog.has_codes())?;
        }
        written.extend(sections(catalog.schema(), items, &[], own)?);
    }
    if !removals.is_empty() {
        written.push((SectionKind::Removals, write_removals(removals.iter().map(String::as_str))));
    }
    if written.is_empty() {
        fail!(InvalidArgument, "change: nothing to add, remove or patch");
    }
    Ok(write_file(FileKind::Delta, &catalog.tip(), written))
}

/// Returns an error about the caller's values as one.
fn as_argument(error: Error) -> Error {
    Error::new(crate::error::ErrorCode::InvalidArgument, error.message())
}
