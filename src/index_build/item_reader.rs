//! Reads the items of a source row by row, so that a fault is told with its place, and before the other rows are read.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::input::read_row;
use super::item::Item;
use crate::error::{Result, fail};
use crate::index::Schema;

/// Reads items for a catalog with a schema.
#[derive(Debug)]
pub struct ItemReader {
    schema: Schema,
    stored: Vec<String>,
    /// True if a model embeds the items.
    has_model: bool,
    /// The place of each id.
    places: HashMap<Box<str>, Box<str>>,
    /// The names of the schema of which no row has had a value yet, each with what it names.
    unseen: BTreeMap<String, &'static str>,
}

impl ItemReader {
    /// Begins with no item. `stored` has the names of what is stored with an item.
    pub fn new(schema: Schema, stored: Vec<String>, has_model: bool) -> Self {
        let fields = schema.fields.iter().map(|field| (field.name.clone(), "field"));
        let attributes = schema.attributes.iter().map(|attribute| (attribute.name.clone(), "attribute"));
        let kept = stored.iter().map(|name| (name.clone(), "stored value"));
        let unseen = fields.chain(attributes).chain(kept).collect();
        Self { schema, stored, has_model, places: HashMap::new(), unseen }
    }

    /// Reads the row of an item at a place, such as `line 7`. See [`read_row`].
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the row is no item of the schema, an earlier one has its id, or its vector is missing, or it has
    /// one that the catalog does not take.
    pub fn read(&mut self, row: Map<String, Value>, is_table: bool, place: &str) -> Result<Item> {
        self.unseen.retain(|name, _| row.get(name).is_none_or(is_blank));
        let item = read_row(row, is_table, &self.schema, &self.stored)?;
        item.check(&self.schema)?;
        self.check_vector(&item)?;
        match self.places.insert(item.id.as_str().into(), place.into()) {
            None => Ok(item),
            Some(first) => {
                fail!(InvalidArgument, "item {:?}: the id stands twice, first in {first}", item.id)
            }
        }
    }

    fn check_vector(&self, Item { id, vector, .. }: &Item) -> Result<()> {
        match (vector, &self.schema.vectors) {
            (Some(_), _) if self.has_model => {
                fail!(InvalidArgument, "item {id:?} has an embedding; leave out --model")
            }
            (Some(_), None) => {
                fail!(InvalidArgument, "item {id:?} has an embedding, but the schema has no \"vectors\"")
            }
            (Some(vector), Some(space)) if vector.len() != space.dimension => fail!(
                InvalidArgument,
                "item {id:?}: embedding: {} values; the catalog has {} dimensions",
                vector.len(),
                space.dimension
            ),
            (None, Some(_)) if !self.has_model => fail!(
                InvalidArgument,
                "item {id:?} has no embedding, and the catalog has vectors; give its model with --model"
            ),
            _ => Ok(()),
        }
    }

    /// Returns a warning, if there were rows and a name of the schema has no value in any of them.
    pub fn warning(&self) -> Option<String> {
        if self.places.is_empty() || self.unseen.is_empty() {
            return None;
        }
        let names: Vec<String> = self.unseen.iter().map(|(name, what)| format!("{what} {name:?}")).collect();
        Some(format!(
            "no item has a value of the {}; compare the schema with the names in the items",
            names.join(", the ")
        ))
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}
