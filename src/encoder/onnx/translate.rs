//! Translates a checked graph to the typed graph.

use std::collections::HashMap;

use super::graph::OnnxGraph;
use super::graph_input::{GraphInput, InputRole, StaticShape};
use super::model_sizes::ModelSizes;
use super::node::Node;
use super::node_context::NodeContext;
use super::registry;
use super::tensor_info::graph_type;
use super::typed_graph_builder::TypedGraphBuilder;
use super::value::{Dims, Value};
use super::weight::WeightPlaceholder;
use crate::encoder::graph::prelude::*;
use crate::error::{Result, fail};

/// A typed graph with int64 inputs `[batch, sequence]` and the requested outputs.
pub(crate) struct Translated {
    pub(crate) model: TypedModel,
    /// The inputs, in order.
    pub(crate) roles: Vec<InputRole>,
    /// The shapes of the outputs, in order.
    #[cfg_attr(not(feature = "unfused"), expect(dead_code, reason = "the unfused encoder reads it"))]
    pub(crate) shapes: Vec<Dims>,
    /// True if any node reads the attention mask.
    #[cfg_attr(not(feature = "unfused"), expect(dead_code, reason = "the unfused encoder reads it"))]
    pub(crate) masked: bool,
    /// Bytes of weights in the graph.
    #[cfg_attr(not(feature = "unfused"), expect(dead_code, reason = "the unfused encoder reads it"))]
    pub(crate) weight_bytes: usize,
    /// Batch and sequence in these shapes.
    pub(crate) batch: TDim,
    pub(crate) sequence: TDim,
}

/// Translates a graph with the requested `outputs` and the declared `inputs`.
///
/// # Errors
/// `INVALID_MODEL`, `UNSUPPORTED_OPERATOR` or `UNSUPPORTED_MODEL`, naming the node or the output.
pub(crate) fn translate(
    graph: &OnnxGraph,
    outputs: &[String],
    inputs: &[GraphInput],
    static_shape: StaticShape,
    sizes: ModelSizes,
) -> Result<Translated> {
    let mut model = TypedModel::default();
    let symbols = (model.symbols.sym("batch"), model.symbols.sym("sequence"));
    for bound in ["batch >= 1", "sequence >= 1"] {
        model.symbols.add_assertion(bound).map_err(internal)?;
    }
    let batch = static_shape.batch.map_or(symbols.0.to_dim(), |n| n.to_dim());
    let sequence = static_shape.sequence.map_or(symbols.1.to_dim(), |n| n.to_dim());
    let dims: Dims = tvec!(batch.clone(), sequence.clone());

    let mut sources = Vec::with_capacity(inputs.len());
    for input in inputs {
        sources.push(input.role.map(|_| model.add_source(&input.name, DatumType::I64.fact(dims.iter()))));
    }
    let mut builder = TypedGraphBuilder::new(graph.opset, sizes, (&symbols.0, &symbols.1), model);
    builder.four_bit_tensors.clone_from(&graph.four_bit_tensors);
    let mut values: HashMap<&str, Value> =
        graph.constants.iter().map(|(name, tensor)| (name.as_str(), Value::Const(tensor.clone()))).collect();
    for (input, source) in inputs.iter().zip(sources) {
        let value = match source {
            Some(outlet) => builder.value(outlet)?,
            None => {
                let counted = builder.count_to(&sequence)?;
                builder.broadcast_to(&counted, &dims)?
            }
        };
        builder.input_outlets.extend(source.zip(input.role));
        values.insert(&input.name, cast(&mut builder, &value, input)?);
    }
    for (index, weight) in graph.weights.iter().enumerate() {
        let op = WeightPlaceholder::new(index, weight);
        let outlets = builder.model.wire_node(&weight.name, op, &[]).map_err(internal)?;
        values.insert(&weight.name, builder.value(outlets[0])?);
    }
    for node in &graph.nodes {
        translate_node(&mut builder, node, &mut values)?;
    }
    let mut outlets = Vec::with_capacity(outputs.len());
    let mut shapes = Vec::with_capacity(outputs.len());
    for name in outputs {
        match values.get(name.as_str()) {
            Some(Value::Wire(outlet, DatumType::F32, dims)) => {
                outlets.push(*outlet);
                shapes.push(dims.clone());
            }
            Some(_) => fail!(
                UnsupportedModel,
                "the graph's output `{name}` is not float or does not depend on the text"
            ),
            None => fail!(InvalidModel, "no node makes the graph's output `{name}`"),
        }
    }
    let masks = builder.input_outlets.iter().filter(|(_, role)| *role == InputRole::Mask);
    let masked = masks.into_iter().any(|(mask, _)| builder.model.is_read(*mask));
    let constants = builder.model.nodes().iter().filter_map(|n| n.outputs.first()?.konst.as_ref());
    let weight_bytes = constants.map(|t| t.len() * t.datum_type().size_of()).sum();
    builder.model.outputs = outlets;
    let roles = inputs.iter().filter_map(|f| f.role).collect();
    Ok(Translated { model: builder.model, roles, shapes, masked, weight_bytes, batch, sequence })
}

/// Casts an input to the type that the graph declares.
fn cast(builder: &mut TypedGraphBuilder, value: &Value, input: &GraphInput) -> Result<Value> {
    match graph_type(input.data_type) {
        Some(to) => builder.cast(value, to),
        None => fail!(
            UnsupportedModel,
            "the graph's input `{}` has the ONNX type {}; expected int64 or int32",
            input.name,
            input.data_type
        ),
    }
}

/// Translates a node and records the values of its outputs.
fn translate_node<'a>(
    builder: &mut TypedGraphBuilder,
    node: &'a Node,
    values: &mut HashMap<&'a str, Value>,
) -> Result<()> {
    builder.enter_node(node);
    let mut inputs = Vec::with_capacity(node.inputs.len());
    for name in &node.inputs {
        inputs.push(if name.is_empty() {
            None
        } else if let Some(value) = values.get(name.as_str()) {
            Some(value.clone())
        } else {
            return Err(builder.invalid(format_args!("no node makes `{name}`")));
        });
    }
    let outputs = registry::translate(&mut NodeContext { node, inputs, builder })?;
    if outputs.len() < node.outputs.len() {
        return Err(builder.invalid("it has more outputs than its operator"));
    }
    for (name, value) in node.outputs.iter().zip(outputs).filter(|(name, _)| !name.is_empty()) {
        values.insert(name, value);
    }
    Ok(())
}

/// Converts an error of the graph that no file can cause.
fn internal(error: TractError) -> crate::error::Error {
    let message = format!("the graph cannot be built: {error}");
    crate::error::Error::with_source(crate::error::ErrorCode::Internal, message, error)
}
