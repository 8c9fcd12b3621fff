//! The decisions of a loaded model, as `Embedder::decisions` and `corom.info.settings` list them.

use serde_json::Value;

use super::decided::Decided;
use super::head_module::HeadModule;
use crate::config::PoolingChoice;
use crate::decision::Decision;

/// The settings that a loaded model has, each with its source.
#[derive(Debug)]
pub(crate) struct ModelDecisions {
    pub(crate) pooling: Decided<PoolingChoice>,
    pub(crate) head: Decided<Vec<HeadModule>>,
    pub(crate) normalize: Decided<bool>,
    pub(crate) max_length: Decided<usize>,
}

impl ModelDecisions {
    /// Returns the list, in the order of the table.
    pub(crate) fn list(&self) -> Vec<Decision> {
        vec![
            decision("pooling", &self.pooling),
            decision("head", &self.head),
            decision("normalize", &self.normalize),
            decision("maxLength", &self.max_length),
        ]
    }
}

fn decision<T: serde::Serialize>(setting: &'static str, decided: &Decided<T>) -> Decision {
    // The values are names, numbers and lists of them, so they always serialize.
    let value = serde_json::to_value(&decided.value).unwrap_or(Value::Null);
    Decision { setting, value, source: decided.source.to_string() }
}
