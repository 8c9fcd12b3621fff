//! The value of an attribute of an item.

use super::json::Json;
use super::order::sort;
use super::schema::AttributeKind;
use super::values::Values;

/// 2⁵³, the first whole number that [`f64`] does not tell from the next one.
pub(crate) const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the problem of a whole number that is not exact.
pub(crate) fn inexact_text(number: &str) -> String {
    format!("found {number}; whole numbers from 2^53 on are rounded: write them as strings")
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
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
    pub(crate) fn from_json(kind: AttributeKind, value: &Json) -> Result<Option<Self>, String> {
        Ok(Some(match (kind, value) {
            (_, Json::Null) => return Ok(None),
            (AttributeKind::Number, Json::Number(number)) => match value.as_f64() {
                Some(x) if x.abs() >= FIRST_INEXACT && !number.contains(['.', 'e', 'E']) => {
                    return Err(inexact_text(number));
                }
                Some(finite) if finite.is_finite() => Self::Number(finite + 0.0), // −0 is 0
                _ => return Err(format!("found {number}; expected a finite number")),
            },
            (AttributeKind::String, Json::String(string)) => Self::String(string.clone()),
            (AttributeKind::Boolean, Json::Bool(bool)) => Self::Boolean(*bool),
            (AttributeKind::Tags, Json::Array(list)) => {
                let strings =
                    list.iter().map(|tag| tag.as_str().map(str::to_string)).collect::<Option<Vec<_>>>();
                let Some(mut tags) = strings else {
                    return Err(format!("found {value}; expected a list of strings"));
                };
                sort(&mut tags);
                tags.dedup();
                if tags.is_empty() {
                    return Ok(None);
                }
                Self::Tags(tags)
            }
            (kind, value) => return Err(format!("found {value}; expected {}", kind.expected())),
        }))
    }

    /// Returns the value as JSON.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Number(number) => (*number).into(),
            Self::String(text) => (&**text).into(),
            Self::Boolean(value) => (*value).into(),
            Self::Tags(tags) => Json::array(tags.iter().map(String::as_str)),
        }
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
