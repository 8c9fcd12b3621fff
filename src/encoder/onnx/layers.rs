//! Finding the outputs of the layers in a graph that does not name them.
//!
//! A BERT of n layers has 2n + 1 LayerNorms in one chain: that of the embeddings,
//! and two a layer, of which the second is the layer's output. If a graph has
//! just so many, and the last is the one that the graph gives out, then every
//! layer's output is known.

use std::collections::HashMap;

use super::graph::OnnxGraph;
use super::node::{MICROSOFT, Node};

impl OnnxGraph {
    /// The names of the outputs of layers 0 (the embeddings) to `layers`, if the
    /// graph's LayerNorms say which they are.
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
        // Each norm must come out of the one before it, or it is no chain.
        for pair in norms.windows(2) {
            if !reaches(pair[1], pair[0], &makers) {
                return None;
            }
        }
        Some(norms.into_iter().step_by(2).map(str::to_owned).collect())
    }

    /// Whether a node is a LayerNorm, or the last step of one that is spelled out:
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

    /// What makes the one operand of a node, if the other is a constant of `hidden` elements.
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

/// The name behind a chain of nodes that pass a value on.
fn origin<'a>(name: &'a str, makers: &HashMap<&str, &'a Node>) -> &'a str {
    let mut name = name;
    while let Some(node) = makers.get(name)
        && matches!(node.op.as_str(), "Identity" | "Cast")
        && let Some(input) = node.inputs.first()
    {
        name = input;
    }
    name
}

fn maker<'a>(name: &str, makers: &HashMap<&str, &'a Node>) -> Option<&'a Node> {
    let mut node = *makers.get(name)?;
    while matches!(node.op.as_str(), "Identity" | "Cast") {
        node = makers.get(node.inputs.first()?.as_str())?;
    }
    Some(node)
}

/// Whether `from` is computed from `to`.
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
