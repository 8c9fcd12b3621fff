//! The value of an attribute of an item.

use serde::Serialize;
use serde_json::Value;

use super::schema::AttributeKind;
use super::values::Values;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// A finite number.
    Number(f64),
    /// A string.
    String(String),
    /// True or false.
    Boolean(bool),
    /// Strings, sorted, each once.
    Tags(Vec<String>),
}

impl AttributeValue {
    /// Reads a value of the kind. `Ok(None)` for null.
    ///
    /// # Errors
    /// The type that was expected, for a value of another kind.
    pub(crate) fn from_json(kind: AttributeKind, value: &Value) -> Result<Option<Self>, String> {
        Ok(Some(match (kind, value) {
            (_, Value::Null) => return Ok(None),
            (AttributeKind::Number, Value::Number(number)) => match number.as_f64() {
                Some(number) if number.is_finite() => Self::Number(number + 0.0), // −0 is 0
                _ => return Err(format!("found {number}; expected a finite number")),
            },
            (AttributeKind::String, Value::String(string)) => Self::String(string.clone()),
            (AttributeKind::Boolean, Value::Bool(bool)) => Self::Boolean(*bool),
            (AttributeKind::Tags, Value::Array(list)) => {
                let strings =
                    list.iter().map(|tag| tag.as_str().map(str::to_string)).collect::<Option<Vec<_>>>();
                let Some(mut tags) = strings else {
                    return Err(format!("found {value}; expected a list of strings"));
                };
                tags.sort_unstable();
                tags.dedup();
                if tags.is_empty() {
                    return Ok(None);
                }
                Self::Tags(tags)
            }
            (kind, value) => return Err(format!("found {value}; expected {}", kind.expected())),
        }))
    }

    /// Returns the value as the values of a column.
    pub(crate) fn values(&self) -> Values {
        match self {
            Self::Number(number) => Values::Numbers(vec![*number]),
            Self::Boolean(bool) => Values::Numbers(vec![f64::from(u8::from(*bool))]),
            Self::String(string) => Values::Strings(vec![string.clone()]),
            Self::Tags(tags) => Values::Strings(tags.clone()),
        }
    }
}
