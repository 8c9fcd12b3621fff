//! The graph of the file, checked and pruned to what the requested outputs need.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::pb::DataType;
use super::pb::DimensionValue;
use super::pb::{AttributeType, GraphProto, NodeProto, TensorProto, ValueInfoProto, type_proto};
use crate::encoder::graph::prelude::*;

use super::external::ExternalData;
use super::node::Node;
use super::onnx_model::OnnxModel;
use super::weight::{InitializerKind, Weight, is_deferred};
use super::{registry, tensor, tensor_info};
use crate::error::{Result, fail};

/// A declared input or output of the graph (ONNX: `ValueInfoProto`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueInfo {
    pub(crate) name: String,
    /// ONNX element type, or 0 if the file does not state it.
    pub(crate) data_type: i32,
    /// The shape, or `None` if the file does not state it. The length of an axis is `None` if each run
    /// chooses it.
    pub(crate) dims: Option<Vec<Option<usize>>>,
}

impl ValueInfo {
    /// Converts a protobuf message.
    fn new(info: &ValueInfoProto) -> Self {
        let kind = info.r#type.as_ref().and_then(|t| t.value.as_ref());
        let tensor = kind.map(|type_proto::Value::TensorType(t)| t);
        let dims = tensor.and_then(|t| t.shape.as_ref()).map(|shape| {
            let length = |d: &Option<DimensionValue>| match d {
                Some(DimensionValue::DimValue(n)) => usize::try_from(*n).ok().filter(|n| *n > 0),
                _ => None,
            };
            shape.dim.iter().map(|d| length(&d.value)).collect()
        });
        Self { name: info.name.clone(), data_type: tensor.map_or(0, |t| t.elem_type), dims }
    }
}

/// Returns the declared inputs, without initializers, and the declared outputs.
pub(crate) fn declared_values(graph: &GraphProto) -> (Vec<ValueInfo>, Vec<ValueInfo>) {
    let weights: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let inputs = graph.input.iter().filter(|i| !weights.contains(i.name.as_str()));
    (inputs.map(ValueInfo::new).collect(), graph.output.iter().map(ValueInfo::new).collect())
}

/// The nodes that the requested outputs need, in topological order, and their weights.
#[derive(Debug)]
pub(crate) struct OnnxGraph {
    pub(super) opset: i64,
    pub(super) nodes: Vec<Node>,
    pub(super) constants: HashMap<String, Arc<Tensor>>,
    /// Weights that stay out of the graph. See [`Weight`].
    pub(crate) weights: Vec<Weight>,
    /// The names of stored tensors of 4-bit integers.
    pub(super) four_bit_tensors: HashSet<String>,
    /// The name of a constant whose external file has not arrived.
    pub(crate) missing_constant: Option<String>,
    /// Bytes of weights per stored ONNX type.
    stored: BTreeMap<i32, u64>,
}

impl OnnxGraph {
    /// Checks and prunes a decoded file. Small constants are loaded; large weights, and weights whose file is
    /// not in `external`, are deferred. `outputs` are the names of the requested outputs.
    ///
    /// # Errors
    /// `UNSUPPORTED_OPERATOR` if the outputs need a node that the registry does not have, `INVALID_MODEL` if
    /// the graph contradicts itself, `MISSING_FILE` if the constant of a node is in a file that has not
    /// arrived.
    pub(crate) fn from_model(
        model: OnnxModel,
        external: &BTreeMap<String, Vec<u8>>,
        outputs: &[String],
    ) -> Result<Self> {
        let opset = model.opset;
        let mut graph = model.graph;
        let inputs: HashSet<String> = declared_values(&graph).0.into_iter().map(|p| p.name).collect();
        let mut initializers = std::mem::take(&mut graph.initializer);
        if !graph.sparse_initializer.is_empty() {
            fail!(UnsupportedModel, "the ONNX file has sparse initializers, which corom does not support");
        }
        let mut nodes = Vec::with_capacity(graph.node.len());
        for mut proto in graph.node {
            match take_weight(&mut proto) {
                Some(weight) => initializers.push(weight),
                None => nodes.push(Node::new(proto)?),
            }
        }
        check_names(&initializers, &inputs, &nodes)?;
        let (nodes, mut needed) = prune(nodes, outputs);
        for node in &nodes {
            registry::check(node, opset)?;
        }
        let packed: HashSet<String> = nodes.iter().filter_map(blockwise_weight).map(str::to_owned).collect();
        let mut graph = Self {
            opset,
            nodes,
            constants: HashMap::new(),
            weights: Vec::new(),
            four_bit_tensors: HashSet::new(),
            missing_constant: None,
            stored: BTreeMap::new(),
        };
        for mut proto in initializers.into_iter().filter(|t| needed.remove(&t.name)) {
            *graph.stored.entry(proto.data_type).or_default() += tensor_info::byte_size(&proto)?;
            if tensor_info::has_four_bits(proto.data_type) {
                graph.four_bit_tensors.insert(proto.name.clone());
            }
            match Weight::kind(&proto, packed.contains(&proto.name), |file| external.contains_key(file))? {
                InitializerKind::Deferred => graph.weights.push(Weight::new(proto)?),
                InitializerKind::Constant => {
                    let value = tensor::load(&mut proto, &mut ExternalData::borrowed(external))?;
                    graph.constants.insert(proto.name, value.into_arc_tensor());
                }
                InitializerKind::Missing => {
                    graph.missing_constant.get_or_insert_with(|| proto.name.clone());
                    graph.weights.push(Weight::new(proto)?);
                }
            }
        }
        for node in &mut graph.nodes {
            let output = node.outputs.first().cloned();
            if let Some(proto) = node.value_proto()? {
                if tensor_info::has_four_bits(proto.data_type) {
                    graph.four_bit_tensors.extend(output);
                }
                node.value =
                    Some(tensor::load(proto, &mut ExternalData::borrowed(external))?.into_arc_tensor());
            }
        }
        Ok(graph)
    }

    /// Loads all deferred weights as constants, for the unfused encoder.
    ///
    /// # Errors
    /// `MISSING_FILE` if an external file is missing, `INVALID_MODEL` if it is too short.
    #[cfg(feature = "unfused")]
    pub(crate) fn materialize(&mut self, external: BTreeMap<String, Vec<u8>>) -> Result<()> {
        let mut protos: Vec<TensorProto> = self.weights.drain(..).map(Weight::into_proto).collect();
        let mut external = ExternalData::new(external, protos.iter())?;
        for proto in &mut protos {
            let value = tensor::load(proto, &mut external)?.into_arc_tensor();
            self.constants.insert(std::mem::take(&mut proto.name), value);
            *proto = TensorProto::default();
        }
        self.missing_constant = None;
        Ok(())
    }

    /// Returns true if a value is a weight with one axis of `len` elements.
    pub(super) fn is_vector(&self, name: &str, len: usize) -> bool {
        self.constants.get(name).is_some_and(|t| t.shape() == [len])
            || self.weights.iter().any(|w| w.name == name && w.shape == [len])
    }

    /// Returns the number type of most weights: `f32`, `f16`, `int8` or `int4`. If there are blockwise weights,
    /// returns the type of the first one.
    pub(crate) fn dtype(&self) -> &'static str {
        if let Some(first) = self.nodes.iter().find(|n| blockwise_weight(n).is_some()) {
            let is_byte = match first.op.as_str() {
                "MatMulNBits" => first.int_or("bits", 4).is_ok_and(|bits| bits == 8),
                _ => !first.inputs.first().is_some_and(|name| self.four_bit_tensors.contains(name)),
            };
            return if is_byte { "int8" } else { "int4" };
        }
        // Counts elements: an int8 weight counts as much as a float weight.
        let most = self.stored.iter().max_by_key(|(kind, bytes)| match DataType::try_from(**kind) {
            Ok(DataType::Int8 | DataType::Uint8) => **bytes,
            Ok(DataType::Float16 | DataType::Bfloat16) => **bytes / 2,
            Ok(DataType::Float | DataType::Double) => **bytes / 4,
            _ => 0,
        });
        match most.and_then(|(kind, _)| DataType::try_from(*kind).ok()) {
            Some(DataType::Int8 | DataType::Uint8) => "int8",
            Some(DataType::Float16 | DataType::Bfloat16) => "f16",
            _ => "f32",
        }
    }

    /// Returns true if the graph quantizes activations. Dynamic scales depend on all activations of a batch.
    /// Static ranges that were calibrated without padding do not contain the score of a masked token, so that
    /// padding is not masked.
    #[cfg(feature = "unfused")]
    pub(crate) fn quantizes_activations(&self) -> bool {
        let quantizes = |op: &str| {
            op.starts_with("Dynamic") || op.starts_with("QLinear") || matches!(op, "QuantizeLinear" | "QGemm")
        };
        self.nodes.iter().any(|n| quantizes(&n.op))
    }
}

/// Returns the tensor of a `Constant` node that holds a weight, named like the node's output: an initializer in
/// another place.
fn take_weight(node: &mut NodeProto) -> Option<TensorProto> {
    let is_constant = node.op_type == "Constant" && matches!(node.domain.as_str(), "" | "ai.onnx");
    let ([attribute], [output]) = (&mut node.attribute[..], &node.output[..]) else { return None };
    let is_value = attribute.name == "value"
        && attribute.r#type == AttributeType::Tensor as i32
        && attribute.ref_attr_name.is_empty();
    if !is_constant || !is_value || output.is_empty() || !node.input.is_empty() {
        return None;
    }
    let tensor = attribute.t.take_if(|tensor| is_deferred(tensor))?;
    Some(TensorProto { name: output.clone(), ..tensor })
}

/// Returns the name of the matrix that a node reads in blocks, if it is such a node.
fn blockwise_weight(node: &Node) -> Option<&str> {
    let input = match node.op.as_str() {
        "MatMulNBits" => 1,
        "DequantizeLinear" if node.int_or("block_size", 0).is_ok_and(|size| size > 0) => 0,
        _ => return None,
    };
    node.inputs.get(input).map(String::as_str)
}

/// Checks that every value is made once, before its uses.
///
/// # Errors
/// `INVALID_MODEL`.
fn check_names(initializers: &[TensorProto], inputs: &HashSet<String>, nodes: &[Node]) -> Result<()> {
    let mut known: HashSet<&str> = inputs.iter().map(String::as_str).collect();
    for tensor in initializers {
        if tensor.name.is_empty() || !known.insert(&tensor.name) {
            fail!(InvalidModel, "the ONNX file has two values named `{}`", tensor.name);
        }
    }
    for node in nodes {
        for input in node.inputs.iter().filter(|i| !i.is_empty()) {
            if !known.contains(input.as_str()) {
                fail!(
                    InvalidModel,
                    "node `{}` ({}) reads `{input}`, which no node before it makes",
                    node.label,
                    node.operator()
                );
            }
        }
        for output in node.outputs.iter().filter(|o| !o.is_empty()) {
            if !known.insert(output) {
                fail!(InvalidModel, "node `{}` makes `{output}`, which exists already", node.label);
            }
        }
    }
    Ok(())
}

/// Drops the nodes that no requested output needs. Returns the other nodes and the names that they read.
fn prune(nodes: Vec<Node>, outputs: &[String]) -> (Vec<Node>, HashSet<String>) {
    let mut needed: HashSet<String> = outputs.iter().cloned().collect();
    let mut kept: Vec<Node> = Vec::new();
    for node in nodes.into_iter().rev() {
        if node.outputs.iter().any(|o| needed.contains(o)) {
            needed.extend(node.inputs.iter().filter(|i| !i.is_empty()).cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    (kept, needed)
}
