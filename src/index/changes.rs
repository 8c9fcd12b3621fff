//! The sections of a delta that change items: removals and patches.

use std::collections::BTreeSet;

use super::attribute_value::AttributeValue;
use super::format::bytes::{ByteReader, ByteWriter};
use super::json::Json;
use super::json_fields::fields;
use super::schema::Schema;
use crate::error::{Error, ErrorCode, Result, fail};

/// Ids with the new values of attributes, by attribute number. `None` removes a value.
pub(crate) type Patches = Vec<(String, Vec<(usize, Option<AttributeValue>)>)>;

/// Reads the section of removals.
pub(crate) fn read_removals(section: &[u8]) -> Result<BTreeSet<String>> {
    let mut reader = ByteReader::new(section, "removals");
    let mut ids = BTreeSet::new();
    while !reader.is_empty() {
        ids.insert(reader.string()?.to_string());
    }
    Ok(ids)
}

/// Writes the section of removals: ids one after the other.
pub(crate) fn write_removals<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut writer = ByteWriter::default();
    ids.into_iter().for_each(|id| writer.string(id));
    writer.bytes
}

/// Reads patches: a JSON object of ids, each with an object of attributes.
pub(crate) fn read_patches(section: &[u8], schema: &Schema) -> Result<Patches> {
    if section.is_empty() {
        return Ok(Vec::new());
    }
    let patches = match std::str::from_utf8(section).map(Json::parse) {
        Ok(Ok(patches)) => patches,
        Ok(Err(problem)) => fail!(InvalidCatalog, "patches: {problem}"),
        Err(_) => fail!(InvalidCatalog, "patches: the text is not UTF-8"),
    };
    let invalid = |error: Error| Error::new(ErrorCode::InvalidCatalog, error.message());
    let mut read = Vec::new();
    for (id, values) in fields(&patches, "patches").map_err(invalid)? {
        let mut list = Vec::new();
        for (name, value) in fields(values, &format!("patches: {id:?}")).map_err(invalid)? {
            let Some(attribute) = schema.attribute(name) else {
                fail!(InvalidCatalog, "patches: {id:?}: there is no attribute {name:?}")
            };
            match AttributeValue::from_json(schema.attributes[attribute].kind, value) {
                Ok(value) => list.push((attribute, value)),
                Err(problem) => fail!(InvalidCatalog, "patches: {id:?}: {name}: {problem}"),
            }
        }
        read.push((id.clone(), list));
    }
    Ok(read)
}
