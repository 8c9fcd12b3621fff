//! The graph as a source of settings: whether its own sentence vector is used, and what follows it.
//!
//! | who asks for what | the graph has hidden states | a sentence vector | both |
//! |---|---|---|---|
//! | caller: poolings | pooled | the hidden states inside, else `UNSUPPORTED_POOLING` | pooled |
//! | caller or file: `graph` | `UNSUPPORTED_POOLING` | used | used |
//! | file: poolings | pooled | used; hidden states inside if modules follow | pooled |
//! | file: poolings, and modules that cannot be run | error of the module | used | used |
//! | nobody | CoROM's default, else `POOLING_UNKNOWN` | used | used |
//!
//! A sentence vector of sentence-transformers or optimum contains every module, so no module of
//! `modules.json` follows it. The exception shows by the sizes: if the vector has the size of the first
//! module's input and the last module returns another size, the modules follow.

use super::{Decided, HeadModule, SettingSource, Settings};
use crate::config::PoolingChoice;
use crate::encoder::OutputPreference;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::model::manifest::FILE_NAME;

/// The pooling and the modules after it, once the graph is known.
pub(crate) struct OutputChoice {
    pub(crate) pooling: Decided<PoolingChoice>,
    pub(crate) head: Decided<Vec<HeadModule>>,
    /// The modules that were taken to be inside the graph although it does not state the size of its sentence
    /// vector.
    pub(crate) assumed_inside: Vec<HeadModule>,
}

impl Settings {
    /// Decides for a reranker, whose logits are the output of the graph at `path`.
    pub(crate) fn for_ranking(path: &str) -> OutputChoice {
        let pooling = Decided::by_file(PoolingChoice::Graph, path);
        OutputChoice { pooling, head: Decided::by_file(Vec::new(), path), assumed_inside: Vec::new() }
    }

    /// Returns which outputs of a graph are wanted.
    pub(crate) fn output_preference(&self) -> OutputPreference {
        match &self.pooling {
            None => OutputPreference::SentenceFirst,
            Some(pooling) if pooling.value == PoolingChoice::Graph => OutputPreference::Sentence,
            Some(pooling) if pooling.is_by_caller() => OutputPreference::Hidden,
            Some(_) => match &self.head.value {
                Err(_) => OutputPreference::SentenceFirst,
                Ok(head) if head.is_empty() => OutputPreference::HiddenFirst,
                Ok(_) => OutputPreference::HiddenInside,
            },
        }
    }

    /// Returns the poolings of hidden states that may be needed: the decided one, or the default.
    pub(crate) fn hidden_pooling(&self) -> Option<&PoolingChoice> {
        self.pooling.as_ref().or(self.default_pooling.as_ref()).map(|pooling| &pooling.value)
    }

    /// Decides pooling and modules where there is no graph: in a checkpoint.
    ///
    /// # Errors
    /// `POOLING_UNKNOWN`, `UNSUPPORTED_POOLING` for the pooling `graph`, and the error of a module that corom
    /// does not run.
    #[cfg_attr(not(feature = "convert"), allow(dead_code, reason = "only the converter uses it"))]
    pub(crate) fn without_graph(self) -> Result<OutputChoice> {
        self.for_hidden_states()
    }

    /// Decides pooling and modules for the graph at `path`. `sentence`: the graph's sentence vector is used;
    /// the number of its elements, if the graph states it.
    ///
    /// # Errors
    /// `POOLING_UNKNOWN` if nothing decides, the error of a module that corom does not run, and
    /// `INVALID_CONFIG` if the sentence vector has the size of neither end of the modules.
    pub(crate) fn with_graph(self, path: &str, sentence: Option<Option<usize>>) -> Result<OutputChoice> {
        let Some(width) = sentence else { return self.for_hidden_states() };
        let source = match self.pooling {
            Some(Decided { value: PoolingChoice::Graph, source }) => source,
            _ => SettingSource::File(path.to_owned()),
        };
        let pooling = Decided::new(PoolingChoice::Graph, source);
        // corom.json states what follows its pooling, whatever that is.
        let is_stated = self.head.source == SettingSource::File(FILE_NAME.to_owned())
            || self.head.source == SettingSource::Options;
        let assumed_inside = match &self.head.value {
            Ok(head) if !is_stated && width.is_none() => head.clone(),
            _ => Vec::new(),
        };
        let head = match (is_stated, self.head.value) {
            (true, head) => Decided::new(head?, self.head.source),
            (false, Ok(head)) if follows(&head, width)? => Decided::new(head, self.head.source),
            (false, _) => Decided::by_file(Vec::new(), path),
        };
        Ok(OutputChoice { pooling, head, assumed_inside })
    }

    fn for_hidden_states(self) -> Result<OutputChoice> {
        let Some(pooling) = self.pooling.or(self.default_pooling) else { return Err(pooling_unknown()) };
        if pooling.value == PoolingChoice::Graph {
            fail!(UnsupportedPooling, "pooling: `graph` needs a graph that returns one vector per text");
        }
        let head = Decided::new(self.head.value?, self.head.source);
        Ok(OutputChoice { pooling, head, assumed_inside: Vec::new() })
    }
}

/// Checks modules that were taken to be inside the graph against the size of its sentence vector, once it is
/// known.
///
/// # Errors
/// `UNSUPPORTED_MODEL` if they follow the vector, `INVALID_CONFIG` if they do not fit it.
pub(crate) fn check_inside(assumed_inside: &[HeadModule], width: usize) -> Result<()> {
    if follows(assumed_inside, Some(width))? {
        fail!(
            UnsupportedModel,
            "the graph's sentence vector has {width} numbers and lacks the modules after the pooling, but the graph does \
             not declare that size: export the model again with the shape of its output"
        );
    }
    Ok(())
}

/// Returns true if modules follow a sentence vector of `width` elements, and false if it contains them.
fn follows(head: &[HeadModule], width: Option<usize>) -> Result<bool> {
    let mut sizes = head.iter().filter_map(HeadModule::sizes);
    let (Some(width), Some((input, mut output))) = (width, sizes.next()) else { return Ok(false) };
    if let Some((_, last)) = sizes.next_back() {
        output = last;
    }
    if width != input && width != output {
        fail!(
            InvalidConfig,
            "the graph's sentence vector has {width} numbers, but by modules.json the modules after the pooling take \
             {input} and return {output}: the files belong to different models"
        );
    }
    Ok(width != output)
}

/// Returns the error for a model whose pooling nothing decides.
fn pooling_unknown() -> Error {
    Error::new(
        ErrorCode::PoolingUnknown,
        format!(
            "pooling: no file of the model says how the hidden states of a text become one vector, and no graph returns \
             a sentence vector. Choose the pooling that the model was trained with (`pooling`; when converting, \
             --pooling): {}",
            PoolingChoice::hidden_names()
        ),
    )
}
