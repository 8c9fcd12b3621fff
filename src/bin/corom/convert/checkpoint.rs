//! A checkpoint whose tensors are all there, in their right shape.

use corom::config::BertConfig;
use corom::error::{Error, Result};

use super::bert::needed;
use super::graph::Activation;
use super::names::{Names, resolve};
use super::source::Source;
use super::weights::{Dtype, Weights};
use crate::fail;

/// The encoder of a checkpoint: what it is, and its tensors by Hugging Face's names.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    /// Its configuration.
    pub(crate) config: BertConfig,
    names: Names,
    weights: Weights,
}

impl Checkpoint {
    /// Finds the encoder's tensors and checks their shapes. No weight is read yet.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` with the names of what is missing or of another
    /// shape; `UNSUPPORTED_MODEL` when a head follows the encoder, unless `ignore_head`;
    /// `INVALID_CONFIG` for an activation that corom does not have.
    pub(crate) fn open(source: &Source, ignore_head: bool) -> Result<Self> {
        Activation::parse(&source.config.hidden_act)?;
        let weights = Weights::open(&source.weights)?;
        let needed = needed(&source.config);
        let mut names = resolve(weights.names(), &needed)?;
        names.head.retain(|key| {
            weights.view(key).is_some_and(|view| {
                // A lone number is a note of the training (a temperature, a count), and integers are buffers.
                !matches!(view.dtype, Dtype::Other(_)) && view.elements() != Some(1)
            })
        });
        if !ignore_head {
            refuse_head(&names.head)?;
        }
        let mut wrong = Vec::new();
        for tensor in &needed {
            let actual =
                names.keys.get(&tensor.name).and_then(|key| weights.view(key)).map(|view| &view.shape);
            if actual != Some(&tensor.shape) {
                let actual = actual.map(Vec::as_slice).unwrap_or_default();
                wrong.push(format!(
                    "`{}` is {actual:?} where config.json makes it {:?}",
                    tensor.name, tensor.shape
                ));
            }
        }
        if !wrong.is_empty() {
            fail!(InvalidCheckpoint, "the weights are not of this config.json: {}", wrong.join("; "));
        }
        Ok(Self { config: source.config.clone(), names, weights })
    }

    /// Reads a tensor by Hugging Face's name.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` when its numbers cannot be read or are not finite.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>> {
        let Some(key) = self.names.keys.get(name) else {
            fail!(Internal, "`{name}` was not among the tensors that were looked for");
        };
        self.weights.read(key).map_err(|e| Error::with_source(e.code(), e.message().to_owned(), e))
    }

    /// The tensors of a head that was left out.
    pub(crate) fn head(&self) -> &[String] {
        &self.names.head
    }
}

fn refuse_head(head: &[String]) -> Result<()> {
    let named = head.join("`, `");
    if head.iter().any(|key| key.split('.').any(|part| part == "classifier" || part == "score")) {
        fail!(
            UnsupportedModel,
            "the checkpoint is a cross-encoder: a classifier (`{named}`) follows the encoder. Cross-encoders are \
             not supported yet; --ignore-head converts the encoder alone"
        );
    }
    if !head.is_empty() {
        fail!(
            UnsupportedModel,
            "the checkpoint has layers beside the encoder that corom does not run: `{named}`. \
             --ignore-head converts the encoder alone"
        );
    }
    Ok(())
}
