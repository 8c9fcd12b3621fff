//! Settings of ModelScope's `configuration.json`, and of its pipeline for sentence embeddings
//! (docs/corom.md).

use super::decided::{Decided, stated};
use super::files::object;
use super::source_settings::SourceSettings;
use crate::checkpoint_file::file_source::FileSource;
use crate::config::{DEFAULT_MAX_LENGTH, Pooling, PoolingChoice};
use crate::error::{Error, ErrorCode, Result};
use crate::similarity::Metric;

pub(super) const FILE: &str = "configuration.json";
/// ModelScope's name of the task. The folders of CoROM and of its relatives have it.
const TASK: &str = "sentence-embedding";
/// ModelScope's name of the task of a cross-encoder.
const RANKING_TASK: &str = "text-ranking";

/// The statements of `configuration.json`.
#[derive(Default)]
pub(super) struct Configuration {
    pub(super) settings: SourceSettings,
    /// True if the folder is one of ModelScope's for sentence embeddings.
    pub(super) is_sentence_embedding: bool,
    /// True if the folder is one of ModelScope's for text ranking.
    pub(super) is_text_ranking: bool,
}

impl Configuration {
    /// Reads the file. Without the file nothing is stated.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if it is not a JSON object, `FETCH_FAILED`.
    pub(super) fn read(files: &dyn FileSource) -> Result<Self> {
        let Some(file) = object(files, FILE)? else { return Ok(Self::default()) };
        let is = |key: &str, task: &str| file.get(key).and_then(|value| value.as_str()) == Some(task);
        let pooling = match file.text("model.emb_pooler_type") {
            Ok(name) => name.map(|name| {
                let pooling = Pooling::parse(name).map(PoolingChoice::from);
                pooling.map_err(|e| {
                    Error::new(ErrorCode::InvalidConfig, format!("{FILE}: model.emb_pooler_type: {e}"))
                })
            }),
            Err(error) => Some(Err(error)),
        };
        let length = match file.length("preprocessor.max_length") {
            Ok(None) => file.length("preprocessor.sequence_length"),
            stated => stated,
        };
        Ok(Self {
            is_sentence_embedding: is("task", TASK) || is("pipeline.type", TASK),
            is_text_ranking: is("task", RANKING_TASK) || is("pipeline.type", RANKING_TASK),
            settings: SourceSettings {
                // A model that ModelScope pools has no module after it.
                head: stated(pooling.is_some().then(Vec::new), FILE),
                pooling: pooling.map(|pooling| Decided::by_file(pooling, FILE)),
                normalize: file.flag("model.normalize").transpose().map(|v| Decided::by_file(v, FILE)),
                max_length: length.transpose().map(|v| Decided::by_file(v, FILE)),
                ..SourceSettings::default()
            },
        })
    }
}

/// Returns what ModelScope's pipelines do in a folder whose `configuration.json` does not say: both cut
/// texts, or pairs of texts, at 128 tokens, and that for sentence embeddings compares vectors by their inner
/// product (docs/corom.md).
pub(super) fn pipeline_defaults(is_sentence_embedding: bool, is_text_ranking: bool) -> SourceSettings {
    SourceSettings {
        max_length: stated((is_sentence_embedding || is_text_ranking).then_some(DEFAULT_MAX_LENGTH), FILE),
        metric: stated(is_sentence_embedding.then_some(Metric::Dot), FILE),
        ..SourceSettings::default()
    }
}
