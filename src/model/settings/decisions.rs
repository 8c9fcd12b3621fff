//! The decisions of a loaded model, as `Embedder::decisions` and `corom.info.settings` list them.

use serde_json::Value;

use super::decided::Decided;
use super::head_module::HeadModule;
use crate::config::PoolingChoice;
use crate::decision::Decision;
use crate::prompts::Prompts;
use crate::similarity::Metric;

/// The settings that a loaded model has, each with its source.
#[derive(Debug)]
pub(crate) struct ModelDecisions {
    pub(crate) pooling: Decided<PoolingChoice>,
    pub(crate) head: Decided<Vec<HeadModule>>,
    pub(crate) normalize: Decided<bool>,
    pub(crate) max_length: Decided<usize>,
    pub(crate) metric: Decided<Metric>,
    pub(crate) prompts: Decided<Prompts>,
    pub(crate) lowercase: Decided<bool>,
    pub(crate) split_special_tokens: Decided<bool>,
    /// The path of the ONNX file.
    pub(crate) model: Decided<String>,
}

impl ModelDecisions {
    /// Returns the list of a model that embeds texts, in the order of the table.
    pub(crate) fn list(&self) -> Vec<Decision> {
        vec![
            decision("pooling", &self.pooling),
            decision("head", &self.head),
            decision("normalize", &self.normalize),
            decision("maxLength", &self.max_length),
            decision("metric", &self.metric),
            Decision {
                setting: "prompts",
                value: serde_json::to_value(&self.prompts.value.by_name).unwrap_or(Value::Null),
                source: self.prompts.source.to_string(),
            },
            Decision {
                setting: "defaultPromptName",
                value: self.prompts.value.default_name.clone().map_or(Value::Null, Value::from),
                source: self.prompts.source.to_string(),
            },
            decision("lowercase", &self.lowercase),
            decision("splitSpecialTokens", &self.split_special_tokens),
            decision("model", &self.model),
        ]
    }

    /// Returns the list of a reranker, which makes no vectors.
    pub(crate) fn list_of_reranker(&self) -> Vec<Decision> {
        vec![
            decision("maxLength", &self.max_length),
            decision("lowercase", &self.lowercase),
            decision("splitSpecialTokens", &self.split_special_tokens),
            decision("model", &self.model),
        ]
    }
}

fn decision<T: serde::Serialize>(setting: &'static str, decided: &Decided<T>) -> Decision {
    // The values are names, numbers and lists of them, so they always serialize.
    let value = serde_json::to_value(&decided.value).unwrap_or(Value::Null);
    Decision { setting, value, source: decided.source.to_string() }
}
