//! Compares the model of queries or items with the vectors of a catalog.

use super::schema::VectorSpace;
use crate::error::{Result, fail};

/// What identifies the vectors of a model.
#[derive(Debug, Clone, Copy)]
pub struct ModelId<'a> {
    /// Number of values per vector.
    pub dimension: usize,
    /// The lineage of the model.
    pub lineage: Option<&'a str>,
    /// The lineage of the model that it was distilled from.
    pub distilled_from: Option<&'a str>,
}

impl VectorSpace {
    /// Checks that queries which a model embeds can be compared with these vectors: the model made them, or it was
    /// distilled from the one that did. Returns false if one of the two states no lineage, so that only the dimensions
    /// could be compared.
    ///
    /// # Errors
    /// `MODEL_MISMATCH` if the dimension or the lineage differs.
    pub fn check_query_model(&self, model: &ModelId) -> Result<bool> {
        let ModelId { dimension, lineage, distilled_from } = *model;
        if self.is_of_teacher(distilled_from) && dimension == self.dimension {
            return Ok(true);
        }
        self.check_lineage(dimension, lineage)
    }

    /// Checks that a model made these vectors, so that it can add others. Returns false if one of the two states no
    /// lineage, so that only the dimensions could be compared.
    ///
    /// # Errors
    /// `MODEL_MISMATCH` if the dimension or the lineage differs, and for a model that was distilled for queries.
    pub fn check_item_model(&self, model: &ModelId) -> Result<bool> {
        if self.is_of_teacher(model.distilled_from) {
            fail!(
                ModelMismatch,
                "the model was distilled from that of the catalog: it embeds queries; use its teacher to embed items"
            );
        }
        self.check_lineage(model.dimension, model.lineage)
    }

    fn is_of_teacher(&self, distilled_from: Option<&str>) -> bool {
        distilled_from.is_some() && distilled_from == self.lineage.as_deref()
    }

    fn check_lineage(&self, dimension: usize, lineage: Option<&str>) -> Result<bool> {
        let advice =
            "use the model that the catalog was built with, or build the catalog again with this one";
        if dimension != self.dimension {
            fail!(
                ModelMismatch,
                "the model's vectors have {dimension} dimensions, those of the catalog {}; {advice}",
                self.dimension
            );
        }
        let (Some(model), Some(own)) = (lineage, self.lineage.as_deref()) else { return Ok(false) };
        if model == own {
            return Ok(true);
        }
        let model_part = |lineage: &str| lineage.split('-').next().map(str::to_owned);
        let what = if model_part(model) == model_part(own) {
            "the same model with another pooling, modules, normalization or treatment of text"
        } else {
            "another model"
        };
        fail!(
            ModelMismatch,
            "the vectors of the catalog come from {what}: its lineage is {own}, the model's {model}; {advice}"
        )
    }
}
