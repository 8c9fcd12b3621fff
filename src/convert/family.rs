//! The kinds of checkpoints whose tensors are those of a BERT, by `model_type`.

use crate::config::BertConfig;
use crate::error::{Result, fail};
use serde_json::Value;

/// A kind of checkpoint. All have the tensors of a BERT; they differ in their positions and in one more table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// BERT, and ERNIE without task types.
    Bert,
    /// ERNIE with task types: the first row of one more table is added to every token.
    Ernie {
        /// Rows of that table.
        task_types: usize,
    },
    /// RoBERTa, XLM-RoBERTa, CamemBERT: positions count from `pad_token_id + 1`, and pad tokens do not count.
    Roberta,
}

impl Family {
    /// Reads the kind of a checkpoint from the contents of its `config.json`.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` for a kind that computes something else, and for positions that are not absolute.
    pub(crate) fn of(config: &BertConfig, json: &Value) -> Result<Self> {
        if let Some(kind) = json.get("position_embedding_type").and_then(Value::as_str)
            && kind != "absolute"
        {
            fail!(
                UnsupportedModel,
                "config.json: position_embedding_type is `{kind}`; only `absolute` is supported"
            );
        }
        let architecture = json.get("architectures").and_then(|list| list.get(0)).and_then(Value::as_str);
        let kind = match (&config.model_type, architecture) {
            (Some(kind), _) => kind.as_str(),
            (None, Some(name)) if name.starts_with("XLMRoberta") => "xlm-roberta",
            (None, Some(name)) if name.starts_with("Roberta") => "roberta",
            (None, Some(name)) if name.starts_with("Camembert") => "camembert",
            (None, Some(name)) if name.starts_with("Ernie") => "ernie",
            (None, _) => "bert",
        };
        Ok(match kind {
            "bert" => Self::Bert,
            "ernie" if json.get("use_task_id").and_then(Value::as_bool) == Some(true) => {
                let rows = json.get("task_type_vocab_size").map_or(Some(3), Value::as_u64);
                match rows {
                    Some(rows @ 1..=0xff_ffff) => Self::Ernie { task_types: rows as usize },
                    _ => fail!(
                        InvalidConfig,
                        "config.json: task_type_vocab_size is {:?}; expected a positive number",
                        json["task_type_vocab_size"]
                    ),
                }
            }
            "ernie" => Self::Bert,
            "roberta" | "xlm-roberta" | "camembert" => Self::Roberta,
            other => fail!(
                UnsupportedModel,
                "config.json: model_type is `{other}`; corom converts bert, ernie, roberta, xlm-roberta and \
                 camembert. An ONNX export of another model loads as it is, if its graph is that of a BERT"
            ),
        })
    }

    /// Returns the rows of ERNIE's table of task types.
    pub(crate) fn task_types(self) -> Option<usize> {
        if let Self::Ernie { task_types } = self { Some(task_types) } else { None }
    }

    /// Returns the row of the position table that the first token of a text reads.
    pub(crate) fn first_position(self, config: &BertConfig) -> usize {
        match self {
            Self::Bert | Self::Ernie { .. } => 0,
            Self::Roberta => config.pad_token_id as usize + 1,
        }
    }

    /// Returns the most tokens of a text.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if the position table has no rows for text.
    pub(crate) fn max_tokens(self, config: &BertConfig) -> Result<usize> {
        let (rows, first) = (config.max_position_embeddings, self.first_position(config));
        if rows < first + 2 {
            fail!(
                InvalidConfig,
                "config.json: max_position_embeddings is {rows}; expected at least {} (pad_token_id + 3)",
                first + 2
            );
        }
        Ok(rows - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn family(extra: Value) -> Result<(Family, usize)> {
        let mut json = json!({"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                              "intermediate_size": 16, "max_position_embeddings": 514, "pad_token_id": 1});
        let all = json.as_object_mut().unwrap();
        all.extend(extra.as_object().unwrap().clone());
        let config = BertConfig::from_json(json.to_string().as_bytes())?;
        let family = Family::of(&config, &json)?;
        Ok((family, family.max_tokens(&config)?))
    }

    #[test]
    fn family_follows_model_type_then_architecture() {
        assert_eq!(family(json!({})).unwrap(), (Family::Bert, 514));
        assert_eq!(family(json!({"model_type": "xlm-roberta"})).unwrap(), (Family::Roberta, 512));
        assert_eq!(family(json!({"architectures": ["RobertaForMaskedLM"]})).unwrap(), (Family::Roberta, 512));
        assert_eq!(
            family(json!({"model_type": "ernie", "use_task_id": true})).unwrap().0,
            Family::Ernie { task_types: 3 }
        );
        assert_eq!(family(json!({"model_type": "ernie"})).unwrap().0, Family::Bert);
        for (key, value) in [("model_type", "mpnet"), ("position_embedding_type", "relative_key")] {
            let error = family(json!({key: value})).unwrap_err();
            assert_eq!(error.code(), crate::error::ErrorCode::UnsupportedModel);
            assert!(error.message().contains(value), "{error}");
        }
    }
}
