//! What one source says of each setting.

use super::decided::Stated;
use super::head_module::HeadModule;
use crate::config::PoolingChoice;
use crate::similarity::Metric;

/// The prompts of a model, which sentence-transformers puts before texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Prompts {
    /// Name and text, in the order of the file.
    pub(crate) by_name: Vec<(String, String)>,
    /// The name of the prompt of texts without a prompt of their own.
    pub(crate) default_name: Option<String>,
    /// Whether the prompt's tokens take part in the pooling.
    pub(crate) include_prompt: bool,
}

/// What one source says of each setting.
#[derive(Default)]
pub(super) struct SourceSettings {
    pub(super) pooling: Stated<PoolingChoice>,
    pub(super) head: Stated<Vec<HeadModule>>,
    pub(super) normalize: Stated<bool>,
    pub(super) max_length: Stated<usize>,
    pub(super) metric: Stated<Metric>,
    pub(super) prompts: Stated<Prompts>,
}
