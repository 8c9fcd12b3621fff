//! The inputs, outputs and attributes of the supported operators in each version of their operator set, and the
//! check of a node against them.
//!
//! onnxruntime rejects a node with an attribute that its operator does not have. A reader that ignores the
//! attribute computes something else: `ReduceMean` takes its `axes` as an attribute before version 18, and as an
//! input from then on, so a file with the wrong version would reduce all axes.
//!
//! A unit test compares the tables with `tests/fixtures/operators.json`, which holds the facts as the `onnx`
//! package and onnxruntime state them.

mod microsoft;
mod onnx_domain;
#[cfg(test)]
mod tests;

use super::node::{MICROSOFT, Node};
use super::pb::{AttributeProto, AttributeType};
use crate::error::{Result, fail};

/// The version of the domain `com.microsoft`. onnxruntime has changed its operators without a new version.
const MICROSOFT_VERSION: i64 = 1;

/// An operator, with its versions from the oldest one on.
struct Operator {
    name: &'static str,
    versions: &'static [Version],
}

/// The operands and attributes of an operator, from a version of its operator set on.
struct Version {
    since: i64,
    /// One letter per input: `x` for a required one, `?` for an optional one, `*` for one or more.
    inputs: &'static str,
    /// The outputs, by the same rule.
    outputs: &'static str,
    /// `name:type` per attribute. A `!` at the end marks a required attribute.
    attributes: &'static str,
}

const fn version(
    since: i64,
    inputs: &'static str,
    outputs: &'static str,
    attributes: &'static str,
) -> Version {
    Version { since, inputs, outputs, attributes }
}

/// The types of attributes by the names that the tables use.
const TYPES: [(&str, AttributeType); 8] = [
    ("float", AttributeType::Float),
    ("floats", AttributeType::Floats),
    ("int", AttributeType::Int),
    ("ints", AttributeType::Ints),
    ("sparse_tensor", AttributeType::SparseTensor),
    ("string", AttributeType::String),
    ("strings", AttributeType::Strings),
    ("tensor", AttributeType::Tensor),
];

/// An attribute of an operator.
struct Attribute {
    name: &'static str,
    /// The name of the type, lower case.
    kind: &'static str,
    required: bool,
}

impl Version {
    fn attributes(&self) -> impl Iterator<Item = Attribute> + Clone {
        self.attributes.split_ascii_whitespace().filter_map(|text| {
            let (name, kind) = text.split_once(':')?;
            Some(Attribute { name, kind: kind.trim_end_matches('!'), required: kind.ends_with('!') })
        })
    }
}

/// Returns the operator of a node.
fn find(node: &Node) -> Option<&'static Operator> {
    let operators = if node.domain.is_empty() {
        onnx_domain::OPERATORS
    } else if node.domain == MICROSOFT {
        microsoft::OPERATORS
    } else {
        return None;
    };
    operators.iter().find(|o| o.name == node.op)
}

/// Checks the operands and the attributes of a node. `opset` is the version of the ONNX domain.
///
/// # Errors
/// `INVALID_MODEL` if the operator does not exist in this version, if a node has too many or too few inputs or
/// outputs or lacks a required one, and for an attribute that is unknown, missing or of another type.
pub(super) fn check(node: &Node, opset: i64) -> Result<()> {
    let Some(operator) = find(node) else { return Ok(()) };
    let opset = if node.domain == MICROSOFT { MICROSOFT_VERSION } else { opset };
    let Some(version) = operator.versions.iter().rev().find(|v| v.since <= opset) else {
        fail!(
            InvalidModel,
            "node `{}`: version {opset} of the operator set has no operator {}, which exists from version {} on",
            node.label,
            node.operator(),
            operator.versions.first().map_or(0, |v| v.since)
        );
    };
    check_operands(node, "inputs", &node.inputs, version.inputs, true)?;
    check_operands(node, "outputs", &node.outputs, version.outputs, false)?;
    for attribute in node.attributes() {
        check_attribute(node, attribute, operator, version, opset)?;
    }
    for attribute in version.attributes().filter(|a| a.required) {
        if !node.has(attribute.name) {
            fail!(
                InvalidModel,
                "node `{}` ({}) lacks the attribute `{}`",
                node.label,
                node.operator(),
                attribute.name
            );
        }
    }
    Ok(())
}

/// Checks the number of inputs or outputs. With `presence`, a required operand may not have an empty name.
fn check_operands(
    node: &Node,
    what: &str,
    names: &[String],
    letters: &'static str,
    presence: bool,
) -> Result<()> {
    let any_number = letters.ends_with('*');
    let min = if presence { letters.trim_end_matches('?').len() } else { 1 };
    let too_many = !any_number && names.len() > letters.len();
    if names.len() < min || too_many {
        let most = if any_number { "any number".into() } else { letters.len().to_string() };
        fail!(
            InvalidModel,
            "node `{}` ({}) has {} {what}; expected {min} to {most}",
            node.label,
            node.operator(),
            names.len()
        );
    }
    let required = |index: usize| letters.as_bytes().get(index).is_none_or(|letter| *letter != b'?');
    if presence && let Some(index) = (0..names.len()).find(|i| names[*i].is_empty() && required(*i)) {
        fail!(InvalidModel, "node `{}` ({}) lacks its input {index}", node.label, node.operator());
    }
    Ok(())
}

fn check_attribute(
    node: &Node,
    attribute: &AttributeProto,
    operator: &Operator,
    version: &Version,
    opset: i64,
) -> Result<()> {
    let name = attribute.name.as_str();
    // onnxruntime ignores such attributes too: tools leave notes in them.
    if name.starts_with("__") {
        return Ok(());
    }
    let Some(known) = version.attributes().find(|a| a.name == name) else {
        let has = |v: &&Version| v.attributes().any(|a| a.name == name);
        let other = match operator.versions.iter().filter(|v| v.since > version.since).find(has) {
            Some(later) => format!("; it exists from version {} on", later.since),
            None if operator.versions.iter().any(|v| has(&v)) => "; it existed in an earlier version".into(),
            None => String::new(),
        };
        fail!(
            InvalidModel,
            "node `{}` ({}) has the attribute `{name}`, which the operator does not have in version {opset} of the \
             operator set{other}",
            node.label,
            node.operator()
        );
    };
    let is_expected =
        TYPES.iter().any(|(text, kind)| *text == known.kind && *kind as i32 == attribute.r#type);
    if !is_expected || !attribute.ref_attr_name.is_empty() {
        fail!(
            InvalidModel,
            "node `{}` ({}): attribute `{name}` is not of type {}",
            node.label,
            node.operator(),
            known.kind.to_uppercase()
        );
    }
    Ok(())
}
