//! A checkpoint with every tensor of the encoder, each in its expected shape.

use super::bert::{HiddenAct, encoder_tensors};
use super::checkpoint_folder::CheckpointFolder;
use super::family::Family;
use super::tensor_names::{TensorNames, resolve};
use crate::checkpoint_file::CheckpointFile;
use crate::config::BertConfig;
use crate::error::{Result, fail};

/// The encoder of a checkpoint: its configuration, and its tensors by Hugging Face's names.
pub(crate) struct Checkpoint<'a> {
    /// The contents of `config.json`.
    pub(crate) config: BertConfig,
    /// The kind of the checkpoint.
    pub(crate) family: Family,
    /// The activation function of the feed-forward layers.
    pub(crate) activation: HiddenAct,
    names: TensorNames,
    file: CheckpointFile<'a>,
}

impl<'a> Checkpoint<'a> {
    /// Finds the encoder's tensors and checks their shapes. No weight is read yet.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` with the names of all tensors that are missing or have another shape;
    /// `UNSUPPORTED_MODEL` if a head follows the encoder, unless `ignore_head`; `INVALID_CONFIG` for an
    /// activation function that corom does not support.
    pub(crate) fn open(folder: &'a CheckpointFolder<'a>, ignore_head: bool) -> Result<Self> {
        let activation = HiddenAct::parse(&folder.config.hidden_act)?;
        let file = CheckpointFile::open(folder.source, &folder.weights)?;
        let tensors = encoder_tensors(&folder.config, folder.family.task_types());
        let mut names = resolve(file.names(), &tensors)?;
        names.head.retain(|key| {
            file.view(key).is_some_and(|view| {
                // A single number (a temperature, a counter) and integers (buffers) are no layer.
                view.element_type.is_float() && view.elements() != Some(1)
            })
        });
        if !ignore_head {
            reject_head(&names.head)?;
        }
        let mut wrong = Vec::new();
        for tensor in &tensors {
            let actual = names.keys.get(&tensor.name).and_then(|key| file.view(key)).map(|view| &view.shape);
            if actual != Some(&tensor.shape) {
                let actual = actual.map(Vec::as_slice).unwrap_or_default();
                wrong.push(format!("`{}` has {actual:?}, expected {:?}", tensor.name, tensor.shape));
            }
        }
        if !wrong.is_empty() {
            fail!(
                InvalidCheckpoint,
                "the weights do not belong to this config.json; these tensors have another shape: {}",
                wrong.join("; ")
            );
        }
        Ok(Self { config: folder.config.clone(), family: folder.family, activation, names, file })
    }

    /// Reads a tensor by Hugging Face's name, row-major.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` if the values cannot be read or are not finite.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>> {
        let Some(key) = self.names.keys.get(name) else {
            fail!(Internal, "`{name}` is not a tensor of the encoder");
        };
        self.file.read(key)
    }

    /// Returns the keys of the head, which are not converted.
    pub(crate) fn head(&self) -> &[String] {
        &self.names.head
    }
}

fn reject_head(head: &[String]) -> Result<()> {
    if head.is_empty() {
        return Ok(());
    }
    let named = head.join("`, `");
    if head.iter().any(|key| key.split('.').any(|part| part == "classifier" || part == "score")) {
        fail!(
            UnsupportedModel,
            "the checkpoint is a cross-encoder: a classifier (`{named}`) follows the encoder. Cross-encoders \
             are not supported yet; --ignore-head converts the encoder alone"
        );
    }
    fail!(
        UnsupportedModel,
        "the checkpoint has layers beside the encoder that corom does not run: `{named}`. --ignore-head \
         converts the encoder alone"
    )
}
