//! The schema of a catalog: its fields, its attributes and its vectors. It is the only section that is JSON.

use super::embedded_text::{EmbeddedText, MAX_PROMPT_BYTES};
use super::json::Json;
use super::json_fields::{fields, list, number, one_of, optional, string, whole};
use super::number;
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
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Number of items.
    pub items: u32,
    /// The texts of an item that are searched.
    pub fields: Vec<Field>,
    /// The values of an item that filters, facets, sorting, grouping and boosts use.
    pub attributes: Vec<Attribute>,
    /// The space of the vectors, if the catalog has vectors.
    pub vectors: Option<VectorSpace>,
}

/// A text field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The weight of a term in this field, beside a term in a field of weight 1.
    pub weight: f32,
}

/// An attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// The kind of its values.
    pub kind: AttributeKind,
}

impl Field {
    fn from_json(json: &Json, at: &str) -> Result<Self> {
        let (mut name, mut weight) = (None, None);
        for (key, value) in fields(json, at)? {
            match key.as_str() {
                "name" => name = Some(string(value, at)?),
                "weight" => weight = Some(number(value, &format!("{at}.weight"))?),
                _ => fail!(InvalidArgument, "{at}: {key:?} is neither \"name\" nor \"weight\""),
            }
        }
        let (Some(name), Some(weight)) = (name, weight) else {
            fail!(InvalidArgument, "{at}: expected \"name\" and \"weight\"")
        };
        Ok(Self { name, weight })
    }

    pub(crate) fn to_json(&self) -> Json {
        Json::object([("name", (&*self.name).into()), ("weight", self.weight.into())])
    }
}

impl Attribute {
    fn from_json(json: &Json, at: &str) -> Result<Self> {
        const KINDS: [AttributeKind; 4] =
            [AttributeKind::Number, AttributeKind::String, AttributeKind::Boolean, AttributeKind::Tags];
        let (mut name, mut kind) = (None, None);
        for (key, value) in fields(json, at)? {
            match key.as_str() {
                "name" => name = Some(string(value, at)?),
                "kind" => {
                    kind =
                        Some(one_of(value, &format!("{at}.kind"), &KINDS.map(|kind| (kind.name(), kind)))?);
                }
                _ => fail!(InvalidArgument, "{at}: {key:?} is neither \"name\" nor \"kind\""),
            }
        }
        let (Some(name), Some(kind)) = (name, kind) else {
            fail!(InvalidArgument, "{at}: expected \"name\" and \"kind\"")
        };
        Ok(Self { name, kind })
    }

    pub(crate) fn to_json(&self) -> Json {
        Json::object([("name", (&*self.name).into()), ("kind", self.kind.name().into())])
    }
}

/// The kind of an attribute's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSpace {
    /// Number of values per vector.
    pub dimension: usize,
    /// The metric of the vectors.
    pub metric: SpaceMetric,
    /// The identity of the model that made the vectors.
    pub lineage: Option<String>,
    /// The text of an item that was embedded, if it is known.
    pub text: Option<EmbeddedText>,
    /// The numbers that the rows of vectors consist of.
    pub rows: RowKind,
    /// The number of candidates per result that the coded scan re-scores. 0: the catalog has no codes.
    pub oversampling: u32,
}

impl VectorSpace {
    fn from_json(json: &Json) -> Result<Self> {
        let (mut dimension, mut metric, mut lineage, mut oversampling) = (None, None, None, None);
        let (mut rows, mut text) = (RowKind::default(), None);
        for (name, value) in fields(json, "vectors")? {
            let at = &format!("vectors.{name}");
            match name.as_str() {
                "dimension" => dimension = Some(whole(value, at)?),
                "metric" => {
                    let choices = [SpaceMetric::Dot, SpaceMetric::Cosine, SpaceMetric::L2]
                        .map(|metric| (metric.name(), metric));
                    metric = Some(one_of(value, at, &choices)?);
                }
                "lineage" => lineage = optional(value, |value| string(value, at))?,
                "text" => text = optional(value, |value| EmbeddedText::from_json(value, at))?,
                "rows" => {
                    let choices =
                        [RowKind::Int8, RowKind::Int4, RowKind::None].map(|kind| (kind.name(), kind));
                    rows = one_of(value, at, &choices)?;
                }
                "oversampling" => oversampling = Some(whole(value, at)?.min(u32::MAX as usize) as u32),
                _ => fail!(InvalidArgument, "{at}: there is no such field"),
            }
        }
        let (Some(dimension), Some(metric), Some(oversampling)) = (dimension, metric, oversampling) else {
            fail!(InvalidArgument, "vectors: expected \"dimension\", \"metric\" and \"oversampling\"")
        };
        Ok(Self { dimension, metric, lineage, text, rows, oversampling })
    }

    /// Returns the properties as JSON.
    pub(crate) fn to_json(&self) -> Json {
        let mut fields = vec![("dimension", self.dimension.into()), ("metric", self.metric.name().into())];
        fields.extend(self.lineage.as_deref().map(|lineage| ("lineage", lineage.into())));
        fields.extend(self.text.as_ref().map(|text| ("text", text.to_json())));
        fields.push(("rows", self.rows.name().into()));
        fields.push(("oversampling", (self.oversampling as usize).into()));
        Json::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
    }
}

/// The numbers that the rows of vectors consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowKind {
    /// 8 bits per dimension.
    #[default]
    Int8,
    /// 4 bits per dimension.
    Int4,
    /// There are no rows, only codes of one bit per dimension.
    None,
}

impl RowKind {
    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Int4 => "int4",
            Self::None => "none",
        }
    }
}

/// The metric of the vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceMetric {
    /// The inner product.
    Dot,
    /// The cosine. Vectors are normalized when they are added.
    Cosine,
    /// The Euclidean distance. The score is the negative distance.
    L2,
}

impl SpaceMetric {
    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dot => "dot",
            Self::Cosine => "cosine",
            Self::L2 => "l2",
        }
    }
}

impl Schema {
    /// Reads a schema: an object with the fields in camel case.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the name of a field that is unknown, missing or of another type.
    pub fn from_json(json: &Json) -> Result<Self> {
        let (mut items, mut texts, mut attributes, mut vectors) = (None, None, None, None);
        for (name, value) in fields(json, "schema")? {
            match name.as_str() {
                "items" => items = Some(whole(value, name)?.min(u32::MAX as usize) as u32),
                "fields" => texts = Some(list(value, name, Field::from_json)?),
                "attributes" => attributes = Some(list(value, name, Attribute::from_json)?),
                "vectors" => vectors = optional(value, VectorSpace::from_json)?,
                _ => fail!(InvalidArgument, "schema: there is no field {name:?}"),
            }
        }
        let (Some(items), Some(fields), Some(attributes)) = (items, texts, attributes) else {
            fail!(InvalidArgument, "schema: expected \"items\", \"fields\" and \"attributes\"")
        };
        Ok(Self { items, fields, attributes, vectors })
    }

    /// Returns the schema as JSON.
    pub fn to_json(&self) -> Json {
        let mut fields = vec![
            ("items".to_string(), Json::from(self.items as usize)),
            ("fields".to_string(), Json::array(self.fields.iter().map(Field::to_json))),
            ("attributes".to_string(), Json::array(self.attributes.iter().map(Attribute::to_json))),
        ];
        fields.extend(self.vectors.as_ref().map(|space| ("vectors".to_string(), space.to_json())));
        Json::Object(fields)
    }

    /// Reads the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is no schema, or one outside the limits.
    pub(crate) fn read(section: &[u8]) -> Result<Self> {
        let Ok(Ok(json)) = std::str::from_utf8(section).map(Json::parse) else {
            fail!(InvalidCatalog, "schema: it is not JSON")
        };
        let schema = match Self::from_json(&json) {
            Ok(schema) => schema,
            Err(error) => fail!(InvalidCatalog, "{}", error.message()),
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
        // A brand may be a field and an attribute: it is searched, and filters use it.
        let mut names: Vec<&String> = self.fields.iter().map(|field| &field.name).collect();
        names.extend(self.attributes.iter().map(|attribute| &attribute.name));
        for (number, name) in names.iter().enumerate() {
            let of_its_kind = if number < self.fields.len() { 0 } else { self.fields.len() };
            if names[of_its_kind..number].contains(name) {
                return Some(format!("the name {name:?} stands twice"));
            }
            if RESERVED.contains(&name.as_str()) {
                return Some(format!("the name {name:?} is reserved"));
            }
        }
        if let Some(field) = self.fields.iter().find(|field| !(0.0..=1000.0).contains(&field.weight)) {
            return Some(format!(
                "field {:?} has the weight {}; expected 0 to 1000",
                field.name,
                number::text_f32(field.weight)
            ));
        }
        let space = self.vectors.as_ref()?;
        if space.dimension == 0 || space.dimension > MAX_DIMENSION {
            return Some(format!("dimension {}; expected 1 to {MAX_DIMENSION}", space.dimension));
        }
        if space.lineage.as_ref().is_some_and(|lineage| !(1..=MAX_LINEAGE_BYTES).contains(&lineage.len())) {
            return Some(format!("lineage: expected 1 to {MAX_LINEAGE_BYTES} bytes"));
        }
        if let Some(text) = &space.text {
            if !self.fields.iter().any(|field| field.name == text.field) {
                return Some(format!("vectors.text: there is no field {:?}", text.field));
            }
            if text.prompt.len() > MAX_PROMPT_BYTES {
                return Some(format!("vectors.text: the prompt has more than {MAX_PROMPT_BYTES} bytes"));
            }
        }
        (space.oversampling > 1024).then(|| format!("oversampling {}; at most 1024", space.oversampling))
    }

    /// Returns the number of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.name == name)
    }

    /// Returns true if the items of both schemas can be in one catalog.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        let vectors = match (&self.vectors, &other.vectors) {
            (Some(a), Some(b)) => {
                (a.dimension, a.metric, a.rows) == (b.dimension, b.metric, b.rows)
                    && a.lineage == b.lineage
                    && a.text == b.text
            }
            (a, b) => a.is_none() && b.is_none(),
        };
        vectors && self.fields == other.fields && self.attributes == other.attributes
    }
}
