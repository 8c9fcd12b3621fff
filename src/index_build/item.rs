//! An item as the builder takes it.

use serde_json::{Map, Value};

use crate::error::{Result, fail};
use crate::index::sections::{FIRST_INEXACT, inexact_text};
use crate::index::{AttributeValue, Json, Schema};

const MAX_ID_BYTES: usize = 1024;
const MAX_TEXT_BYTES: usize = 1 << 20;

/// An item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its id: not empty, and no other item's.
    pub id: String,
    /// One text per field.
    pub texts: Vec<String>,
    /// One value per attribute, or none.
    pub attributes: Vec<Option<AttributeValue>>,
    /// JSON that comes back with the item, or nothing.
    pub stored: String,
    /// Its vector. All items of a catalog have one, or none has.
    pub vector: Option<Vec<f32>>,
}

impl Item {
    /// Reads an item: `{"id", field: text, attribute: value, "embedding": [number], "scale": number, …}`. The vector is
    /// `embedding`, multiplied by `scale` if there is one: both as `corom embed` writes them. Of names that are neither
    /// fields nor attributes those in `stored` are stored.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the name of what is wrong.
    pub fn from_json(value: &Value, schema: &Schema, stored: &[String]) -> Result<Self> {
        let Value::Object(object) = value else {
            fail!(InvalidArgument, "item: found {value}; expected an object")
        };
        let id = match object.get("id") {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) if id.is_i64() || id.is_u64() => id.to_string(),
            Some(Value::Number(id)) => {
                fail!(InvalidArgument, "id: found {id}, whose digits are not kept; write the id as a string")
            }
            Some(other) => fail!(InvalidArgument, "id: found {other}; expected a string"),
            None => fail!(InvalidArgument, "id: missing; every item needs one"),
        };
        let mut texts = Vec::new();
        for field in &schema.fields {
            texts.push(match object.get(&field.name) {
                Some(Value::String(text)) => text.clone(),
                None | Some(Value::Null) => String::new(),
                Some(other) => {
                    fail!(InvalidArgument, "item {id:?}: {}: found {other}; expected a text", field.name)
                }
            });
        }
        let mut attributes = Vec::new();
        for attribute in &schema.attributes {
            let value = object.get(&attribute.name).unwrap_or(&Value::Null);
            if let Some(problem) = inexact(value) {
                fail!(InvalidArgument, "item {id:?}: {}: {problem}", attribute.name);
            }
            match AttributeValue::from_json(attribute.kind, &Json::from(value)) {
                Ok(value) => attributes.push(value),
                Err(problem) => fail!(InvalidArgument, "item {id:?}: {}: {problem}", attribute.name),
            }
        }
        let vector = match object.get("embedding") {
            None | Some(Value::Null) => None,
            Some(value) => match serde_json::from_value::<Vec<f64>>(value.clone()) {
                Ok(vector) => {
                    let scale = scale(object, schema, &id)?;
                    Some(vector.into_iter().map(|x| (x * scale) as f32).collect())
                }
                Err(error) => fail!(InvalidArgument, "item {id:?}: embedding: {error}"),
            },
        };
        let kept: Map<String, Value> =
            stored.iter().filter_map(|name| Some((name.clone(), object.get(name)?.clone()))).collect();
        if let Some((name, problem)) = kept.iter().find_map(|(name, value)| Some((name, inexact(value)?))) {
            fail!(InvalidArgument, "item {id:?}: {name}: {problem}");
        }
        let stored = if kept.is_empty() { String::new() } else { Value::Object(kept).to_string() };
        Ok(Self { id, texts, attributes, stored, vector })
    }

    /// Checks the item against the schema.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the name of what is wrong.
    pub(crate) fn check(&self, schema: &Schema) -> Result<()> {
        let Self { id, texts, attributes, stored, .. } = self;
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            fail!(
                InvalidArgument,
                "item {id:?}: the id has {} bytes; expected 1 to {MAX_ID_BYTES}",
                id.len()
            );
        }
        if texts.len() != schema.fields.len() || attributes.len() != schema.attributes.len() {
            fail!(InvalidArgument, "item {id:?}: {} texts and {} attributes", texts.len(), attributes.len());
        }
        if texts.iter().chain([stored]).any(|text| text.len() > MAX_TEXT_BYTES) {
            fail!(InvalidArgument, "item {id:?}: a text has more than {MAX_TEXT_BYTES} bytes");
        }
        Ok(())
    }
}

/// Returns the factor of an item's vector: `scale`, unless that is a field or an attribute.
fn scale(object: &Map<String, Value>, schema: &Schema, id: &str) -> Result<f64> {
    let is_field = schema.fields.iter().any(|field| field.name == "scale");
    match object.get("scale") {
        Some(Value::Number(scale)) if !is_field && schema.attribute("scale").is_none() => {
            Ok(scale.as_f64().unwrap_or(f64::NAN))
        }
        Some(found) if !is_field && schema.attribute("scale").is_none() && !found.is_null() => fail!(
            InvalidArgument,
            "item {id:?}: scale: found {found}; expected the number that its embedding is multiplied by"
        ),
        _ => Ok(1.0),
    }
}

/// Returns the problem of a value that has a whole number from 2⁵³ on. JavaScript and [`f64`] round them, so two article
/// numbers would be the same.
pub(crate) fn inexact(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            let is_inexact = number.as_f64().is_some_and(|x| x.fract() == 0.0 && x.abs() >= FIRST_INEXACT);
            is_inexact.then(|| inexact_text(&number.to_string()))
        }
        Value::Array(list) => list.iter().find_map(inexact),
        Value::Object(fields) => fields.values().find_map(inexact),
        _ => None,
    }
}
