//! The texts that a model embeds for a catalog: those of items, and pieces of them that stand for queries.

use super::item::Item;
use super::vectors::MAX_QUERIES;
use crate::error::{Result, fail};
use crate::index::{EmbeddedText, ModelId, Schema, VectorSpace};

/// The text of each item that is embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemText {
    /// The number of the field.
    pub field: usize,
    /// The text before each one.
    pub prompt: String,
    /// Says that the catalog has vectors of unknown texts, beside which these may not belong.
    pub warning: Option<String>,
}

/// Takes the vectors of a model into a schema, which may state its vectors. `distilled_from` is the lineage of the model's
/// teacher, if it has one. Returns false if the model has no lineage, or the vectors of `schema.items` items have none, so
/// that another model would not be noticed.
///
/// # Errors
/// `MODEL_MISMATCH` if the schema's vectors are another model's, `INVALID_ARGUMENT` if the metric differs.
pub fn use_model(schema: &mut Schema, model: VectorSpace, distilled_from: Option<&str>) -> Result<bool> {
    let space = schema.vectors.get_or_insert_with(|| model.clone());
    let (dimension, lineage) = (model.dimension, model.lineage.as_deref());
    let is_compared = space.check_item_model(&ModelId { dimension, lineage, distilled_from })?;
    if space.metric != model.metric {
        fail!(
            InvalidArgument,
            "--model: its metric is {:?}; that of the catalog is {:?}",
            model.metric,
            space.metric
        );
    }
    let is_first = schema.items == 0 && model.lineage.is_some();
    space.lineage = space.lineage.take().or(model.lineage);
    Ok(is_compared || is_first)
}

/// Takes the text that is embedded into a schema with vectors, and returns it. `schema.items` counts the items that have
/// vectors already, in all files of the catalog. `field` and `prompt` are the user's choice.
/// Without one they are those of the schema, or else the first field and `own`, the model's prompt for documents.
///
/// # Errors
/// `INVALID_ARGUMENT` if the schema has no field of the name, or its vectors come from another field or prompt.
pub fn use_text(
    schema: &mut Schema,
    field: Option<&str>,
    prompt: Option<&str>,
    own: &str,
) -> Result<ItemText> {
    check_field(schema, field)?;
    let known = schema.vectors.as_ref().and_then(|space| space.text.clone());
    if let Some(EmbeddedText { field: own, prompt: before }) = &known {
        if let Some(field) = field.filter(|field| field != own) {
            fail!(
                InvalidArgument,
                "--text: found {field:?}; the vectors of the catalog are those of the field {own:?}; leave it out"
            );
        }
        if let Some(prompt) = prompt.filter(|prompt| prompt != before) {
            fail!(
                InvalidArgument,
                "--prompt: found {prompt:?}; the vectors of the catalog are those of texts after {before:?}; leave it out"
            );
        }
    }
    let is_mixed = known.is_none() && schema.vectors.is_some() && schema.items > 0;
    let text = known.unwrap_or_else(|| EmbeddedText {
        field: field.unwrap_or(schema.fields.first().map_or("", |field| &field.name)).to_owned(),
        prompt: prompt.unwrap_or(own).to_owned(),
    });
    let number = schema.fields.iter().position(|field| field.name == text.field);
    let Some(number) = number else { fail!(InvalidArgument, "schema: 0 fields; expected 1") };
    let warning = is_mixed.then(|| {
        format!(
            "the catalog does not say which texts its vectors stand for; those of the new items stand for {:?} after \
             the prompt {:?}",
            text.field, text.prompt
        )
    });
    let prompt = text.prompt.clone();
    if let Some(space) = &mut schema.vectors {
        space.text = Some(text);
    }
    match schema.problem() {
        Some(problem) => fail!(InvalidArgument, "schema: {problem}"),
        None => Ok(ItemText { field: number, prompt, warning }),
    }
}

/// Checks that the schema has a field of the name.
///
/// # Errors
/// `INVALID_ARGUMENT` if it has none.
pub fn check_field(schema: &Schema, name: Option<&str>) -> Result<()> {
    match name.filter(|name| !schema.fields.iter().any(|field| field.name == *name)) {
        Some(name) => fail!(InvalidArgument, "--text: the schema has no field {name:?}"),
        None => Ok(()),
    }
}

/// Returns pieces of the texts of a field, as customers type them: three to eight characters of items that are spread over
/// the catalog. Their vectors are like those of queries.
pub fn query_texts(items: &[Item], field: usize) -> Vec<String> {
    let spread = items.iter().step_by(items.len().div_ceil(MAX_QUERIES).max(1));
    let piece = |(number, item): (usize, &Item)| {
        let chars: Vec<char> = item.texts[field].chars().collect();
        let length = (3 + number % 6).min(chars.len());
        let start = number * 7 % (chars.len() - length + 1);
        chars[start..start + length].iter().collect::<String>().trim().to_string()
    };
    spread.enumerate().map(piece).filter(|text| !text.is_empty()).collect()
}
