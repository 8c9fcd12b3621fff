//! Identifies the inputs and the outputs of a graph.

use crate::config::BertConfig;
use crate::encoder::OutputPreference;
use crate::encoder::declared_value::{declared_width, describe};
use crate::encoder::logits::{logits_output, no_vector_error};
use crate::encoder::matcher::GraphOutputs;
use crate::encoder::onnx::pb::GraphProto;
use crate::encoder::onnx::{
    GraphInput, InputRole, ModelSizes, OnnxGraph, StaticShape, ValueInfo, declared_values, roles_by_use,
};
use crate::error::{Result, fail};

/// The inputs to pass to a graph and the outputs to read.
#[derive(Clone, Debug)]
pub(in crate::encoder) struct GraphSignature {
    pub(in crate::encoder) inputs: Vec<GraphInput>,
    /// The names of the values to compute: one per requested layer, or the pooled output.
    pub(in crate::encoder) outputs: Vec<String>,
    /// True if the output is one row per text.
    pub(in crate::encoder) pooled: bool,
    /// True if that row has the logits of a classifier.
    pub(in crate::encoder) scores: bool,
    /// The batch size and the sequence length that the graph was exported with, if they are fixed.
    pub(in crate::encoder) static_shape: StaticShape,
    /// The number of columns of the outputs, if the file states it.
    pub(in crate::encoder) width: Option<usize>,
    /// Requested layers without a declared output: `(index in outputs, layer)`.
    unnamed: Vec<(usize, usize)>,
    /// The sentence vector to take if these layers cannot be found.
    sentence: Option<ValueInfo>,
}

/// Names that exporters give to the hidden states of the last layer.
const LAST_LAYER_NAMES: [&str; 6] =
    ["last_hidden_state", "last_hidden_states", "token_embeddings", "sequence_output", "output", "output_0"];
/// Names that exporters give to an output with one row per text.
const SENTENCE_NAMES: [&str; 5] =
    ["sentence_embedding", "sentence_embeddings", "text_embedding", "embedding", "embeddings"];

impl GraphSignature {
    /// Identifies the declared inputs and outputs of a graph. `layers` are the requested layers.
    /// An input is known by its name, or else by its use in the graph.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` if the inputs are not those of a BERT or no output has `hidden_size` columns,
    /// `UNSUPPORTED_POOLING` if a sentence vector is required and there is none, `INVALID_ARGUMENT` for a
    /// layer that the model does not have.
    pub(in crate::encoder) fn find(
        graph: &GraphProto,
        config: &BertConfig,
        layers: &[usize],
        preference: OutputPreference,
    ) -> Result<Self> {
        let (inputs, outputs) = declared_values(graph);
        let outputs = &outputs[..];
        let (inputs, static_shape) = graph_inputs(graph, &inputs, config)?;
        if preference == OutputPreference::Scores {
            let logits = logits_output(outputs)?;
            let (outputs, width) = (vec![logits.name.clone()], declared_width(logits));
            let (unnamed, sentence) = (Vec::new(), None);
            return Ok(Self {
                inputs,
                outputs,
                pooled: true,
                scores: true,
                width,
                static_shape,
                unnamed,
                sentence,
            });
        }
        let named: Vec<Option<&ValueInfo>> =
            layers.iter().map(|l| hidden_output(outputs, config, *l)).collect();
        // One output must be that of a layer or a sentence embedding, whatever layers are requested.
        let hidden = named
            .iter()
            .copied()
            .flatten()
            .next()
            .or_else(|| hidden_output(outputs, config, config.num_hidden_layers));
        let sentence = sentence_output(outputs, config, hidden.is_some());
        let alone = layers == [config.num_hidden_layers] && named == [None];
        let pooled = match preference {
            OutputPreference::Hidden | OutputPreference::HiddenInside => false,
            OutputPreference::HiddenFirst => alone && sentence.is_some(),
            OutputPreference::Sentence | OutputPreference::SentenceFirst => sentence.is_some(),
            OutputPreference::Scores => false,
        };
        if preference == OutputPreference::Sentence && !pooled {
            fail!(
                UnsupportedPooling,
                "pooling: `graph` needs an output with one vector per text, such as sentence_embedding; the graph's \
                 outputs are {}",
                describe(outputs)
            );
        }
        let root = if pooled { sentence } else { hidden.or(sentence) };
        let Some(root) = root else {
            return Err(no_vector_error(outputs, config.hidden_size));
        };
        if pooled {
            let (outputs, width) = (vec![root.name.clone()], declared_width(root));
            return Ok(Self {
                inputs,
                outputs,
                pooled,
                scores: false,
                width,
                static_shape,
                unnamed: Vec::new(),
                sentence: None,
            });
        }
        if layers.is_empty() || layers.iter().any(|l| *l > config.num_hidden_layers) {
            fail!(
                InvalidArgument,
                "layers {layers:?} are requested; this model has layers 0 to {}",
                config.num_hidden_layers
            );
        }
        let unnamed = named.iter().zip(layers).enumerate().filter(|(_, (value, _))| value.is_none());
        let unnamed = unnamed.map(|(i, (_, layer))| (i, *layer)).collect();
        let outputs = named.iter().map(|value| value.unwrap_or(root).name.clone()).collect();
        let sentence = sentence.filter(|_| preference == OutputPreference::HiddenInside).cloned();
        let width = Some(config.hidden_size);
        Ok(Self { inputs, outputs, pooled, scores: false, width, static_shape, unnamed, sentence })
    }

    /// Returns true if every output is declared, so that [`resolve`](Self::resolve) has nothing to find.
    pub(in crate::encoder) fn is_complete(&self) -> bool {
        self.unnamed.is_empty()
    }

    /// Returns what the outputs are.
    pub(in crate::encoder) fn kind(&self) -> GraphOutputs {
        match (self.pooled, self.scores) {
            (_, true) => GraphOutputs::Scores,
            (true, false) => GraphOutputs::Sentence,
            (false, false) => GraphOutputs::Hidden,
        }
    }

    /// Finds the layers that no declared output has. Takes the sentence vector instead if the preference
    /// allows it.
    ///
    /// # Errors
    /// `UNSUPPORTED_POOLING` if the graph does not show where they are.
    pub(in crate::encoder) fn resolve(&mut self, graph: &OnnxGraph, config: &BertConfig) -> Result<()> {
        if self.unnamed.is_empty() {
            return Ok(());
        }
        let Some(layers) = graph.layer_outputs(config.num_hidden_layers, config.hidden_size) else {
            if let Some(sentence) = self.sentence.take() {
                self.unnamed.clear();
                self.pooled = true;
                self.width = declared_width(&sentence);
                self.outputs = vec![sentence.name];
                return Ok(());
            }
            let numbers: Vec<String> = self.unnamed.iter().map(|(_, layer)| layer.to_string()).collect();
            fail!(
                UnsupportedPooling,
                "pooling: the output of layer {} is needed, but the graph has no output hidden_states.N and its \
                 LayerNorms are not those of a BERT. Export the model with output_hidden_states, or convert the \
                 checkpoint with `corom convert`",
                numbers.join(" and ")
            );
        };
        for (index, layer) in self.unnamed.drain(..) {
            self.outputs[index].clone_from(&layers[layer]);
        }
        Ok(())
    }
}

/// Returns the role of an input by its name, to which exporters add `:0`, `.1`, a scope, TensorFlow's
/// `serving_default_` and so on. Returns `None` for an unknown name, and `Some(None)` for the positions.
fn input_role(name: &str) -> Option<Option<InputRole>> {
    let name = name.to_ascii_lowercase();
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    let name = name.strip_prefix("serving_default_").unwrap_or(name);
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['.', '_']);
    Some(match stem {
        "input_ids" | "input_word_ids" | "word_ids" | "input" | "ids" | "token_ids" | "tokens" => {
            Some(InputRole::TokenIds)
        }
        "attention_mask" | "attention_masks" | "input_mask" | "input_masks" | "mask" => Some(InputRole::Mask),
        "token_type_ids" | "token_type" | "input_type_ids" | "type_ids" | "segment_ids" | "segment"
        | "token_types" | "segments" => Some(InputRole::TokenTypes),
        "position_ids" | "positions" => None,
        _ => return None,
    })
}

/// Returns the role of each declared input: by its name, or by its use if a name is unknown.
///
/// # Errors
/// `UNSUPPORTED_MODEL` if neither is clear.
fn input_roles(
    graph: &GraphProto,
    declared: &[ValueInfo],
    config: &BertConfig,
) -> Result<Vec<Option<InputRole>>> {
    if let Some(roles) = declared.iter().map(|value| input_role(&value.name)).collect() {
        return Ok(roles);
    }
    let fits = |value: &ValueInfo| value.dims.as_ref().is_none_or(|dims| dims.len() == 2);
    if (1..=3).contains(&declared.len()) && declared.iter().all(fits) {
        let names: Vec<&str> = declared.iter().map(|value| value.name.as_str()).collect();
        if let Some(roles) = roles_by_use(graph, &names, ModelSizes::of(config)) {
            return Ok(roles.into_iter().map(Some).collect());
        }
    }
    fail!(
        UnsupportedModel,
        "the graph's inputs are {}; expected input_ids, attention_mask and token_type_ids, and their use in the \
         graph does not show which is which",
        describe(declared)
    );
}

/// Identifies the declared inputs. Also returns the fixed batch size and sequence length.
fn graph_inputs(
    graph: &GraphProto,
    declared: &[ValueInfo],
    config: &BertConfig,
) -> Result<(Vec<GraphInput>, StaticShape)> {
    let mut inputs: Vec<GraphInput> = Vec::with_capacity(declared.len());
    let mut static_shape = StaticShape { batch: None, sequence: None };
    for (value, role) in declared.iter().zip(input_roles(graph, declared, config)?) {
        if role.is_none() && counts_from_padding(config) {
            fail!(
                UnsupportedModel,
                "the graph takes positions as the input `{}`, and config.json says that the model is a {}, whose \
                 positions begin at pad_token_id + 1; export the model without this input",
                value.name,
                config.model_type.as_deref().unwrap_or_default()
            );
        }
        if inputs.iter().any(|input| input.role == role) {
            fail!(
                UnsupportedModel,
                "the graph has several inputs with the meaning of `{}`: {}",
                value.name,
                describe(declared)
            );
        }
        if let Some(dims) = &value.dims {
            let [batch, sequence] = dims[..] else {
                fail!(
                    UnsupportedModel,
                    "the graph's input {} has another shape than [batch, sequence]",
                    describe(std::slice::from_ref(value))
                );
            };
            for (have, given) in [(&mut static_shape.batch, batch), (&mut static_shape.sequence, sequence)] {
                match (*have, given) {
                    (Some(have), Some(given)) if have != given => {
                        fail!(
                            InvalidModel,
                            "the graph's inputs have different shapes: {}",
                            describe(declared)
                        )
                    }
                    (None, Some(_)) => *have = given,
                    _ => {}
                }
            }
        }
        inputs.push(GraphInput { name: value.name.clone(), role, data_type: value.data_type });
    }
    if !inputs.iter().any(|input| input.role == Some(InputRole::TokenIds)) {
        fail!(
            UnsupportedModel,
            "the graph's inputs are {}; expected one named input_ids",
            describe(declared)
        );
    }
    if static_shape.batch.is_some_and(|b| b > 4096) {
        fail!(
            UnsupportedModel,
            "the graph was exported with a fixed batch size of {:?}; at most 4096 is supported",
            static_shape.batch
        );
    }
    match static_shape.sequence {
        Some(n) if n < 2 || n > config.max_position_embeddings => {
            fail!(
                UnsupportedModel,
                "the graph was exported with a fixed sequence length of {n}; expected 2 to {}",
                config.max_position_embeddings
            )
        }
        _ => Ok((inputs, static_shape)),
    }
}

/// Returns true for models whose positions begin after that of the pad token.
fn counts_from_padding(config: &BertConfig) -> bool {
    matches!(
        config.model_type.as_deref(),
        Some("roberta" | "xlm-roberta" | "xlm-roberta-xl" | "camembert" | "data2vec-text" | "mpnet" | "xmod")
    )
}

/// Returns true if an output may be `[batch, sequence, hidden]` (rank 3) or `[batch, hidden]` (rank 2).
fn may_have_shape(value: &ValueInfo, rank: usize, config: &BertConfig) -> bool {
    match &value.dims {
        None => true,
        Some(dims) => {
            dims.len() == rank && dims.last().is_some_and(|d| d.is_none_or(|d| d == config.hidden_size))
        }
    }
}

/// Returns the output with the hidden states of a layer.
fn hidden_output<'a>(outputs: &'a [ValueInfo], config: &BertConfig, layer: usize) -> Option<&'a ValueInfo> {
    let fits = |value: &&ValueInfo| may_have_shape(value, 3, config);
    let numbered = outputs.iter().filter(|p| layer_number(&p.name) == Some(layer)).find(fits);
    if layer != config.num_hidden_layers {
        // transformers numbers the embeddings 0. Exports whose list ends earlier number layers in another way.
        let last = outputs.iter().filter_map(|p| layer_number(&p.name)).max();
        return numbered.filter(|_| last == Some(config.num_hidden_layers));
    }
    let named = LAST_LAYER_NAMES.iter().find_map(|n| outputs.iter().filter(fits).find(|p| p.name == *n));
    let unnamed = || {
        outputs
            .iter()
            .filter(|p| layer_number(&p.name).is_none() && !SENTENCE_NAMES.contains(&p.name.as_str()))
            .filter(|p| p.dims.is_some())
            .find(fits)
    };
    named.or(numbered).or_else(unnamed)
}

/// Returns the layer in a name such as `hidden_states.3`, `hidden_states_3` or `all_hidden_states[3]`.
fn layer_number(name: &str) -> Option<usize> {
    let rest = name.strip_prefix("all_").unwrap_or(name).strip_prefix("hidden_state")?;
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    rest.trim_matches(['.', '_', '[', ']']).parse().ok()
}

/// Returns the output with one row per text. The output of BERT's pooler is not one: the pooler was trained
/// for another task. If another output has hidden states, an output counts only by its name: exporters
/// leave the pooler's output without one.
fn sentence_output<'a>(
    outputs: &'a [ValueInfo],
    config: &BertConfig,
    has_hidden_states: bool,
) -> Option<&'a ValueInfo> {
    // A sentence vector may have another size than hidden states: a Dense layer changes it.
    let is_row = |value: &&ValueInfo| value.dims.as_ref().is_none_or(|dims| dims.len() == 2);
    let named = SENTENCE_NAMES.iter().find_map(|n| outputs.iter().filter(is_row).find(|p| p.name == *n));
    let unnamed = || {
        let is_other = |name: &str| ["pooler", "pooled", "logits"].iter().any(|word| name.contains(word));
        outputs.iter().filter(|p| !is_other(&p.name)).find(|value| may_have_shape(value, 2, config))
    };
    named.or_else(|| if has_hidden_states { None } else { unnamed() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_role_ignores_the_suffixes_of_exporters() {
        assert_eq!(input_role("input_ids"), Some(Some(InputRole::TokenIds)));
        assert_eq!(input_role("input.1"), Some(Some(InputRole::TokenIds)));
        assert_eq!(input_role("input_mask:0"), Some(Some(InputRole::Mask)));
        assert_eq!(input_role("segment_ids_1"), Some(Some(InputRole::TokenTypes)));
        assert_eq!(input_role("position_ids"), Some(None));
        assert_eq!(input_role("serving_default_input_word_ids:0"), Some(Some(InputRole::TokenIds)));
        assert_eq!(input_role("bert/input_type_ids:0"), Some(Some(InputRole::TokenTypes)));
        assert_eq!(input_role("pixel_values"), None);
        assert_eq!(input_role("past_key_values.0.key"), None);
    }

    #[test]
    fn layer_number_reads_the_spellings_of_exporters() {
        assert_eq!(layer_number("hidden_states.12"), Some(12));
        assert_eq!(layer_number("hidden_states_0"), Some(0));
        assert_eq!(layer_number("all_hidden_states[3]"), Some(3));
        assert_eq!(layer_number("last_hidden_state"), None);
        assert_eq!(layer_number("hidden_states"), None);
    }
}
