//! The activation of the feed-forward layer, spelled as PyTorch's exporter spells it.

use corom::error::Result;

use super::builder::{Attribute, Builder, Numbers};
use crate::fail;

/// What `hidden_act` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x · ½ · (1 + erf(x / √2))
    Gelu,
    /// ½ · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))
    GeluTanh,
    Relu,
}

impl Activation {
    /// Reads Hugging Face's name.
    ///
    /// # Errors
    /// `INVALID_CONFIG` for a name that it is not, or that corom does not have.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "gelu" | "gelu_python" => Self::Gelu,
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Self::GeluTanh,
            "relu" => Self::Relu,
            _ => fail!(
                InvalidConfig,
                "config.json has hidden_act = `{name}`; corom has gelu, gelu_new (gelu_pytorch_tanh) and relu"
            ),
        })
    }

    /// Adds its nodes; the name of the result.
    pub(crate) fn build(self, graph: &mut Builder, scope: &str, x: &str) -> String {
        let number =
            |graph: &mut Builder, name: &str, value: f32| graph.constant(name, &[], Numbers::F32(&[value]));
        match self {
            Self::Gelu => {
                let root = number(graph, "gelu.sqrt_2", std::f32::consts::SQRT_2);
                let one = number(graph, "one", 1.0);
                let half = number(graph, "half", 0.5);
                let scaled = graph.node(scope, "Div", &[x, &root], &[]);
                let erf = graph.node(scope, "Erf", &[&scaled], &[]);
                let sum = graph.node(scope, "Add", &[&erf, &one], &[]);
                let product = graph.node(scope, "Mul", &[x, &sum], &[]);
                graph.node(scope, "Mul", &[&product, &half], &[])
            }
            Self::GeluTanh => {
                let half = number(graph, "half", 0.5);
                let three = number(graph, "three", 3.0);
                let cubic = number(graph, "gelu.cubic", 0.044_715);
                let root = number(graph, "gelu.sqrt_2_over_pi", 0.797_884_6);
                let one = number(graph, "one", 1.0);
                let halved = graph.node(scope, "Mul", &[x, &half], &[]);
                let cube = graph.node(scope, "Pow", &[x, &three], &[]);
                let cube = graph.node(scope, "Mul", &[&cube, &cubic], &[]);
                let inner = graph.node(scope, "Add", &[x, &cube], &[]);
                let inner = graph.node(scope, "Mul", &[&inner, &root], &[]);
                let tanh = graph.node(scope, "Tanh", &[&inner], &[]);
                let sum = graph.node(scope, "Add", &[&tanh, &one], &[]);
                graph.node(scope, "Mul", &[&halved, &sum], &[])
            }
            Self::Relu => graph.node(scope, "Relu", &[x], &[] as &[Attribute]),
        }
    }
}
