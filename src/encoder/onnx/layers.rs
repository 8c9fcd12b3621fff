//! Finds the outputs of the layers in a graph that does not name them.
//!
//! A BERT of n layers has 2n + 1 LayerNorms in one chain: one after the embeddings and two per layer. The
//! second LayerNorm of a layer is the layer's output. If a graph has exactly this chain, every layer's
//! output is known.

use std::collections::HashMap;

use super::graph::OnnxGraph;
use super::node::{MICROSOFT, Node};

impl OnnxGraph {
    /// Returns the names of the outputs of layers 0 (the embeddings) to `layers`, or `None` if the LayerNorms
    /// of the graph are not that chain.
    pub(crate) fn layer_outputs(&self, layers: usize, hidden: usize) -> Option<Vec<String>> {
        let makers: HashMap<&str, &Node> = self
            .nodes
            .iter()
            .flat_map(|n| n.outputs.iter().map(move |o| (o.as_str(), n)))
            .filter(|(o, _)| !o.is_empty())
            .collect();
        let norms: Vec<&str> = self
            .nodes
            .iter()
            .filter(|n| self.is_norm(n, &makers, hidden))
            .map(|n| n.outputs[0].as_str())
            .collect();
        if norms.len() != 2 * layers + 1 {
            return None;
        }
        // In a chain, each LayerNorm depends on the one before it.
        for pair in norms.windows(2) {
            if !reaches(pair[1], pair[0], &makers) {
                return None;
            }
        }
        Some(norms.into_iter().step_by(2).map(str::to_owned).collect())
    }

    /// Returns true if a node is a LayerNorm, or the last node of a decomposed one:
    /// `Add(Mul(Div(x - mean, Sqrt(…)), gamma), beta)`.
    fn is_norm(&self, node: &Node, makers: &HashMap<&str, &Node>, hidden: usize) -> bool {
        match (node.domain.as_str(), node.op.as_str()) {
            ("", "LayerNormalization") => true,
            (
                MICROSOFT,
                "SkipLayerNormalization" | "EmbedLayerNormalization" | "QEmbedLayerNormalization",
            ) => true,
            ("", "Add") => {
                let scaled = self.operand(node, makers, hidden).filter(|n| n.op == "Mul");
                let divided = scaled.and_then(|n| self.operand(n, makers, hidden)).filter(|n| n.op == "Div");
                let of = |i: usize| divided.and_then(|n| maker(n.inputs.get(i)?, makers));
                of(0).is_some_and(|n| n.op == "Sub") && of(1).is_some_and(|n| n.op == "Sqrt")
            }
            _ => false,
        }
    }

    /// Returns the node that makes one operand, if the other operand is a constant of `hidden` elements.
    fn operand<'a>(&self, node: &Node, makers: &HashMap<&str, &'a Node>, hidden: usize) -> Option<&'a Node> {
        let [a, b] = &node.inputs[..] else { return None };
        let parameter = |name: &str| {
            let name = origin(name, makers);
            self.is_vector(name, hidden)
        };
        match (parameter(a), parameter(b)) {
            (true, false) => maker(b, makers),
            (false, true) => maker(a, makers),
            _ => None,
        }
    }
}

/// Returns true for a node that gives its first input, up to rounding.
fn is_transparent(node: &Node) -> bool {
    matches!(node.op.as_str(), "Identity" | "Cast" | "QuantizeLinear" | "DequantizeLinear")
}

/// Returns the name of a value before transparent nodes.
fn origin<'a>(name: &'a str, makers: &HashMap<&str, &'a Node>) -> &'a str {
    let mut name = name;
    while let Some(node) = makers.get(name)
        && is_transparent(node)
        && let Some(input) = node.inputs.first()
    {
        name = input;
    }
    name
}

/// Returns the node that makes a value, before transparent nodes.
fn maker<'a>(name: &str, makers: &HashMap<&str, &'a Node>) -> Option<&'a Node> {
    let mut node = *makers.get(name)?;
    while is_transparent(node) {
        node = makers.get(node.inputs.first()?.as_str())?;
    }
    Some(node)
}

/// Returns true if `from` is computed from `to`.
fn reaches(from: &str, to: &str, makers: &HashMap<&str, &Node>) -> bool {
    let mut open = vec![from];
    let mut seen = std::collections::HashSet::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if let Some(node) = makers.get(name).copied().filter(|_| seen.insert(name)) {
            open.extend(node.inputs.iter().map(String::as_str));
        }
    }
    false
}
