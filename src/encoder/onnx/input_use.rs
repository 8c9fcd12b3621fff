//! Finds out what an input of the graph means from how the graph uses it, where its name does not say it.
//!
//! Token ids index a table with a row per token of the vocabulary; token types index the table of token types, or
//! are compared with each type (`OneHot`). An integer input that indexes no table is the attention mask.

use std::collections::HashMap;

use super::graph_input::InputRole;
use super::model_sizes::ModelSizes;
use super::pb::{GraphProto, NodeProto};

/// Operators that pass integers on, as far as the ids of tokens are concerned.
const PASSING: [&str; 7] = ["Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand"];
/// The most nodes between an input and the table that it indexes.
const MAX_STEPS: usize = 12;

/// Returns the role of each named input, or `None` if the use of an input is not clear, or two inputs are used
/// alike.
pub(crate) fn roles_by_use(graph: &GraphProto, inputs: &[&str], sizes: ModelSizes) -> Option<Vec<InputRole>> {
    let mut readers: HashMap<&str, Vec<&NodeProto>> = HashMap::new();
    for node in &graph.node {
        for input in &node.input {
            readers.entry(input).or_default().push(node);
        }
    }
    let tables: HashMap<&str, i64> = graph
        .initializer
        .iter()
        .filter(|t| t.dims.len() == 2)
        .filter_map(|t| Some((t.name.as_str(), *t.dims.first()?)))
        .collect();
    let mut roles: Vec<InputRole> = Vec::new();
    for input in inputs {
        let role = role(input, &readers, &tables, sizes)?;
        if roles.contains(&role) {
            return None;
        }
        roles.push(role);
    }
    roles.contains(&InputRole::TokenIds).then_some(roles)
}

fn role(
    input: &str,
    readers: &HashMap<&str, Vec<&NodeProto>>,
    tables: &HashMap<&str, i64>,
    sizes: ModelSizes,
) -> Option<InputRole> {
    let (words, types) = (sizes.vocab_size as i64, sizes.type_vocab_size as i64);
    let mut due = vec![(input, 0)];
    let mut is_read = false;
    while let Some((name, steps)) = due.pop() {
        for node in readers.get(name).into_iter().flatten() {
            is_read = true;
            let place = node.input.iter().position(|i| i == name);
            let rows = node.input.first().and_then(|table| tables.get(table.as_str()).copied());
            match (node.op_type.as_str(), place) {
                ("Gather", Some(1)) if rows == Some(words) => return Some(InputRole::TokenIds),
                ("Gather", Some(1)) if rows == Some(types) => return Some(InputRole::TokenTypes),
                ("OneHot", Some(0)) => return Some(InputRole::TokenTypes),
                ("EmbedLayerNormalization", Some(0)) => return Some(InputRole::TokenIds),
                ("EmbedLayerNormalization", Some(1)) => return Some(InputRole::TokenTypes),
                // Another table: positions, for instance.
                ("Gather", Some(1)) if rows.is_some() => return None,
                (op, Some(0)) if PASSING.contains(&op) && steps < MAX_STEPS => {
                    due.extend(node.output.iter().map(|output| (output.as_str(), steps + 1)));
                }
                _ => {}
            }
        }
    }
    is_read.then_some(InputRole::Mask)
}
