//! The self-test of a model folder: texts, and the vectors that the converter computed for them.

use serde::{Deserialize, Serialize};

/// Texts with their vectors under the manifest's pooling, normalization and maximum length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// The texts.
    pub texts: Vec<String>,
    /// One vector of `hidden_size` numbers per text.
    pub vectors: Vec<Vec<f32>>,
}
