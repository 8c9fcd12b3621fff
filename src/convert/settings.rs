//! Decides how texts become vectors, by the table of [`crate::model::settings`], which the loader uses too.

use super::checkpoint_folder::CheckpointFolder;
use super::options::ConvertOptions;
use crate::config::PoolingChoice;
use crate::error::{Result, fail};
use crate::model::HeadModule;
use crate::model::settings::{CallerSettings, OutputChoice, Settings as Decided};
use crate::prompts::Prompts;
use crate::similarity::Metric;

/// The settings that the manifest will have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// How hidden states become one vector per text.
    pub(crate) pooling: PoolingChoice,
    /// The modules after the pooling, with the paths of their weights in the checkpoint.
    pub(crate) head: Vec<HeadModule>,
    /// Whether vectors are L2-normalized.
    pub(crate) normalize: bool,
    /// The number of tokens that texts are cut to.
    pub(crate) max_length: usize,
    /// How vectors are compared.
    pub(crate) metric: Metric,
    pub(crate) prompts: Prompts,
}

impl Settings {
    /// Decides the settings.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the options ask for more tokens than the model has positions,
    /// `POOLING_UNKNOWN` if nothing says how to pool, `INVALID_CONFIG` if a side file cannot be read,
    /// `UNSUPPORTED_POOLING` and `UNSUPPORTED_MODEL` if the side files ask for something that corom does not
    /// do, unless an option decides.
    pub(crate) fn decide(checkpoint: &CheckpointFolder, options: &ConvertOptions) -> Result<Self> {
        let positions = checkpoint.family.max_tokens(&checkpoint.config)?;
        if let Some(length) = options.max_length
            && !(2..=positions).contains(&length)
        {
            fail!(
                InvalidArgument,
                "--max-length {length}: this model supports 2 to {positions} tokens, [CLS] and [SEP] included"
            );
        }
        let caller = CallerSettings {
            pooling: options.pooling.clone(),
            normalize: options.normalize,
            max_length: options.max_length,
            ignore_head: options.ignore_head,
        };
        let decided = Decided::decide(checkpoint.source, None, &caller, &checkpoint.config)?;
        let (normalize, max_length) = (decided.normalize.value, decided.max_length.value.min(positions));
        let (metric, prompts) = (decided.metric.value, decided.prompts.value.clone());
        let OutputChoice { pooling, head, .. } = decided.without_graph()?;
        Ok(Self { pooling: pooling.value, head: head.value, normalize, max_length, metric, prompts })
    }
}
