//! Writes a trained model as a checkpoint that `corom convert`, and sentence-transformers or transformers, take.
//!
//! | file | contents |
//! |---|---|
//! | `config.json`, `tokenizer.json`, `model.safetensors` | the encoder, by Hugging Face's names |
//! | `modules.json` and the files that it names | pooling, last layer, normalization, as sentence-transformers has them |
//! | `configuration.json` | of a reranker: ModelScope's task and maximum length |

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{Model, Output, PROJECTION};
use super::parameters::to_safetensors;
use crate::config::Pooling;
use crate::error::{Error, ErrorCode, Result};

/// A folder in memory: path to contents.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

impl Model {
    /// Returns the files of the checkpoint, by path.
    ///
    /// # Errors
    /// `INTERNAL` if a file cannot be serialized.
    pub fn checkpoint(&self) -> Result<Files> {
        let mut weights = self.weights()?;
        let projection = weights.split_off(PROJECTION);
        let mut files = Files::new();
        let is_ranking = self.output() == Output::Logit;
        put(&mut files, "config.json", &self.config_json(is_ranking)?)?;
        files.insert("tokenizer.json".into(), self.tokenizer_json().as_bytes().to_vec());
        files.insert(
            "model.safetensors".into(),
            to_safetensors(&weights, Some([("format".into(), "pt".into())].into()))?,
        );
        let max_length = self.tokenizer().max_length();
        match self.output() {
            Output::Logit => {
                let value = json!({
                    "framework": "pytorch", "task": "text-ranking",
                    "model": {"type": "bert"}, "pipeline": {"type": "text-ranking"},
                    "preprocessor": {"max_length": max_length},
                });
                put(&mut files, "configuration.json", &value)?;
            }
            Output::Vector(pooling) => self.add_modules(&mut files, pooling, None)?,
            Output::Projected(pooling, dimension) => {
                let layer = projection
                    .into_iter()
                    .map(|(name, numbers)| (name.replacen(PROJECTION, "linear", 1), numbers));
                let bytes = to_safetensors(&layer.collect(), None)?;
                self.add_modules(&mut files, pooling, Some((dimension, bytes)))?;
            }
        }
        Ok(files)
    }

    /// Adds the files of sentence-transformers.
    fn add_modules(
        &self,
        files: &mut Files,
        pooling: Pooling,
        dense: Option<(usize, Vec<u8>)>,
    ) -> Result<()> {
        let hidden = self.config().hidden_size;
        let mut modules = vec![("", "Transformer"), ("1_Pooling", "Pooling")];
        let is_mean = pooling == Pooling::Mean;
        put(
            files,
            "1_Pooling/config.json",
            &json!({
                "word_embedding_dimension": hidden, "pooling_mode_cls_token": !is_mean,
                "pooling_mode_mean_tokens": is_mean, "pooling_mode_max_tokens": false,
                "pooling_mode_mean_sqrt_len_tokens": false,
            }),
        )?;
        if let Some((dimension, bytes)) = dense {
            modules.push(("2_Dense", "Dense"));
            put(
                files,
                "2_Dense/config.json",
                &json!({
                    "in_features": hidden, "out_features": dimension, "bias": true,
                    "activation_function": "torch.nn.modules.linear.Identity",
                }),
            )?;
            files.insert("2_Dense/model.safetensors".into(), bytes);
        }
        if self.normalize {
            modules.push(("3_Normalize", "Normalize"));
        }
        let list: Vec<Value> = modules
            .iter()
            .enumerate()
            .map(|(index, (path, class))| {
                let kind = format!("sentence_transformers.models.{class}");
                json!({"idx": index, "name": index.to_string(), "path": path, "type": kind})
            })
            .collect();
        put(files, "modules.json", &Value::from(list))?;
        let length = self.tokenizer().max_length();
        put(files, "sentence_bert_config.json", &json!({"max_seq_length": length, "do_lower_case": false}))?;
        put(
            files,
            "config_sentence_transformers.json",
            &json!({
                "similarity_fn_name": similarity_name(self.metric), "prompts": self.prompts.by_name,
                "default_prompt_name": self.prompts.default_name,
            }),
        )
    }

    fn config_json(&self, is_ranking: bool) -> Result<Value> {
        let mut value = serde_json::to_value(self.config()).map_err(not_serialized)?;
        if let Some(object) = value.as_object_mut() {
            let class = if is_ranking { "BertForSequenceClassification" } else { "BertModel" };
            object.insert("model_type".into(), "bert".into());
            object.insert("architectures".into(), vec![class].into());
            object.insert("position_embedding_type".into(), "absolute".into());
            if is_ranking {
                object.insert("id2label".into(), json!({"0": "LABEL_0"}));
                object.insert("label2id".into(), json!({"LABEL_0": 0}));
            }
        }
        Ok(value)
    }
}

/// Returns sentence-transformers' name of a metric.
fn similarity_name(metric: crate::similarity::Metric) -> &'static str {
    use crate::similarity::Metric;
    match metric {
        Metric::Dot => "dot",
        Metric::Cosine => "cosine",
        Metric::L2 => "euclidean",
        Metric::L1 => "manhattan",
    }
}

fn put(files: &mut Files, path: &str, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(not_serialized)?;
    files.insert(path.to_owned(), (text + "\n").into_bytes());
    Ok(())
}

fn not_serialized(error: serde_json::Error) -> Error {
    Error::with_source(ErrorCode::Internal, "a file of the checkpoint cannot be serialized", error)
}
