//! A node of the graph, with typed access to its attributes.

use super::pb::AttributeType;
use super::pb::{AttributeProto, NodeProto, TensorProto};
use crate::encoder::graph::prelude::*;

use crate::error::{Result, fail};

/// The domain of onnxruntime's operators.
pub(super) const MICROSOFT: &str = "com.microsoft";

/// A node: an operator, the names of its inputs and the names of its outputs.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The name of the node, or of its first output, for messages.
    pub(super) label: String,
    /// The domain of the operator, empty for the ONNX domain.
    pub(super) domain: String,
    /// The name of the operator.
    pub(super) op: String,
    /// Names of the inputs; empty for an optional input that is left out.
    pub(super) inputs: Vec<String>,
    /// Names of the outputs; empty for an output that is not used.
    pub(super) outputs: Vec<String>,
    /// The tensor attribute `value`, once it is loaded.
    pub(super) value: Option<Arc<Tensor>>,
    attributes: Vec<AttributeProto>,
}

impl Node {
    /// Converts a protobuf message.
    ///
    /// # Errors
    /// `INVALID_MODEL` if an attribute occurs twice.
    pub(super) fn new(proto: NodeProto) -> Result<Self> {
        let mut label = proto.name;
        if label.is_empty() {
            label = proto.output.iter().find(|o| !o.is_empty()).cloned().unwrap_or_default();
        }
        for (i, attribute) in proto.attribute.iter().enumerate() {
            if proto.attribute[..i].iter().any(|a| a.name == attribute.name) {
                fail!(InvalidModel, "node `{label}` has the attribute `{}` twice", attribute.name);
            }
        }
        let domain = if proto.domain == "ai.onnx" { String::new() } else { proto.domain };
        let (mut inputs, mut outputs) = (proto.input, proto.output);
        while inputs.last().is_some_and(String::is_empty) {
            inputs.pop();
        }
        while outputs.last().is_some_and(String::is_empty) {
            outputs.pop();
        }
        Ok(Self {
            label,
            domain,
            op: proto.op_type,
            inputs,
            outputs,
            value: None,
            attributes: proto.attribute,
        })
    }

    /// Returns the operator's name for messages: `Gelu`, `com.microsoft.Gelu`.
    pub(super) fn operator(&self) -> String {
        if self.domain.is_empty() { self.op.clone() } else { format!("{}.{}", self.domain, self.op) }
    }

    /// Returns all attributes.
    pub(super) fn attributes(&self) -> &[AttributeProto] {
        &self.attributes
    }

    /// Returns true if the node has an attribute.
    pub(super) fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|a| a.name == name)
    }

    /// Returns an attribute, checked to be of type `kind`.
    fn attribute(&self, name: &str, kind: AttributeType) -> Result<Option<&AttributeProto>> {
        let Some(attribute) = self.attributes.iter().find(|a| a.name == name) else { return Ok(None) };
        if attribute.r#type != kind as i32 || !attribute.ref_attr_name.is_empty() {
            fail!(
                InvalidModel,
                "node `{}` ({}): attribute `{name}` is not of type {}",
                self.label,
                self.operator(),
                format!("{kind:?}").to_uppercase()
            );
        }
        Ok(Some(attribute))
    }

    /// Returns an integer attribute.
    pub(super) fn int(&self, name: &str) -> Result<Option<i64>> {
        Ok(self.attribute(name, AttributeType::Int)?.map(|a| a.i))
    }

    /// Returns an integer attribute, or its default.
    pub(super) fn int_or(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// Returns a float attribute, or its default.
    pub(super) fn float_or(&self, name: &str, default: f32) -> Result<f32> {
        Ok(self.attribute(name, AttributeType::Float)?.map_or(default, |a| a.f))
    }

    /// Returns an attribute that is a list of integers.
    pub(super) fn ints(&self, name: &str) -> Result<Option<&[i64]>> {
        Ok(self.attribute(name, AttributeType::Ints)?.map(|a| a.ints.as_slice()))
    }

    /// Returns an attribute that is a list of floats.
    pub(super) fn floats(&self, name: &str) -> Result<Option<&[f32]>> {
        Ok(self.attribute(name, AttributeType::Floats)?.map(|a| a.floats.as_slice()))
    }

    /// Returns a string attribute, or its default.
    pub(super) fn string_or<'a>(&'a self, name: &str, default: &'a str) -> Result<&'a str> {
        match self.attribute(name, AttributeType::String)? {
            None => Ok(default),
            Some(a) => match std::str::from_utf8(&a.s) {
                Ok(text) => Ok(text),
                Err(_) => fail!(InvalidModel, "node `{}`: attribute `{name}` is not valid UTF-8", self.label),
            },
        }
    }

    /// Returns the tensor attribute `value` of `Constant` and `ConstantOfShape`, to be loaded.
    pub(super) fn value_proto(&mut self) -> Result<Option<&mut TensorProto>> {
        if self.attribute("value", AttributeType::Tensor)?.is_none() {
            return Ok(None);
        }
        let attribute = self.attributes.iter_mut().find(|a| a.name == "value");
        match attribute.and_then(|a| a.t.as_mut()) {
            Some(tensor) => Ok(Some(tensor)),
            None => fail!(InvalidModel, "node `{}`: attribute `value` has no tensor", self.label),
        }
    }
}
