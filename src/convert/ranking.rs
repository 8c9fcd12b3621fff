//! The classifier of a cross-encoder: the layers after the encoder of a checkpoint for text ranking.
//!
//! | module here | BERT (ModelScope, `BertForSequenceClassification`) | RoBERTa | shape |
//! |---|---|---|---|
//! | [`POOLER`], then tanh | `pooler.dense`, in the encoder | `classifier.dense` | `[hidden, hidden]` |
//! | [`CLASSIFIER`] | `classifier` | `classifier.out_proj` | `[labels, hidden]` |
//!
//! The pooler reads the first row of the last layer. There are one or two labels.

use std::collections::BTreeMap;

use super::bert::WORD_EMBEDDINGS;
use super::tensor_names::TensorNames;
use crate::checkpoint_file::CheckpointFile;
use crate::error::{Result, fail};

/// The Linear after the encoder, which tanh follows.
pub(crate) const POOLER: &str = "pooler.dense";
/// The Linear that returns the logits.
pub(crate) const CLASSIFIER: &str = "classifier";

/// The classifier of a checkpoint.
pub(crate) struct RankingHead {
    /// The key per tensor, by its name here.
    pub(crate) keys: BTreeMap<String, String>,
    /// 1, or 2 of which the second means relevant.
    pub(crate) labels: usize,
}

impl RankingHead {
    /// Finds the classifier of a checkpoint. Returns `None` for a checkpoint without one.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` for a classifier with more than two labels, or beside layers that corom does not run;
    /// `INVALID_CHECKPOINT` for tensors that are missing or have another shape.
    pub(crate) fn find(file: &CheckpointFile, names: &TensorNames, hidden: usize) -> Result<Option<Self>> {
        let Some(words) = names.keys.get(WORD_EMBEDDINGS) else { return Ok(None) };
        let encoder = words.strip_suffix(WORD_EMBEDDINGS).unwrap_or_default();
        let key_of = |name: &str| {
            let inner = format!(".{name}");
            file.names().find(|key| *key == name || key.ends_with(&inner)).map(str::to_owned)
        };
        let bert = key_of("classifier.weight").map(|key| (format!("{encoder}pooler.dense.weight"), key));
        let roberta = || Some((key_of("classifier.dense.weight")?, key_of("classifier.out_proj.weight")?));
        let Some((pooler, classifier)) = bert.or_else(roberta) else { return Ok(None) };
        let labels = match file.view(&classifier).map(|view| &view.shape[..]) {
            Some([labels @ (1 | 2), inputs]) if *inputs == hidden as u64 => *labels as usize,
            Some([labels, _]) if *labels > 2 => fail!(
                UnsupportedModel,
                "`{classifier}` has {labels} labels; a reranker has 1, or 2 of which the second means relevant. \
                 --ignore-head converts the encoder alone"
            ),
            shape => fail!(InvalidCheckpoint, "`{classifier}` has {shape:?}, expected [1 or 2, {hidden}]"),
        };
        let mut keys = BTreeMap::new();
        for (module, weight, outputs) in [(POOLER, pooler, hidden), (CLASSIFIER, classifier, labels)] {
            let bias = format!("{}bias", weight.trim_end_matches("weight"));
            for (part, key, due) in [
                ("weight", weight, vec![outputs as u64, hidden as u64]),
                ("bias", bias, vec![outputs as u64]),
            ] {
                match file.view(&key) {
                    Some(view) if view.shape == due => drop(keys.insert(format!("{module}.{part}"), key)),
                    Some(view) => fail!(InvalidCheckpoint, "`{key}` has {:?}, expected {due:?}", view.shape),
                    None => fail!(InvalidCheckpoint, "the checkpoint has a classifier, but no `{key}`"),
                }
            }
        }
        Ok(Some(Self { keys, labels }))
    }
}
