//! The activation function of a feed-forward layer, with the nodes that PyTorch's exporter writes.

use super::graph_builder::{GraphBuilder, TensorValues};
use crate::convert::bert::HiddenAct;

/// Adds the nodes of an activation function and returns the name of the result.
pub(super) fn add_activation(
    graph: &mut GraphBuilder,
    activation: HiddenAct,
    scope: &str,
    x: &str,
) -> String {
    let scalar = |graph: &mut GraphBuilder, name: &str, value: f32| {
        graph.constant(name, &[], TensorValues::F32(&[value]))
    };
    match activation {
        HiddenAct::Gelu => {
            let root = scalar(graph, "gelu.sqrt_2", std::f32::consts::SQRT_2);
            let one = scalar(graph, "one", 1.0);
            let half = scalar(graph, "half", 0.5);
            let scaled = graph.node(scope, "Div", &[x, &root], &[]);
            let erf = graph.node(scope, "Erf", &[&scaled], &[]);
            let sum = graph.node(scope, "Add", &[&erf, &one], &[]);
            let product = graph.node(scope, "Mul", &[x, &sum], &[]);
            graph.node(scope, "Mul", &[&product, &half], &[])
        }
        HiddenAct::GeluTanh => {
            let half = scalar(graph, "half", 0.5);
            let three = scalar(graph, "three", 3.0);
            let cubic = scalar(graph, "gelu.cubic", 0.044_715);
            let root = scalar(graph, "gelu.sqrt_2_over_pi", 0.797_884_6);
            let one = scalar(graph, "one", 1.0);
            let halved = graph.node(scope, "Mul", &[x, &half], &[]);
            let cube = graph.node(scope, "Pow", &[x, &three], &[]);
            let cube = graph.node(scope, "Mul", &[&cube, &cubic], &[]);
            let inner = graph.node(scope, "Add", &[x, &cube], &[]);
            let inner = graph.node(scope, "Mul", &[&inner, &root], &[]);
            let tanh = graph.node(scope, "Tanh", &[&inner], &[]);
            let sum = graph.node(scope, "Add", &[&tanh, &one], &[]);
            graph.node(scope, "Mul", &[&halved, &sum], &[])
        }
        HiddenAct::Relu => graph.node(scope, "Relu", &[x], &[]),
    }
}
