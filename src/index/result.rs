//! The result of a search.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::attribute_value::AttributeValue;

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct SearchResult {
    /// The hits, best first.
    pub hits: Vec<Hit>,
    /// The number of all hits; with `distinct` of its values.
    pub total: usize,
    /// False if items that are not hits of this page were scored by their codes: `total` and the counts of facets then
    /// include estimates. The hits and their scores never do.
    pub exact: bool,
    /// The counts of each facet, by attribute.
    pub facets: BTreeMap<String, Facet>,
    /// Which scores were used: `keyword`, `semantic`, `hybrid` or `browse`.
    pub mode: &'static str,
}

/// An item that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// Its id.
    pub id: String,
    /// Its score: more is better.
    pub score: f32,
    /// The score before fusion and boosts.
    pub scores: LegScores,
    /// Its texts by field. Empty while they have not arrived.
    pub fields: BTreeMap<String, String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// The fields that are stored with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Value>,
    /// The ranges that match, by field: start and end in UTF-16 code units.
    pub highlights: BTreeMap<String, Vec<[u32; 2]>>,
    /// The parts of the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// The scores of an item before fusion. None: the item was not scored so.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct LegScores {
    /// The keyword score, BM25.
    pub keyword: Option<f32>,
    /// The semantic score, in the metric of the catalog.
    pub semantic: Option<f32>,
}

/// The parts of a score, whose values add up to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The parts of the score.
    pub parts: Vec<ScorePart>,
    /// The parts of the keyword score, whose scores add up to it.
    pub clauses: Vec<ClauseExplanation>,
}

/// A part of a score.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScorePart {
    /// `keyword`, `semantic` or `boost NAME`.
    pub name: String,
    /// The number that it adds.
    pub value: f32,
    /// How `value` is computed.
    pub formula: String,
}

/// The number that a clause of the query adds to the keyword score.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClauseExplanation {
    /// The part of the query, folded.
    pub text: String,
    /// `weight · idf · tf · 2.2 / (tf + 1.2)`.
    pub score: f32,
    /// The weight of the spelling that matches.
    pub weight: f32,
    /// Its inverse document frequency.
    pub idf: f32,
    /// Its weighted term frequency.
    pub tf: f32,
}

/// The counts of an attribute's values over all hits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facet {
    /// Values and their numbers of items, most items first.
    pub values: Vec<FacetCount>,
    /// The number of different values.
    pub distinct: usize,
    /// The items per range.
    pub ranges: Vec<usize>,
    /// The smallest and the largest number.
    pub bounds: Option<[f64; 2]>,
}

/// A value and its number of items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// Its number of items.
    pub count: usize,
}
