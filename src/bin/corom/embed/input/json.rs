//! Text files with one text per line, and JSONL.

use corom::error::Result;
use serde_json::{Map, Value};

use super::lines::{Lines, NOT_UTF8, without_end};
use super::text::{ParsedRow, Parser};
use super::{Content, Id, Selection, listed};

/// The default field with the text.
const TEXT: &str = "text";

/// A text per line.
pub(super) struct PlainLines;

impl Parser for PlainLines {
    fn next(&mut self, lines: &mut Lines) -> Result<Option<Result<ParsedRow, String>>> {
        let mut line = Vec::new();
        if !lines.append_next(&mut line)? {
            return Ok(None);
        }
        Ok(Some(match str::from_utf8(without_end(&line)) {
            Ok(text) => Ok(ParsedRow { id: None, text: Ok(text.to_owned()), content: Content::Text }),
            Err(_) => Err(NOT_UTF8.to_owned()),
        }))
    }
}

/// A JSON object or string per line. Blank lines are no rows.
pub(super) struct JsonLines {
    field: String,
    id: Option<String>,
    reserved: &'static [&'static str],
}

impl JsonLines {
    /// Reads the fields that are selected.
    pub(super) fn new(select: &Selection) -> Self {
        Self {
            field: select.field.clone().unwrap_or_else(|| TEXT.to_owned()),
            id: select.id.clone(),
            reserved: select.reserved,
        }
    }

    fn row(&self, line: &[u8]) -> Result<ParsedRow, String> {
        let line = str::from_utf8(line).map_err(|_| NOT_UTF8.to_owned())?.trim();
        match serde_json::from_str(line).map_err(|e| format!("is not JSON: {e}"))? {
            Value::String(text) if self.id.is_none() => {
                Ok(ParsedRow { id: None, text: Ok(text), content: Content::Text })
            }
            Value::String(_) => Err("is a string without a field for --id".to_owned()),
            Value::Object(fields) => {
                let id = self.id.as_ref().map(|name| id_of(name, &fields)).transpose();
                let (id, id_error) = id.map_or_else(|error| (None, Some(error)), |id| (id, None));
                let text = match (fields.get(&self.field), id_error) {
                    (Some(Value::String(_)), Some(error)) => Err(error),
                    (Some(Value::String(text)), None) => Ok(text.clone()),
                    _ => Err(self.missing(&fields)),
                };
                if let Some(name) = self.reserved.iter().find(|name| fields.contains_key(**name)) {
                    let reason = format!("has a field `{name}` already, which is that of the vector");
                    return Ok(ParsedRow { id, text: text.and(Err(reason)), content: Content::Text });
                }
                let content = if fields.is_empty() { Content::Text } else { Content::Json(line.to_owned()) };
                Ok(ParsedRow { id, text, content })
            }
            _ => Err("is neither an object nor a string".to_owned()),
        }
    }

    fn missing(&self, fields: &Map<String, Value>) -> String {
        let names: Vec<&String> = fields.keys().collect();
        let found = if fields.contains_key(&self.field) { "no text in the field" } else { "no field" };
        format!("has {found} `{}`; its fields are {}: choose one with --field", self.field, listed(&names))
    }
}

impl Parser for JsonLines {
    fn has_ids(&self) -> bool {
        self.id.is_some()
    }

    fn next(&mut self, lines: &mut Lines) -> Result<Option<Result<ParsedRow, String>>> {
        let mut line = Vec::new();
        while lines.append_next(&mut line)? {
            if !line.trim_ascii().is_empty() {
                return Ok(Some(self.row(&line)));
            }
            line.clear();
        }
        Ok(None)
    }
}

/// Reads the next line that is not blank as a JSON object: none at the end, and the reason if it is no object.
///
/// # Errors
/// The errors of [`Lines::append_next`].
pub(super) fn next_object(lines: &mut Lines) -> Result<Option<Result<Map<String, Value>, String>>> {
    let mut line = Vec::new();
    while lines.append_next(&mut line)? {
        if !line.trim_ascii().is_empty() {
            let parsed = match str::from_utf8(&line) {
                Ok(text) => serde_json::from_str(text.trim()).map_err(|e| format!("is no JSON object: {e}")),
                Err(_) => Err(NOT_UTF8.to_owned()),
            };
            return Ok(Some(parsed));
        }
        line.clear();
    }
    Ok(None)
}

fn id_of(name: &str, fields: &Map<String, Value>) -> Result<Id, String> {
    match fields.get(name) {
        Some(Value::String(id)) if !id.is_empty() => Ok(Id::Text(id.clone())),
        Some(Value::Number(id)) if id.is_i64() || id.is_u64() => Ok(Id::Number(
            id.as_i64().map_or_else(|| i128::from(id.as_u64().unwrap_or_default()), i128::from),
        )),
        Some(other) => {
            Err(format!("has {other} in the field `{name}`; expected an id, a text or a whole number"))
        }
        None => Err(format!("has no field `{name}` for the id")),
    }
}
