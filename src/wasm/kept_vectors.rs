//! The class `KeptVectors`: vectors that stay in the instance between calls.

use wasm_bindgen::prelude::*;

use crate::similarity::{self, Metric};

/// Vectors, `[rows, dimension]`, row-major.
#[wasm_bindgen]
pub struct KeptVectors(Vec<f32>);

#[wasm_bindgen]
impl KeptVectors {
    /// Takes vectors.
    #[wasm_bindgen(constructor)]
    pub fn new(vectors: Vec<f32>) -> Self {
        Self(vectors)
    }

    /// Scores the vector of a query against each row, as `Embedder.score` does.
    pub fn score(&self, query: &[f32], metric: &str) -> Result<Vec<f32>, JsValue> {
        Ok(similarity::score(query, &self.0, Metric::parse(metric)?)?)
    }
}
