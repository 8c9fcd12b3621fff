//! Decides each setting: the rows of the table in the [module](super), in their order.

use super::classifier::ClassifierSettings;
use super::decided::{Decided, SettingSource, Stated, chosen};
use super::head_module::HeadModule;
use super::sentence_transformers::{encoder_folder, file_in};
use super::source_settings::SourceSettings;
use super::{corom_json, hugging_face, modelscope, sentence_transformers};

use crate::checkpoint_file::file_source::FileSource;
use crate::config::{BertConfig, Pooling, PoolingChoice};
use crate::error::Result;
use crate::prompts::Prompts;
use crate::similarity::Metric;

use crate::model::manifest::Manifest;

/// The decisions of the caller.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallerSettings {
    pub(crate) pooling: Option<PoolingChoice>,
    pub(crate) normalize: Option<bool>,
    pub(crate) max_length: Option<usize>,
    /// True if the modules after the pooling are left out.
    pub(crate) ignore_head: bool,
}

/// The settings of a folder, each with its source. `None`: no file says.
pub(crate) struct Settings {
    pub(crate) pooling: Option<Decided<PoolingChoice>>,
    /// The pooling if neither a file nor the graph decides.
    pub(crate) default_pooling: Option<Decided<PoolingChoice>>,
    /// The modules after the pooling. An error counts only if hidden states are pooled: a graph's own
    /// sentence vector needs no module.
    pub(crate) head: Decided<Result<Vec<HeadModule>>>,
    pub(crate) normalize: Decided<bool>,
    /// At most the number of positions.
    pub(crate) max_length: Decided<usize>,
    /// The metric of the vectors.
    pub(crate) metric: Decided<Metric>,
    pub(crate) prompts: Decided<Prompts>,
    /// The statements of the files about a classifier after the encoder.
    pub(crate) classifier: ClassifierSettings,
}

impl Settings {
    /// Decides the settings of the folder `files`.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if a file that decides cannot be read, `UNSUPPORTED_POOLING` if it asks for a pooling
    /// that corom does not have, `MISSING_FILE`, `FETCH_FAILED`.
    pub(crate) fn decide(
        files: &dyn FileSource,
        manifest: Option<&Manifest>,
        caller: &CallerSettings,
        config: &BertConfig,
    ) -> Result<Self> {
        let modelscope = modelscope::Configuration::read(files)?;
        let encoder = encoder_folder(files)?;
        let is_corom = modelscope.is_sentence_embedding;
        let is_ranking = modelscope.is_text_ranking;
        // The rows of the table, in its order.
        let mut rows = [
            caller.settings(),
            manifest.map(corom_json::settings).unwrap_or_default(),
            modelscope.settings,
            sentence_transformers::settings(files, config.hidden_size)?,
            modelscope::pipeline_defaults(is_corom, is_ranking),
            hugging_face::settings(files, &encoder)?,
        ];
        let positions = config.max_position_embeddings;
        let max_length = first(&mut rows, |row| row.max_length.take())?
            .filter(|length| length.value <= positions)
            .unwrap_or_else(|| Decided::by_file(positions, &file_in(&encoder, hugging_face::CONFIG)));
        Ok(Self {
            pooling: first(&mut rows, |row| row.pooling.take())?,
            default_pooling: is_corom.then(|| Decided::by_file(Pooling::Cls.into(), modelscope::FILE)),
            head: rows
                .iter_mut()
                .find_map(|row| row.head.take())
                .unwrap_or(Decided::new(Ok(Vec::new()), SettingSource::Default)),
            normalize: first(&mut rows, |row| row.normalize.take())?
                .unwrap_or(Decided::new(false, SettingSource::Default)),
            max_length,
            classifier: ClassifierSettings::read(files, manifest, &encoder, is_ranking)?,
            metric: first(&mut rows, |row| row.metric.take())?
                .unwrap_or(Decided::new(Metric::Cosine, SettingSource::Default)),
            prompts: first(&mut rows, |row| row.prompts.take())?
                .unwrap_or(Decided::new(Prompts::default(), SettingSource::Default)),
        })
    }
}

impl CallerSettings {
    fn settings(&self) -> SourceSettings {
        SourceSettings {
            pooling: chosen(self.pooling.clone()),
            head: chosen(self.ignore_head.then(Vec::new)),
            normalize: chosen(self.normalize),
            max_length: chosen(self.max_length),
            ..SourceSettings::default()
        }
    }
}

/// Returns the first statement of a setting.
fn first<T>(
    rows: &mut [SourceSettings],
    setting: impl FnMut(&mut SourceSettings) -> Stated<T>,
) -> Result<Option<Decided<T>>> {
    match rows.iter_mut().find_map(setting) {
        Some(Decided { value, source }) => Ok(Some(Decided::new(value?, source))),
        None => Ok(None),
    }
}
