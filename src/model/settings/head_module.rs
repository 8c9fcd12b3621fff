//! The modules after the pooling, as `corom.json` lists them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::head::HeadActivation;

/// A module after the pooling. `corom.json` lists them in the order in which they run.
///
/// ```
/// use corom::model::HeadModule;
///
/// let json = r#"{ "type": "dense", "in_features": 768, "out_features": 256, "bias": true,
///                 "activation": "tanh", "weights": "head_0.safetensors" }"#;
/// let module: HeadModule = serde_json::from_str(json).unwrap();
/// assert_eq!(module.weights(), Some("head_0.safetensors"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HeadModule {
    /// A linear layer with an activation function.
    Dense {
        /// Elements of the input vector.
        in_features: usize,
        /// Elements of the output vector.
        out_features: usize,
        /// True if there is a bias.
        bias: bool,
        /// The activation function.
        activation: HeadActivation,
        /// True if the input is added to the output.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        residual: bool,
        /// The path of the file with the tensors `linear.weight`, `[out_features, in_features]`, `linear.bias`,
        /// `[out_features]`, and `residual.weight` if the sizes differ.
        weights: String,
    },
    /// A LayerNorm.
    LayerNorm {
        /// Elements of the vector.
        dimension: usize,
        /// The path of the file with the tensors `norm.weight` and `norm.bias`, `[dimension]`.
        weights: String,
    },
    /// L2 normalization. The last one is the setting `normalize` instead.
    Normalize,
}

impl HeadModule {
    /// Returns the path of the file with the module's weights.
    pub fn weights(&self) -> Option<&str> {
        match self {
            Self::Dense { weights, .. } | Self::LayerNorm { weights, .. } => Some(weights),
            Self::Normalize => None,
        }
    }

    /// Returns the elements of the input and of the output vector; `None` if the module takes any vector.
    pub fn sizes(&self) -> Option<(usize, usize)> {
        match self {
            Self::Dense { in_features, out_features, .. } => Some((*in_features, *out_features)),
            Self::LayerNorm { dimension, .. } => Some((*dimension, *dimension)),
            Self::Normalize => None,
        }
    }
}

/// Writes the module with its sizes: `dense 768 to 256, tanh`.
impl fmt::Display for HeadModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense { in_features, out_features, activation, .. } => {
                write!(f, "dense {in_features} to {out_features}, {activation:?}")
            }
            Self::LayerNorm { dimension, .. } => write!(f, "layer norm {dimension}"),
            Self::Normalize => f.write_str("normalize"),
        }
    }
}
