//! Which of a graph's inputs and outputs are which.

use crate::config::BertConfig;
use crate::encoder::onnx::{GraphInput, InputRole, OnnxGraph, StaticShape, ValueInfo};
use crate::error::{Result, fail};

/// What to feed a graph and what to read from it.
#[derive(Debug)]
pub(in crate::encoder) struct GraphSignature {
    pub(in crate::encoder) inputs: Vec<GraphInput>,
    /// The values to compute, one for each layer wanted (or the pooled one).
    pub(in crate::encoder) outputs: Vec<String>,
    /// Whether the output is one row a text.
    pub(in crate::encoder) pooled: bool,
    /// The batch and sequence that the graph was exported with, where fixed.
    pub(in crate::encoder) static_shape: StaticShape,
    /// Layers wanted that no output of the graph gives, by their place in `outputs`.
    unnamed: Vec<(usize, usize)>,
}

/// Names under which exporters write the last layer's rows.
const LAST_LAYER_NAMES: [&str; 6] =
    ["last_hidden_state", "last_hidden_states", "token_embeddings", "sequence_output", "output", "output_0"];
/// Names under which exporters write one row a text.
const SENTENCE_NAMES: [&str; 5] =
    ["sentence_embedding", "sentence_embeddings", "text_embedding", "embedding", "embeddings"];

impl GraphSignature {
    /// Reads a graph's signature.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` for inputs that are not a BERT's or outputs of another
    /// width; `INVALID_ARGUMENT` for a layer that the model does not have.
    pub(in crate::encoder) fn find(
        inputs: &[ValueInfo],
        outputs: &[ValueInfo],
        config: &BertConfig,
        layers: &[usize],
    ) -> Result<Self> {
        let (inputs, static_shape) = graph_inputs(inputs, config)?;
        if layers.is_empty() || layers.iter().any(|l| *l > config.num_hidden_layers) {
            fail!(InvalidArgument, "layers {layers:?} of {} are wanted", config.num_hidden_layers);
        }
        let named: Vec<Option<&ValueInfo>> =
            layers.iter().map(|l| hidden_output(outputs, config, *l)).collect();
        let alone = layers == [config.num_hidden_layers] && named == [None];
        // Something must be computed from all layers, or the graph is none of ours.
        let root = named
            .iter()
            .copied()
            .flatten()
            .next()
            .or_else(|| hidden_output(outputs, config, config.num_hidden_layers));
        let Some(root) = root.or_else(|| sentence_output(outputs, config)) else {
            fail!(
                UnsupportedModel,
                "the graph's outputs are {}; none is [batch, sequence, {hidden}] or [batch, {hidden}]",
                describe(outputs),
                hidden = config.hidden_size
            );
        };
        let unnamed =
            named.iter().zip(layers).enumerate().filter(|(_, (value, _))| value.is_none() && !alone);
        let unnamed = unnamed.map(|(i, (_, layer))| (i, *layer)).collect();
        let outputs = named.iter().map(|value| value.unwrap_or(root).name.clone()).collect();
        Ok(Self { inputs, outputs, pooled: alone, static_shape, unnamed })
    }

    /// Finds the layers that no output names.
    ///
    /// # Errors
    /// `UNSUPPORTED_POOLING` when they cannot be told.
    pub(in crate::encoder) fn resolve(&mut self, graph: &OnnxGraph, config: &BertConfig) -> Result<()> {
        if self.unnamed.is_empty() {
            return Ok(());
        }
        let Some(layers) = graph.layer_outputs(config.num_hidden_layers, config.hidden_size) else {
            let numbers: Vec<String> = self.unnamed.iter().map(|(_, layer)| layer.to_string()).collect();
            fail!(
                UnsupportedPooling,
                "this pooling needs the output of layer {}, which the graph does not give (no output \
                 hidden_states.N, and its LayerNorms do not tell). Export it with output_hidden_states, or convert \
                 the checkpoint with `corom convert`",
                numbers.join(" and ")
            );
        };
        for (place, layer) in self.unnamed.drain(..) {
            self.outputs[place].clone_from(&layers[layer]);
        }
        Ok(())
    }
}

/// `a`, `b [2, ?, 768]`
fn describe(signature: &[ValueInfo]) -> String {
    let name = |value: &ValueInfo| match &value.dims {
        None => format!("`{}`", value.name),
        Some(dims) => {
            let dims: Vec<String> = dims.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect();
            format!("`{}` [{}]", value.name, dims.join(", "))
        }
    };
    signature.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// What an input is, by its name: exporters add `:0`, `.1` and the like. `None`
/// for no input of a BERT, `Some(None)` for the positions.
fn input_role(name: &str) -> Option<Option<InputRole>> {
    let name = name.to_ascii_lowercase();
    let name = name.split(':').next().unwrap_or_default();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['.', '_']);
    Some(match stem {
        "input_ids" | "input" | "ids" | "token_ids" | "tokens" => Some(InputRole::TokenIds),
        "attention_mask" | "input_mask" | "mask" => Some(InputRole::Mask),
        "token_type_ids" | "segment_ids" | "token_types" | "segments" => Some(InputRole::TokenTypes),
        "position_ids" | "positions" => None,
        _ => return None,
    })
}

fn graph_inputs(declared: &[ValueInfo], config: &BertConfig) -> Result<(Vec<GraphInput>, StaticShape)> {
    let mut inputs: Vec<GraphInput> = Vec::with_capacity(declared.len());
    let mut static_shape = StaticShape { batch: None, sequence: None };
    for value in declared {
        let Some(role) = input_role(&value.name) else {
            fail!(
                UnsupportedModel,
                "the graph's inputs are {}; a BERT encoder has input_ids, attention_mask and token_type_ids",
                describe(declared)
            );
        };
        if inputs.iter().any(|input| input.role == role) {
            fail!(
                UnsupportedModel,
                "the graph has more than one input like `{}`: {}",
                value.name,
                describe(declared)
            );
        }
        if let Some(dims) = &value.dims {
            let [batch, sequence] = dims[..] else {
                fail!(
                    UnsupportedModel,
                    "the graph's input {} is not [batch, sequence]",
                    describe(std::slice::from_ref(value))
                );
            };
            for (have, given) in [(&mut static_shape.batch, batch), (&mut static_shape.sequence, sequence)] {
                match (*have, given) {
                    (Some(have), Some(given)) if have != given => {
                        fail!(InvalidModel, "the graph's inputs differ in length: {}", describe(declared))
                    }
                    (None, Some(_)) => *have = given,
                    _ => {}
                }
            }
        }
        inputs.push(GraphInput { name: value.name.clone(), role, data_type: value.data_type });
    }
    if !inputs.iter().any(|input| input.role == Some(InputRole::TokenIds)) {
        fail!(UnsupportedModel, "the graph has no input_ids: its inputs are {}", describe(declared));
    }
    if static_shape.batch.is_some_and(|b| b > 4096) {
        fail!(UnsupportedModel, "the graph was exported for batches of {:?} texts", static_shape.batch);
    }
    match static_shape.sequence {
        Some(n) if n < 2 || n > config.max_position_embeddings => {
            fail!(UnsupportedModel, "the graph was exported for texts of {n} tokens")
        }
        _ => Ok((inputs, static_shape)),
    }
}

/// Whether an output can be `[batch, sequence, hidden]` (rank 3) or `[batch, hidden]` (rank 2).
fn may_have_shape(value: &ValueInfo, rank: usize, config: &BertConfig) -> bool {
    match &value.dims {
        None => true,
        Some(dims) => {
            dims.len() == rank && dims.last().is_some_and(|d| d.is_none_or(|d| d == config.hidden_size))
        }
    }
}

/// The output that has a layer's rows.
fn hidden_output<'a>(outputs: &'a [ValueInfo], config: &BertConfig, layer: usize) -> Option<&'a ValueInfo> {
    let fits = |value: &&ValueInfo| may_have_shape(value, 3, config);
    let numbered = outputs.iter().filter(|p| layer_number(&p.name) == Some(layer)).find(fits);
    if layer != config.num_hidden_layers {
        // Counted as transformers does, the embeddings being 0. A list that ends earlier counts otherwise.
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

/// `hidden_states.3`, `hidden_states_3`, `all_hidden_states[3]` → 3
fn layer_number(name: &str) -> Option<usize> {
    let rest = name.strip_prefix("all_").unwrap_or(name).strip_prefix("hidden_state")?;
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    rest.trim_matches(['.', '_', '[', ']']).parse().ok()
}

/// The output that has one row a text. A pooler's is none: it was trained for
/// another task.
fn sentence_output<'a>(outputs: &'a [ValueInfo], config: &BertConfig) -> Option<&'a ValueInfo> {
    let fits = |value: &&ValueInfo| may_have_shape(value, 2, config);
    SENTENCE_NAMES.iter().find_map(|n| outputs.iter().filter(fits).find(|p| p.name == *n)).or_else(|| {
        outputs.iter().filter(|p| !p.name.contains("pooler") && !p.name.contains("logits")).find(fits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_go_by_many_names() {
        assert_eq!(input_role("input_ids"), Some(Some(InputRole::TokenIds)));
        assert_eq!(input_role("input.1"), Some(Some(InputRole::TokenIds)));
        assert_eq!(input_role("input_mask:0"), Some(Some(InputRole::Mask)));
        assert_eq!(input_role("segment_ids_1"), Some(Some(InputRole::TokenTypes)));
        assert_eq!(input_role("position_ids"), Some(None));
        assert_eq!(input_role("pixel_values"), None);
        assert_eq!(input_role("past_key_values.0.key"), None);
    }

    #[test]
    fn layers_are_numbered_in_many_ways() {
        assert_eq!(layer_number("hidden_states.12"), Some(12));
        assert_eq!(layer_number("hidden_states_0"), Some(0));
        assert_eq!(layer_number("all_hidden_states[3]"), Some(3));
        assert_eq!(layer_number("last_hidden_state"), None);
        assert_eq!(layer_number("hidden_states"), None);
    }
}
