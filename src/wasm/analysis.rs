//! Clusters and pictures of vectors, those of a catalog and others.

use wasm_bindgen::prelude::*;

use super::catalog::Catalog;
use crate::index::{self, ClusterOptions, VectorList};

/// See [`index::Clusters`].
#[wasm_bindgen]
pub struct Clusters(index::Clusters);

#[wasm_bindgen]
impl Clusters {
    /// Returns the cluster of each vector.
    pub fn labels(&self) -> Vec<u32> {
        self.0.labels.clone()
    }

    /// Returns the centers, `[k, dimension]`.
    pub fn centers(&self) -> Vec<f32> {
        self.0.centers.clone()
    }

    /// Returns the mean cosine of a vector to the center of its cluster.
    pub fn cohesion(&self) -> f64 {
        self.0.cohesion
    }
}

/// See [`index::Projection`].
#[wasm_bindgen]
pub struct Projection(index::Projection);

#[wasm_bindgen]
impl Projection {
    /// Returns the place of each vector, `[count, 2]`.
    pub fn places(&self) -> Vec<f32> {
        self.0.places.clone()
    }

    /// Returns the shares of the variance that the two components have.
    pub fn explained(&self) -> Vec<f64> {
        self.0.explained.to_vec()
    }
}

/// Groups vectors, `[count, dimension]`, into `k` clusters. `seed` is a whole number. See [`index::cluster`].
#[wasm_bindgen(js_name = clusterVectors)]
pub fn cluster_vectors(vectors: &[f32], dimension: usize, k: usize, seed: f64) -> Result<Clusters, JsValue> {
    let options = ClusterOptions { k, seed: seed as u64 };
    Ok(Clusters(index::cluster(&VectorList::new(vectors, dimension)?, options)?))
}

/// Projects vectors, `[count, dimension]`, onto their first two principal components. See [`index::project2d`].
#[wasm_bindgen(js_name = projectVectors)]
pub fn project_vectors(vectors: &[f32], dimension: usize) -> Result<Projection, JsValue> {
    Ok(Projection(index::project2d(&VectorList::new(vectors, dimension)?)?))
}

#[wasm_bindgen]
impl Catalog {
    /// Groups the items into `k` clusters by their vectors. The labels have the order of `ids`.
    pub fn cluster(&self, k: usize, seed: f64) -> Result<Clusters, JsValue> {
        let options = ClusterOptions { k, seed: seed as u64 };
        Ok(Clusters(index::cluster(&self.0.vectors()?, options)?))
    }

    /// Projects the items' vectors onto their first two principal components, in the order of `ids`.
    pub fn project2d(&self) -> Result<Projection, JsValue> {
        Ok(Projection(index::project2d(&self.0.vectors()?)?))
    }

    /// Returns the ids of the items, as a JSON list.
    pub fn ids(&self) -> Result<String, JsValue> {
        let ids = self.0.ids()?;
        Ok(index::Json::Array(ids.into_iter().map(index::Json::from).collect()).to_string())
    }
}
