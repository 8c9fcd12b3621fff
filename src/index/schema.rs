//! The schema of a catalog: its fields, its attributes and its vectors. It is the only section that is JSON.

use serde::{Deserialize, Serialize};

use super::postings::MAX_FIELDS;
use crate::error::{Result, fail};

/// The largest number of items of a catalog.
pub const MAX_ITEMS: usize = 1 << 26;
/// The largest dimension. The integer products of longer rows could overflow.
pub const MAX_DIMENSION: usize = 4096;
const MAX_ATTRIBUTES: usize = 256;
const MAX_LINEAGE_BYTES: usize = 256;
/// Names that items and filters use for something else.
const RESERVED: [&str; 5] = ["id", "embedding", "and", "or", "not"];

/// The fields, attributes and vectors of a catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schema {
    /// Number of items.
    pub items: u32,
    /// The texts of an item that are searched.
    pub fields: Vec<Field>,
    /// The values of an item that filters, facets, sorting, grouping and boosts use.
    pub attributes: Vec<Attribute>,
    /// The space of the vectors, if the catalog has vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors: Option<VectorSpace>,
}

/// A text field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The weight of a term in this field, beside a term in a field of weight 1.
    pub weight: f32,
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// The kind of its values.
    pub kind: AttributeKind,
}

/// The kind of an attribute's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeKind {
    /// A number.
    Number,
    /// A string.
    String,
    /// True or false.
    Boolean,
    /// A list of strings without order.
    Tags,
}

impl AttributeKind {
    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Tags => "tags",
        }
    }

    /// Returns what a value of the kind is, for messages.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::String => "a string",
            Self::Boolean => "true or false",
            Self::Tags => "a list of strings",
        }
    }
}

/// Properties that all vectors of a catalog have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VectorSpace {
    /// Number of values per vector.
    pub dimension: usize,
    /// How vectors are compared.
    pub metric: SpaceMetric,
    /// The identity of the model that made the vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage: Option<String>,
    /// The number of candidates per result that the coded scan re-scores. 0: the catalog has no codes.
    pub oversampling: u32,
}

impl VectorSpace {
    /// Checks that the vectors of a model can be compared with these. Returns false if one of the two states no lineage,
    /// so that only the dimensions could be compared.
    ///
    /// # Errors
    /// `MODEL_MISMATCH` if the dimension or the lineage differs.
    pub fn check_model(&self, dimension: usize, lineage: Option<&str>) -> Result<bool> {
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

/// How vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpaceMetric {
    /// The inner product.
    Dot,
    /// The cosine. Vectors are normalized when they are added.
    Cosine,
    /// The Euclidean distance. The score is the negative distance.
    L2,
}

impl Schema {
    /// Reads the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is no schema, or one outside the limits.
    pub(crate) fn read(section: &[u8]) -> Result<Self> {
        let schema: Self = match serde_json::from_slice(section) {
            Ok(schema) => schema,
            Err(error) => fail!(InvalidCatalog, "schema: {error}"),
        };
        match schema.problem() {
            Some(problem) => fail!(InvalidCatalog, "schema: {problem}"),
            None => Ok(schema),
        }
    }

    /// Returns what is wrong with the schema, if something is.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.items as usize > MAX_ITEMS {
            return Some(format!("{} items; at most {MAX_ITEMS}", self.items));
        }
        if self.fields.is_empty() || self.fields.len() > MAX_FIELDS {
            return Some(format!("{} fields; expected 1 to {MAX_FIELDS}", self.fields.len()));
        }
        if self.attributes.len() > MAX_ATTRIBUTES {
            return Some(format!("{} attributes; at most {MAX_ATTRIBUTES}", self.attributes.len()));
        }
        let mut names: Vec<_> = self.fields.iter().map(|field| &field.name).collect();
        names.extend(self.attributes.iter().map(|attribute| &attribute.name));
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(format!("the name {:?} stands twice", twice[0]));
        }
        if let Some(name) = names.iter().find(|name| RESERVED.contains(&name.as_str())) {
            return Some(format!("the name {name:?} is reserved"));
        }
        if let Some(field) = self.fields.iter().find(|field| !(0.0..=1000.0).contains(&field.weight)) {
            return Some(format!(
                "field {:?} has the weight {}; expected 0 to 1000",
                field.name, field.weight
            ));
        }
        let space = self.vectors.as_ref()?;
        if space.dimension == 0 || space.dimension > MAX_DIMENSION {
            return Some(format!("dimension {}; expected 1 to {MAX_DIMENSION}", space.dimension));
        }
        if space.lineage.as_ref().is_some_and(|lineage| !(1..=MAX_LINEAGE_BYTES).contains(&lineage.len())) {
            return Some(format!("lineage: expected 1 to {MAX_LINEAGE_BYTES} bytes"));
        }
        (space.oversampling > 1024).then(|| format!("oversampling {}; at most 1024", space.oversampling))
    }

    /// Returns the number of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.name == name)
    }

    /// Returns true if the items of both schemas can be in one catalog.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        let space =
            |schema: &Self| schema.vectors.as_ref().map(|v| (v.dimension, v.metric, v.lineage.clone()));
        self.fields == other.fields && self.attributes == other.attributes && space(self) == space(other)
    }
}
