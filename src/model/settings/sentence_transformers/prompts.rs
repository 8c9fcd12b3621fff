//! `config_sentence_transformers.json`: the similarity function and the prompts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::checkpoint_file::file_source::FileSource;
use crate::error::{Error, ErrorCode, Result};
use crate::model::settings::decided::{Decided, Stated};
use crate::model::settings::files::{JsonFile, object};
use crate::prompts::Prompts;
use crate::similarity::Metric;

pub(in crate::model::settings) const FILE: &str = "config_sentence_transformers.json";

/// The names of prompts that sentence-transformers gives every model.
const OWN_NAMES: [&str; 2] = ["query", "document"];

/// Reads the file. `include_prompt` is the Pooling module's.
///
/// # Errors
/// `INVALID_CONFIG` if it is not a JSON object, `FETCH_FAILED`.
pub(super) fn read(
    files: &dyn FileSource,
    include_prompt: bool,
) -> Result<(Stated<Metric>, Stated<Prompts>)> {
    let Some(file) = object(files, FILE)? else { return Ok((None, None)) };
    let metric = file.text("similarity_fn_name").transpose();
    let metric = metric.map(|name| Decided::by_file(name.and_then(metric_of), FILE));
    let prompts = prompts(&file, include_prompt).transpose();
    Ok((metric, prompts.map(|prompts| Decided::by_file(prompts, FILE))))
}

/// Returns the metric of a similarity function.
fn metric_of(name: &str) -> Result<Metric> {
    match name {
        "cosine" => Ok(Metric::Cosine),
        "dot" => Ok(Metric::Dot),
        "euclidean" => Ok(Metric::L2),
        "manhattan" => Ok(Metric::L1),
        _ => Err(Error::new(
            ErrorCode::UnsupportedModel,
            format!("{FILE}: similarity_fn_name is `{name}`; corom has cosine, dot, euclidean and manhattan"),
        )),
    }
}

fn prompts(file: &JsonFile, include_prompt: bool) -> Result<Option<Prompts>> {
    let default_name = file.text("default_prompt_name")?.map(str::to_owned);
    let expected = |value: &Value| {
        let message = format!("{FILE}: prompts is {value}; expected an object of names and texts");
        Error::new(ErrorCode::InvalidConfig, message)
    };
    let mut by_name = match file.get("prompts") {
        None => BTreeMap::new(),
        Some(value @ Value::Object(entries)) => entries
            .iter()
            .map(|(name, text)| match text {
                Value::String(text) => Ok((name.clone(), text.clone())),
                _ => Err(expected(value)),
            })
            .collect::<Result<BTreeMap<_, _>>>()?,
        Some(other) => return Err(expected(other)),
    };
    if by_name.is_empty() && default_name.is_none() {
        return Ok(None);
    }
    // sentence-transformers gives every model these two, without text if the file has none or null.
    if let Some(name) = default_name.as_deref().filter(|name| OWN_NAMES.contains(name)) {
        by_name.entry(name.to_owned()).or_default();
    }
    Prompts { by_name, default_name, include_prompt }.check(FILE).map(Some)
}
