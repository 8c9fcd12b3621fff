//! The statements of one source about the settings.

use super::decided::Stated;
use super::head_module::HeadModule;
use crate::config::PoolingChoice;
use crate::prompts::Prompts;
use crate::similarity::Metric;

/// The statements of one source, one per setting.
#[derive(Default)]
pub(super) struct SourceSettings {
    pub(super) pooling: Stated<PoolingChoice>,
    pub(super) head: Stated<Vec<HeadModule>>,
    pub(super) normalize: Stated<bool>,
    pub(super) max_length: Stated<usize>,
    pub(super) metric: Stated<Metric>,
    pub(super) prompts: Stated<Prompts>,
}
