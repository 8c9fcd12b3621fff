//! Decides how texts become vectors, by the table of [`crate::model::settings`], which the loader uses too.

use super::checkpoint_folder::CheckpointFolder;
use super::options::ConvertOptions;
use crate::config::{Pooling, PoolingChoice};
use crate::encoder::OutputPreference;
use crate::encoder::export::PlanPooling;
use crate::error::{Result, fail};
use crate::model::HeadModule;
use crate::model::settings::{CallerSettings, OutputChoice, Settings as Decided};
use crate::prompts::Prompts;
use crate::similarity::Metric;

/// The settings that the manifest will have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// The pooling of hidden states into one vector per text.
    pub(crate) pooling: PoolingChoice,
    /// The modules after the pooling, with the paths of their weights in the checkpoint.
    pub(crate) head: Vec<HeadModule>,
    /// True if vectors are L2-normalized.
    pub(crate) normalize: bool,
    /// The number of tokens that texts are cut to.
    pub(crate) max_length: usize,
    /// The metric of the vectors.
    pub(crate) metric: Metric,
    pub(crate) prompts: Prompts,
}

/// The settings before the graph of an export is known.
pub(crate) struct FolderSettings {
    decided: Decided,
    /// The caller's choice of normalization and length.
    normalize: Option<bool>,
    max_length: Option<usize>,
    /// True if the caller wants the encoder alone.
    ignore_head: bool,
}

impl FolderSettings {
    /// Reads the settings of a folder. `corom.json` counts if its own `model.onnx` is converted.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if a side file cannot be read, `UNSUPPORTED_POOLING` if it asks for a pooling that corom does
    /// not have.
    pub(crate) fn read(folder: &CheckpointFolder, options: &ConvertOptions) -> Result<Self> {
        let caller = CallerSettings {
            pooling: options.pooling.clone(),
            normalize: options.normalize,
            max_length: options.max_length,
            ignore_head: options.ignore_head,
        };
        let manifest = folder.manifest()?;
        let decided = Decided::decide(folder.source, manifest.as_ref(), &caller, &folder.config)?;
        let ConvertOptions { normalize, max_length, ignore_head, .. } = *options;
        Ok(Self { decided, normalize, max_length, ignore_head })
    }

    /// Returns which outputs of an export are converted.
    pub(crate) fn output_preference(&self) -> OutputPreference {
        if self.is_ranking() { OutputPreference::Scores } else { self.vector_preference() }
    }

    /// Returns which outputs of an export that embeds texts are converted.
    pub(crate) fn vector_preference(&self) -> OutputPreference {
        self.decided.output_preference()
    }

    /// Returns true if a file says that the model is a classifier, and the caller does not want the encoder alone.
    pub(crate) fn is_ranking(&self) -> bool {
        self.decided.classifier.stated_by.is_some() && !self.ignore_head
    }

    /// Returns true if a file or the caller names poolings of hidden states.
    pub(crate) fn pools_hidden_states(&self) -> bool {
        self.decided.pooling.as_ref().is_some_and(|pooling| pooling.value != PoolingChoice::Graph)
    }

    /// Decides the settings of an encoder without a classifier, as [`of_hidden_states`](Self::of_hidden_states) does.
    ///
    /// # Errors
    /// The errors of [`of_hidden_states`](Self::of_hidden_states); `INVALID_CHECKPOINT` if the folder's files say that there is
    /// a classifier and nothing says how to pool.
    pub(crate) fn of_encoder(self, positions: usize) -> Result<Settings> {
        if self.is_ranking()
            && self.decided.pooling.is_none()
            && let Some(file) = &self.decided.classifier.stated_by
        {
            fail!(
                InvalidCheckpoint,
                "{file} says that the model is a classifier, but the weights have none: `classifier.weight` is missing. \
                 --ignore-head converts the encoder alone"
            );
        }
        self.of_hidden_states(positions)
    }

    /// Decides the settings of a checkpoint, or of an export whose hidden states are pooled. `positions` is the most
    /// tokens that a text can have.
    ///
    /// # Errors
    /// `POOLING_UNKNOWN` if nothing says how to pool, `INVALID_ARGUMENT` if the options ask for more tokens than
    /// `positions`, and the error of a module that corom does not run.
    pub(crate) fn of_hidden_states(self, positions: usize) -> Result<Settings> {
        let (normalize, max_length) = (self.decided.normalize.value, self.length(positions)?);
        let (metric, prompts) = (self.decided.metric.value, self.decided.prompts.value.clone());
        let OutputChoice { pooling, head, .. } = self.decided.without_graph()?;
        Ok(Settings { pooling: pooling.value, head: head.value, normalize, max_length, metric, prompts })
    }

    /// Decides the settings of the export at `path`, whose sentence vector of `width` numbers is pooled as `graph`
    /// says.
    ///
    /// # Errors
    /// The errors of [`of_hidden_states`](Self::of_hidden_states); also `INVALID_ARGUMENT` if the options turn off a
    /// normalization that the graph has, and `UNSUPPORTED_MODEL` if modules follow it.
    pub(crate) fn of_sentence_vector(
        self,
        path: &str,
        graph: PlanPooling,
        width: usize,
        positions: usize,
    ) -> Result<Settings> {
        let (normalize, max_length) = (self.decided.normalize.value, self.length(positions)?);
        let (metric, prompts) = (self.decided.metric.value, self.decided.prompts.value.clone());
        if graph.normalize && self.normalize == Some(false) {
            fail!(
                InvalidArgument,
                "--normalize=false: the graph normalizes its sentence vector itself; choose a pooling of the hidden \
                 states (--pooling) to convert it without"
            );
        }
        let OutputChoice { head, .. } = self.decided.with_graph(path, Some(Some(width)))?;
        if graph.normalize && !head.value.is_empty() {
            fail!(
                UnsupportedModel,
                "the graph normalizes its sentence vector, and modules.json has modules after it; corom normalizes only \
                 at the end. --ignore-head leaves the modules out"
            );
        }
        let pooling = if graph.is_mean { Pooling::Mean } else { Pooling::Cls };
        let normalize = graph.normalize || normalize;
        Ok(Settings { pooling: pooling.into(), head: head.value, normalize, max_length, metric, prompts })
    }

    /// Decides the settings of a cross-encoder, whose output is `labels` logits per pair.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` if the labels do not make a score; `INVALID_ARGUMENT` if the options ask for a pooling, a
    /// normalization, or more tokens than `positions`.
    pub(crate) fn of_pairs(self, labels: usize, positions: usize) -> Result<Settings> {
        self.decided.classifier.check_labels(labels)?;
        if self.normalize == Some(true)
            || self.decided.pooling.as_ref().is_some_and(|pooling| pooling.is_by_caller())
        {
            fail!(
                InvalidArgument,
                "the checkpoint is a reranker, which returns a score per pair of texts: --pooling and --normalize do not \
                 apply. --ignore-head converts the encoder alone"
            );
        }
        Ok(Settings {
            pooling: PoolingChoice::Graph,
            head: Vec::new(),
            normalize: false,
            max_length: self.length(positions)?,
            metric: Metric::Dot,
            prompts: Prompts::default(),
        })
    }

    fn length(&self, positions: usize) -> Result<usize> {
        if let Some(length) = self.max_length
            && !(2..=positions).contains(&length)
        {
            fail!(
                InvalidArgument,
                "--max-length {length}: this model supports 2 to {positions} tokens, [CLS] and [SEP] included"
            );
        }
        Ok(self.decided.max_length.value.min(positions))
    }
}
