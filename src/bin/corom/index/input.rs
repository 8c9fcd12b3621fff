//! Reads what a catalog is built from.

use std::fs;
use std::path::Path;

use corom::error::Result;
use corom::index::{AttributeKind, Schema};
use corom::index_build::Item;
use serde_json::{Map, Value, json};

use crate::embed::records;
use crate::fail;

/// Separates the tags in a cell of a table.
const TAG_SEPARATOR: char = '|';

/// Reads a text file.
fn text(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) => fail!(FetchFailed, "{}: {error}", path.display()),
    }
}

/// Reads a file of JSON.
pub(super) fn json(path: &Path) -> Result<Value> {
    match serde_json::from_str(&text(path)?) {
        Ok(value) => Ok(value),
        Err(error) => fail!(InvalidArgument, "{}: {error}", path.display()),
    }
}

/// Reads a schema, and the names of what is stored.
pub(super) fn schema(path: &Path) -> Result<(Schema, Vec<String>)> {
    let mut value = json(path)?;
    let Some(object) = value.as_object_mut() else {
        fail!(InvalidArgument, "{}: expected an object", path.display())
    };
    let stored = object.remove("stored").unwrap_or(json!([]));
    object.insert("items".into(), json!(0));
    object.entry("attributes").or_insert(json!([]));
    if let Some(Value::Object(vectors)) = object.get_mut("vectors") {
        vectors.insert("oversampling".into(), json!(0));
    }
    match (serde_json::from_value(value), serde_json::from_value(stored)) {
        (Ok(schema), Ok(stored)) => Ok((schema, stored)),
        (Err(error), _) | (_, Err(error)) => fail!(InvalidArgument, "{}: {error}", path.display()),
    }
}

/// Reads items: JSON records, or a table with a header whose cells are read by the kinds of the attributes.
pub(super) fn items(path: &Path, schema: &Schema, stored: &[String]) -> Result<Vec<Item>> {
    let (rows, is_table) = records(path)?;
    let mut items = Vec::new();
    for (place, mut row) in rows {
        if is_table {
            typed(&mut row, schema, &format!("{}: {place}", path.display()))?;
        }
        match Item::from_json(&Value::Object(row), schema, stored) {
            Ok(item) => items.push(item),
            Err(error) => fail!(InvalidArgument, "{}: {place}: {error}", path.display()),
        }
    }
    Ok(items)
}

/// Gives the cells of attributes their kind. An empty cell is no value.
fn typed(row: &mut Map<String, Value>, schema: &Schema, place: &str) -> Result<()> {
    for attribute in &schema.attributes {
        let Some(value) = row.get_mut(&attribute.name) else { continue };
        let cell = value.as_str().unwrap_or_default().trim().to_owned();
        *value = match (attribute.kind, cell.as_str()) {
            (_, "") => Value::Null,
            (AttributeKind::String, _) => Value::from(cell),
            (AttributeKind::Number, _) => match cell.parse::<f64>() {
                Ok(number) if number.is_finite() => json!(number),
                _ => fail!(InvalidArgument, "{place}: {}: found {cell:?}; expected a number", attribute.name),
            },
            (AttributeKind::Boolean, "true") => json!(true),
            (AttributeKind::Boolean, "false") => json!(false),
            (AttributeKind::Boolean, _) => {
                fail!(InvalidArgument, "{place}: {}: found {cell:?}; expected true or false", attribute.name)
            }
            (AttributeKind::Tags, _) => {
                let tags = cell.split(TAG_SEPARATOR).map(str::trim).filter(|tag| !tag.is_empty());
                tags.map(Value::from).collect()
            }
        };
    }
    if let Some(cell) = row.get("embedding").and_then(Value::as_str) {
        match serde_json::from_str::<Value>(cell) {
            Ok(vector) => row.insert("embedding".into(), vector),
            Err(error) => fail!(InvalidArgument, "{place}: embedding: {error}"),
        };
    }
    Ok(())
}

/// Reads groups of synonyms: one per line, words separated by commas.
pub(super) fn synonyms(path: &Path) -> Result<Vec<Vec<String>>> {
    let words = |line: &str| line.split([',', '，']).map(|word| word.trim().to_string()).collect::<Vec<_>>();
    Ok(text(path)?.lines().filter(|line| !line.trim().is_empty()).map(words).collect())
}
