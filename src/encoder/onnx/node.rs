//! One node of the graph and its attributes, read with their types checked.

use super::pb::AttributeType;
use super::pb::{AttributeProto, NodeProto, TensorProto};
use tract_core::prelude::{Arc, Tensor};

use crate::error::{Result, fail};

/// The domain of onnxruntime's own operators.
pub(super) const MICROSOFT: &str = "com.microsoft";

/// A node: an operator, the values it reads and the values it makes.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The node's name, or that of its first output: what messages call it.
    pub(super) label: String,
    /// The operator's domain, empty for ONNX's own.
    pub(super) domain: String,
    /// The operator.
    pub(super) op: String,
    /// Names of the values it reads; empty for an optional one left out.
    pub(super) inputs: Vec<String>,
    /// Names of the values it makes; empty for one that nobody wants.
    pub(super) outputs: Vec<String>,
    /// The attribute `value`, loaded.
    pub(super) value: Option<Arc<Tensor>>,
    attributes: Vec<AttributeProto>,
}

impl Node {
    /// Takes a message over.
    ///
    /// # Errors
    /// `INVALID_MODEL` for an attribute that is there twice.
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

    /// The operator as messages name it: `Gelu`, `com.microsoft.Gelu`.
    pub(super) fn operator(&self) -> String {
        if self.domain.is_empty() { self.op.clone() } else { format!("{}.{}", self.domain, self.op) }
    }

    /// Whether an attribute is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|a| a.name == name)
    }

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

    /// An integer attribute.
    pub(super) fn int(&self, name: &str) -> Result<Option<i64>> {
        Ok(self.attribute(name, AttributeType::Int)?.map(|a| a.i))
    }

    /// An integer attribute, or its default.
    pub(super) fn int_or(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// A float attribute, or its default.
    pub(super) fn float_or(&self, name: &str, default: f32) -> Result<f32> {
        Ok(self.attribute(name, AttributeType::Float)?.map_or(default, |a| a.f))
    }

    /// A list of integers.
    pub(super) fn ints(&self, name: &str) -> Result<Option<&[i64]>> {
        Ok(self.attribute(name, AttributeType::Ints)?.map(|a| a.ints.as_slice()))
    }

    /// A list of floats.
    pub(super) fn floats(&self, name: &str) -> Result<Option<&[f32]>> {
        Ok(self.attribute(name, AttributeType::Floats)?.map(|a| a.floats.as_slice()))
    }

    /// A string, or its default.
    pub(super) fn string_or<'a>(&'a self, name: &str, default: &'a str) -> Result<&'a str> {
        match self.attribute(name, AttributeType::String)? {
            None => Ok(default),
            Some(a) => match std::str::from_utf8(&a.s) {
                Ok(text) => Ok(text),
                Err(_) => fail!(InvalidModel, "node `{}`: attribute `{name}` is no text", self.label),
            },
        }
    }

    /// The tensor attribute `value` (`Constant`, `ConstantOfShape`), for loading.
    pub(super) fn value_proto(&mut self) -> Result<Option<&mut TensorProto>> {
        if self.attribute("value", AttributeType::Tensor)?.is_none() {
            return Ok(None);
        }
        let attribute = self.attributes.iter_mut().find(|a| a.name == "value");
        match attribute.and_then(|a| a.t.as_mut()) {
            Some(tensor) => Ok(Some(tensor)),
            None => fail!(InvalidModel, "node `{}`: attribute `value` holds no tensor", self.label),
        }
    }
}
