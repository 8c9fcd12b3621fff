//! Clusters and pictures of many vectors: spherical k-means and the first two principal components.

mod cluster;
mod project;
#[cfg(test)]
mod tests;

use super::catalog::Catalog;
use crate::error::{Result, fail};

pub use cluster::{ClusterOptions, Clusters, cluster};
pub use project::{Projection, project2d};

/// Vectors that are read one at a time.
pub trait VectorSource {
    /// Returns the number of vectors.
    fn count(&self) -> usize;
    /// Returns the number of values per vector.
    fn dimension(&self) -> usize;
    /// Writes a vector into `values`, `[dimension]`.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is damaged.
    fn read(&self, index: usize, values: &mut [f32]) -> Result<()>;
}

/// Vectors one after the other, `[count, dimension]`.
#[derive(Debug, Clone, Copy)]
pub struct VectorList<'a> {
    values: &'a [f32],
    dimension: usize,
}

impl<'a> VectorList<'a> {
    /// Takes vectors, row-major.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the values are not whole vectors of finite numbers.
    pub fn new(values: &'a [f32], dimension: usize) -> Result<Self> {
        if dimension == 0 || !values.len().is_multiple_of(dimension) {
            fail!(InvalidArgument, "vectors: {} values are not vectors of {dimension}", values.len());
        }
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            fail!(InvalidArgument, "vectors: the vector {} has a value that is not finite", at / dimension);
        }
        Ok(Self { values, dimension })
    }
}

impl VectorSource for VectorList<'_> {
    fn count(&self) -> usize {
        self.values.len() / self.dimension
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn read(&self, index: usize, values: &mut [f32]) -> Result<()> {
        values.copy_from_slice(&self.values[index * self.dimension..][..self.dimension]);
        Ok(())
    }
}

/// The vectors of a catalog's items, in the order of [`Catalog::ids`].
#[derive(Debug)]
pub struct CatalogVectors<'a> {
    catalog: &'a Catalog,
    items: Vec<usize>,
    dimension: usize,
}

impl Catalog {
    /// Returns the vectors of the items, for [`cluster`] and [`project2d`].
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the catalog has no vectors, or they have not arrived.
    pub fn vectors(&self) -> Result<CatalogVectors<'_>> {
        match &self.schema.vectors {
            Some(space) if self.has_vectors() => {
                let items = self.live.iter().collect();
                Ok(CatalogVectors { catalog: self, items, dimension: space.dimension })
            }
            _ => fail!(InvalidArgument, "the catalog has no vectors, or they have not arrived"),
        }
    }
}

impl VectorSource for CatalogVectors<'_> {
    fn count(&self) -> usize {
        self.items.len()
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn read(&self, index: usize, values: &mut [f32]) -> Result<()> {
        match self.catalog.vector(self.items[index])? {
            Some(vector) => values.copy_from_slice(&vector),
            None => fail!(InvalidCatalog, "the vector of an item is missing"),
        }
        Ok(())
    }
}
