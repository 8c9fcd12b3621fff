//! The encoder of a checkpoint or an ONNX export, with every tensor in its expected shape.

use std::cell::Cell;

use super::bert::{HiddenAct, encoder_tensors};
use super::checkpoint_folder::CheckpointFolder;
use super::export::{self, ExportConfig};
use super::family::Family;
use super::files::FileSource;
use super::ranking::RankingHead;
use super::tensor_names::{TensorNames, resolve};
use crate::checkpoint_file::CheckpointFile;
use crate::config::BertConfig;
use crate::encoder::export::BertExport;
use crate::error::{Result, fail};

/// An encoder to convert: its configuration, and its tensors by Hugging Face's names.
pub(crate) struct Checkpoint<'a> {
    /// The contents of `config.json`.
    pub(crate) config: BertConfig,
    /// The kind of the checkpoint.
    pub(crate) family: Family,
    /// The activation function of the feed-forward layers.
    pub(crate) activation: HiddenAct,
    /// The number of labels of a cross-encoder. `None` for an encoder alone.
    pub(crate) labels: Option<usize>,
    weights: Weights<'a>,
    progress: Progress<'a>,
}

/// Reports how many values were read.
struct Progress<'a> {
    source: &'a dyn FileSource,
    values: Cell<u64>,
    of: u64,
}

impl<'a> Progress<'a> {
    fn new(source: &'a dyn FileSource, config: &BertConfig, family: Family) -> Self {
        let tensors = encoder_tensors(config, family.task_types());
        let of = tensors.iter().map(|tensor| tensor.shape.iter().product::<u64>()).sum();
        Self { source, values: Cell::new(0), of }
    }

    fn add(&self, values: usize) {
        // A tensor may be read more than once.
        self.values.set(self.of.min(self.values.get() + values as u64));
        self.source.converted(self.values.get(), self.of);
    }
}

/// The source of the tensors.
enum Weights<'a> {
    File { names: TensorNames, file: CheckpointFile<'a> },
    Export(Box<BertExport<'a>>),
}

impl<'a> Checkpoint<'a> {
    /// Finds the encoder's tensors in the weight file at `path` and checks their shapes. No weight is read yet.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` with the names of all tensors that are missing or have another shape;
    /// `UNSUPPORTED_MODEL` if a head follows the encoder, unless `ignore_head`; `INVALID_CONFIG` for an
    /// activation function that corom does not support.
    pub(crate) fn open(folder: &CheckpointFolder<'a>, path: &'a str, ignore_head: bool) -> Result<Self> {
        let activation = HiddenAct::parse(&folder.config.hidden_act)?;
        let file = CheckpointFile::open(folder.source, path)?;
        let tensors = encoder_tensors(&folder.config, folder.family.task_types());
        let mut names = resolve(file.names(), &tensors)?;
        names.head.retain(|key| {
            file.view(key).is_some_and(|view| {
                // A single number (a temperature, a counter) and integers (buffers) are no layer.
                view.element_type.is_float() && view.elements() != Some(1)
            })
        });
        let ranking = match ignore_head {
            true => None,
            false => RankingHead::find(&file, &names, folder.config.hidden_size)?,
        };
        let labels = ranking.as_ref().map(|head| head.labels);
        if let Some(RankingHead { keys, .. }) = ranking {
            names.head.retain(|key| !keys.values().any(|used| used == key));
            names.keys.extend(keys);
        }
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
        let weights = Weights::File { names, file };
        let progress = Progress::new(folder.source, &folder.config, folder.family);
        Ok(Self {
            config: folder.config.clone(),
            family: folder.family,
            activation,
            labels,
            weights,
            progress,
        })
    }

    /// Takes the encoder of an export, and its classifier if it has `labels`. The configuration is that which its graph
    /// shows.
    pub(crate) fn from_export(
        source: &'a dyn FileSource,
        export: BertExport<'a>,
        shown: ExportConfig,
        labels: Option<usize>,
    ) -> Self {
        let ExportConfig { config, family, activation } = shown;
        let progress = Progress::new(source, &config, family);
        Self { config, family, activation, labels, weights: Weights::Export(Box::new(export)), progress }
    }

    /// Reads a tensor by Hugging Face's name, row-major.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT`, and for an export `INVALID_MODEL`, if the values cannot be read or are not finite.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>> {
        let values = match &self.weights {
            Weights::File { names, file } => {
                let Some(key) = names.keys.get(name) else {
                    fail!(Internal, "`{name}` is not a tensor of the encoder");
                };
                file.read(key)
            }
            Weights::Export(export) => export::read(export, &self.config, name),
        }?;
        self.progress.add(values.len());
        Ok(values)
    }

    /// Returns the export that the weights come from, if it is one.
    pub(crate) fn export(&self) -> Option<&BertExport<'a>> {
        match &self.weights {
            Weights::File { .. } => None,
            Weights::Export(export) => Some(export),
        }
    }

    /// Returns the keys of the head, which are not converted.
    pub(crate) fn head(&self) -> &[String] {
        match &self.weights {
            Weights::File { names, .. } => &names.head,
            Weights::Export(_) => &[],
        }
    }
}

fn reject_head(head: &[String]) -> Result<()> {
    if head.is_empty() {
        return Ok(());
    }
    let named = head.join("`, `");
    fail!(
        UnsupportedModel,
        "the checkpoint has layers beside the encoder that corom does not run: `{named}`. --ignore-head \
         converts the encoder alone"
    )
}
