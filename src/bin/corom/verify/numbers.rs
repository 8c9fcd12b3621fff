//! The numbers that a model's card prints, and their file format.

use corom::error::{Error, ErrorCode, Result};
use corom::model::Task;
use serde::Deserialize;

use crate::fail;

/// The numbers of the model cards (docs/corom.md).
const PUBLISHED: &str = include_str!("published.json");

/// A file of numbers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Numbers {
    pub(super) examples: Vec<Example>,
}

/// The printed result of one call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    /// The model and the place where the numbers are printed.
    pub(super) name: String,
    pub(super) task: Task,
    /// The hidden size of the model. Absent: any model of the task.
    pub(super) hidden_size: Option<usize>,
    /// For a reranker, the query.
    pub(super) query: Option<String>,
    /// The texts, or the documents of the query.
    pub(super) texts: Vec<String>,
    /// The printed parts of the vectors, in the order of the texts.
    #[serde(default)]
    pub(super) vectors: Vec<VectorEnds>,
    /// The inner product of the first vector with each other, or the probability per document.
    #[serde(default)]
    pub(super) scores: Vec<f64>,
}

/// The numbers at both ends of a vector.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VectorEnds {
    pub(super) first: Vec<f64>,
    #[serde(default)]
    pub(super) last: Vec<f64>,
}

impl Numbers {
    /// Returns the numbers of the model cards.
    ///
    /// # Errors
    /// The errors of [`parse`](Self::parse).
    pub(super) fn published() -> Result<Self> {
        Self::parse(PUBLISHED.as_bytes(), "published.json")
    }

    /// Parses a file of numbers. `name` is its name in messages.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if it is something else or contradicts itself.
    pub(super) fn parse(json: &[u8], name: &str) -> Result<Self> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let numbers: Self = serde_json::from_slice(json).map_err(|e| {
            Error::with_source(ErrorCode::InvalidArgument, format!("{name} is not a file of numbers: {e}"), e)
        })?;
        if numbers.examples.is_empty() {
            fail!(InvalidArgument, "{name} has no examples");
        }
        for example in &numbers.examples {
            let due = match example.task {
                Task::Embed => example.texts.len().saturating_sub(1),
                Task::Rerank => example.texts.len(),
            };
            let has_scores = example.scores.is_empty() || example.scores.len() == due;
            let fits_task = example.query.is_some() == (example.task == Task::Rerank)
                && (example.task == Task::Embed || example.vectors.is_empty());
            if !has_scores || !fits_task || example.vectors.len() > example.texts.len() {
                fail!(
                    InvalidArgument,
                    "{name}: the example \"{}\" contradicts itself; expected {due} scores or none for {} texts, and a query \
                     if, and only if, the task is `rerank`",
                    example.name,
                    example.texts.len()
                );
            }
            let is_empty = |ends: &VectorEnds| ends.first.is_empty() && ends.last.is_empty();
            if example.scores.is_empty() && example.vectors.iter().all(is_empty) {
                fail!(InvalidArgument, "{name}: the example \"{}\" has no numbers", example.name);
            }
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers_are_those_of_the_model_cards() {
        let numbers = Numbers::published().unwrap();
        let [retrieval, ranking] = &numbers.examples[..] else { panic!("{numbers:?}") };
        assert_eq!(
            (retrieval.task, retrieval.hidden_size, ranking.task),
            (Task::Embed, Some(768), Task::Rerank)
        );
        assert_eq!(
            retrieval.vectors.iter().map(|ends| ends.first.len() + ends.last.len()).sum::<usize>(),
            18
        );
        assert_eq!((retrieval.scores.len(), ranking.scores.len()), (2, 3));
    }

    #[test]
    fn contradictions_are_rejected() {
        let parse = |example: &str| {
            Numbers::parse(format!(r#"{{"examples":[{example}]}}"#).as_bytes(), "numbers.json")
        };
        parse(r#"{"name":"x","task":"rerank","query":"q","texts":["a","b"],"scores":[0.1,0.2]}"#).unwrap();
        parse(r#"{"name":"x","task":"embed","texts":["a"],"vectors":[{"first":[0.5]}]}"#).unwrap();
        for bad in [
            r#"{"name":"x","task":"rerank","query":"q","texts":["a","b"],"scores":[0.1]}"#,
            r#"{"name":"x","task":"rerank","texts":["a"],"scores":[0.1]}"#,
            r#"{"name":"x","task":"embed","query":"q","texts":["a","b"],"scores":[0.1]}"#,
            r#"{"name":"x","task":"embed","texts":["a","b"],"scores":[0.1,0.2]}"#,
            r#"{"name":"x","task":"embed","texts":["a"]}"#,
            r#"{"name":"x","task":"embed","texts":["a"],"vectors":[{"first":[]}]}"#,
            "",
            r#"{"name":"x","task":"embed","texts":["a"],"vectors":[{"first":[1]}],"more":1}"#,
            r#"{"name":"x","task":"sort","texts":["a"],"vectors":[{"first":[1]}]}"#,
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument, "{bad}");
            assert!(error.message().contains("numbers.json"), "{error}");
        }
    }
}
