//! The sources of a catalog as files have them: a schema, rows of items, synonyms; and a catalog as files show it.

use serde_json::{Map, Value, json};

use super::build::is_searched;
use super::item::Item;
use crate::error::{Result, fail};
use crate::index::{AttributeKind, Catalog, Hit, Schema, SearchRequest};

/// Separates the tags in a cell of a table.
const TAG_SEPARATOR: char = '|';

/// Reads a schema of JSON, and the names of what is stored.
///
/// # Errors
/// `INVALID_ARGUMENT` if it is not an object with the fields of a schema, or outside the limits.
pub fn read_schema(mut value: Value) -> Result<(Schema, Vec<String>)> {
    let Some(object) = value.as_object_mut() else { fail!(InvalidArgument, "expected an object") };
    if !object.get("fields").is_some_and(Value::is_array) {
        fail!(InvalidArgument, r#"expected "fields": [{{"name": "title", "weight": 1}}]"#);
    }
    let stored = object.remove("stored").unwrap_or(json!([]));
    object.insert("items".into(), json!(0));
    object.entry("attributes").or_insert(json!([]));
    if let Some(Value::Object(vectors)) = object.get_mut("vectors") {
        if !vectors.contains_key("dimension") || !vectors.contains_key("metric") {
            fail!(InvalidArgument, r#"vectors: expected {{"dimension": 768, "metric": "cosine"}}"#);
        }
        vectors.insert("oversampling".into(), json!(0));
    }
    match (serde_json::from_value(value), serde_json::from_value::<Vec<String>>(stored)) {
        (Ok(schema), Ok(stored)) => {
            check_stored(&stored, &schema)?;
            check_shared(&schema)?;
            match Schema::problem(&schema) {
                Some(problem) => fail!(InvalidArgument, "{problem}"),
                None => Ok((schema, stored)),
            }
        }
        (Err(error), _) | (_, Err(error)) => fail!(InvalidArgument, "{error}"),
    }
}

/// Rejects a field that is an attribute of another kind too: no value is a text and a number.
fn check_shared(schema: &Schema) -> Result<()> {
    for field in &schema.fields {
        let shared = schema.attributes.iter().find(|attribute| attribute.name == field.name);
        if let Some(attribute) = shared.filter(|attribute| attribute.kind != AttributeKind::String) {
            fail!(
                InvalidArgument,
                "the field {:?} is an attribute, too; its kind has to be string, not {}",
                field.name,
                attribute.kind.name()
            );
        }
    }
    Ok(())
}

/// Rejects names of what comes back with an item anyway. A patch would change the attribute and not its stored copy, which
/// an export would then write in its place.
fn check_stored(stored: &[String], schema: &Schema) -> Result<()> {
    for name in stored {
        let is_named = |known: &String| known == name;
        let what = if name == "id" {
            "the id"
        } else if name == "embedding" {
            "the vector"
        } else if schema.fields.iter().any(|field| is_named(&field.name)) {
            "a field"
        } else if schema.attributes.iter().any(|attribute| is_named(&attribute.name)) {
            "an attribute"
        } else {
            continue;
        };
        fail!(InvalidArgument, "stored: {name:?} is {what}, which comes back without it; leave it out");
    }
    Ok(())
}

/// Reads the row of an item: a JSON record, or the cells of a table, which are read by the kinds of the attributes.
///
/// # Errors
/// `INVALID_ARGUMENT` with the name of what is wrong.
pub fn read_row(
    mut row: Map<String, Value>,
    is_table: bool,
    schema: &Schema,
    stored: &[String],
) -> Result<Item> {
    if is_table {
        type_cells(&mut row, schema)?;
    }
    Item::from_json(&Value::Object(row), schema, stored)
}

/// Gives the cells of attributes their kind. An empty cell is no value.
fn type_cells(row: &mut Map<String, Value>, schema: &Schema) -> Result<()> {
    for attribute in &schema.attributes {
        let Some(value) = row.get_mut(&attribute.name) else { continue };
        let cell = value.as_str().unwrap_or_default().trim().to_owned();
        *value = match (attribute.kind, cell.as_str()) {
            (_, "") => Value::Null,
            (AttributeKind::String, _) => Value::from(cell),
            (AttributeKind::Number, _) => match cell.parse::<f64>() {
                Ok(number) if number.is_finite() => json!(number),
                _ => fail!(InvalidArgument, "{}: found {cell:?}; expected a number", attribute.name),
            },
            (AttributeKind::Boolean, "true") => json!(true),
            (AttributeKind::Boolean, "false") => json!(false),
            (AttributeKind::Boolean, _) => {
                fail!(InvalidArgument, "{}: found {cell:?}; expected true or false", attribute.name)
            }
            (AttributeKind::Tags, _) => {
                let tags = cell.split(TAG_SEPARATOR).map(str::trim).filter(|tag| !tag.is_empty());
                tags.map(Value::from).collect()
            }
        };
    }
    if let Some(id) = row.get("id").and_then(Value::as_str) {
        row["id"] = id.trim().into();
    }
    for name in ["embedding", "scale"] {
        let is_named = |known: &String| known == name;
        let is_own = schema.fields.iter().any(|field| is_named(&field.name));
        let cell = row.get(name).and_then(Value::as_str).filter(|_| !is_own).map(str::trim);
        let value = match cell {
            None => continue,
            Some("") => Value::Null,
            Some(cell) => match serde_json::from_str(cell) {
                Ok(value) => value,
                Err(error) => fail!(InvalidArgument, "{name}: {error}"),
            },
        };
        row.insert(name.into(), value);
    }
    Ok(())
}

/// Reads groups of synonyms: one per line, words separated by commas.
///
/// # Errors
/// `INVALID_ARGUMENT` with the line if it has less than two words, or a word without characters that are searched.
pub fn read_synonyms(text: &str) -> Result<Vec<Vec<String>>> {
    let mut groups = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let words: Vec<String> = line.split([',', '，']).map(|word| word.trim().to_string()).collect();
        if let Some(word) = words.iter().find(|word| !is_searched(word)) {
            fail!(
                InvalidArgument,
                "line {}: {word:?} has neither letters nor digits nor Chinese characters",
                number + 1
            );
        }
        if words.len() < 2 {
            fail!(
                InvalidArgument,
                "line {}: expected words with commas between them: 水壶,保温杯",
                number + 1
            );
        }
        groups.push(words);
    }
    Ok(groups)
}

/// Reads the request of a command as JSON. `top_k` comes before its own.
///
/// # Errors
/// `INVALID_ARGUMENT` if it is no request, or has a text of its own.
pub fn read_request(json: &str, query: &str, top_k: Option<usize>) -> Result<SearchRequest> {
    let request: SearchRequest = match serde_json::from_str(json) {
        Ok(request) => request,
        Err(error) => fail!(InvalidArgument, "{error}"),
    };
    if !request.query.is_empty() {
        fail!(InvalidArgument, "query: the text is the argument after the catalog");
    }
    let top_k = top_k.unwrap_or(request.top_k);
    Ok(SearchRequest { query: query.to_string(), top_k, ..request })
}

/// Returns an item as the builder reads it, without its vector.
pub fn record_of(item: Hit) -> Value {
    let mut record = match item.stored.as_ref().map(Value::from) {
        Some(Value::Object(stored)) => stored,
        _ => Map::new(),
    };
    // They replace stored values with their names, which patches do not change.
    record.insert("id".into(), item.id.into());
    // An attribute of the same name would read an empty text as its value.
    let texts = item.fields.into_iter().filter(|(_, text)| !text.is_empty());
    record.extend(texts.map(|(name, text)| (name, text.into())));
    record.extend(item.attributes.into_iter().map(|(name, value)| (name, json!(value))));
    Value::Object(record)
}

/// Returns lines with the number of items, the schema, and the size of each section.
pub fn describe(catalog: &Catalog) -> String {
    let schema = Schema { items: catalog.len() as u32, ..catalog.schema().clone() };
    let schema = serde_json::to_string_pretty(&schema).unwrap_or_default();
    let mut lines = vec![format!("{} items", catalog.len()), schema];
    for (file, sections) in catalog.sections().into_iter().enumerate() {
        for (name, bytes) in sections {
            lines.push(format!("file {file}  {name:<16} {bytes:>12} bytes"));
        }
    }
    lines.join("\n")
}
