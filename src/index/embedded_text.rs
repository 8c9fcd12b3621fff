//! The text of an item that its vector stands for: items that are added later need the same one.

use super::json::Json;
use super::json_fields::{fields, string};
use crate::error::{Result, fail};

/// The largest prompt of a catalog.
pub(super) const MAX_PROMPT_BYTES: usize = 4096;

/// A field of an item, after a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedText {
    /// The name of the field.
    pub field: String,
    /// The text before each one; empty: none.
    pub prompt: String,
}

impl EmbeddedText {
    pub(super) fn from_json(json: &Json, at: &str) -> Result<Self> {
        let (mut field, mut prompt) = (None, None);
        for (key, value) in fields(json, at)? {
            match key.as_str() {
                "field" => field = Some(string(value, at)?),
                "prompt" => prompt = Some(string(value, at)?),
                _ => fail!(InvalidArgument, "{at}: there is no field {key:?}"),
            }
        }
        let (Some(field), Some(prompt)) = (field, prompt) else {
            fail!(InvalidArgument, "{at}: expected \"field\" and \"prompt\"")
        };
        Ok(Self { field, prompt })
    }

    pub(super) fn to_json(&self) -> Json {
        Json::object([("field", (&*self.field).into()), ("prompt", (&*self.prompt).into())])
    }
}
