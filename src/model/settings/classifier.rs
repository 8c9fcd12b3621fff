//! The statements of a folder's files about a classifier after the encoder.

use super::decided::SettingSource;
use super::files::object;
use super::hugging_face::CONFIG;
use super::modelscope;
use super::sentence_transformers::file_in;
use crate::checkpoint_file::file_source::FileSource;
use crate::error::{Result, fail};
use crate::model::manifest::{FILE_NAME, Manifest};
use crate::model::task::Task;

/// The end of the names that transformers gives to classes with a classifier.
const CLASS: &str = "ForSequenceClassification";

/// The statements about a classifier.
#[derive(Debug, Default)]
pub(crate) struct ClassifierSettings {
    /// The file that says that there is one.
    #[cfg_attr(not(feature = "convert"), allow(dead_code, reason = "only the converter asks"))]
    pub(crate) stated_by: Option<SettingSource>,
    /// transformers' `problem_type` of `config.json`: what the logits mean.
    problem_type: Option<String>,
}

impl ClassifierSettings {
    /// Reads the statements. `encoder` is the folder of the encoder's files, `is_text_ranking` what ModelScope's
    /// `configuration.json` says.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if `config.json` is not a JSON object, `FETCH_FAILED`.
    pub(super) fn read(
        files: &dyn FileSource,
        manifest: Option<&Manifest>,
        encoder: &str,
        is_text_ranking: bool,
    ) -> Result<Self> {
        let path = file_in(encoder, CONFIG);
        let config = object(files, &path)?;
        let get = |key| config.as_ref().and_then(|file| file.get(key));
        let is_class = |name: &serde_json::Value| name.as_str().is_some_and(|name| name.ends_with(CLASS));
        let has_class = get("architectures")
            .and_then(|names| names.as_array())
            .is_some_and(|names| names.iter().any(is_class));
        let stated_by = if manifest.is_some_and(|manifest| manifest.task == Task::Rerank) {
            Some(FILE_NAME.to_owned())
        } else if is_text_ranking {
            Some(modelscope::FILE.to_owned())
        } else {
            has_class.then_some(path.clone())
        };
        let problem_type = get("problem_type").and_then(|value| value.as_str()).map(str::to_owned);
        Ok(Self { stated_by: stated_by.map(SettingSource::File), problem_type })
    }

    /// Checks that the logits make a score: a larger one means a better document.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` if they mean something else.
    pub(crate) fn check_labels(&self, labels: usize) -> Result<()> {
        match (self.problem_type.as_deref(), labels) {
            (Some(kind @ "regression"), _) => fail!(
                UnsupportedModel,
                "config.json: problem_type is `{kind}`: the model predicts a quantity, whose sigmoid is no probability; a \
                 reranker has a classifier with 1 or 2 labels"
            ),
            (Some(kind @ "multi_label_classification"), 2) => fail!(
                UnsupportedModel,
                "config.json: problem_type is `{kind}` with 2 labels, which do not exclude each other; a reranker has 1 \
                 label, or 2 of which the second means relevant"
            ),
            _ => Ok(()),
        }
    }
}
