//! The result of a search.

use std::collections::BTreeMap;

use super::attribute_value::AttributeValue;
use super::json::Json;

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchResult {
    /// The hits, best first.
    pub hits: Vec<Hit>,
    /// The number of all hits; with `distinct` of its values, with `collapse` also of those that are left out.
    pub total: usize,
    /// False if items that are not hits of this page were scored by their codes: `total` and the counts of facets then
    /// include estimates. The hits and their scores never do.
    pub exact: bool,
    /// The counts of each facet, by attribute.
    pub facets: BTreeMap<String, Facet>,
    /// The places of rows in the catalog's file, offset and length, which would make scores exact and have not arrived.
    pub missing_rows: Vec<[usize; 2]>,
    /// The scores that were used: `keyword`, `semantic`, `hybrid` or `browse`.
    pub mode: &'static str,
}

/// An item that was found.
#[derive(Debug, Clone, PartialEq)]
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
    pub stored: Option<Json>,
    /// The ranges that match, by field: start and end in UTF-16 code units.
    pub highlights: BTreeMap<String, Vec<[u32; 2]>>,
    /// The parts of the score.
    pub explanation: Option<Explanation>,
}

/// The scores of an item before fusion. None: the item was not scored so.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LegScores {
    /// The keyword score, BM25.
    pub keyword: Option<f32>,
    /// The semantic score, in the metric of the catalog.
    pub semantic: Option<f32>,
}

/// The parts of a score, whose values add up to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The parts of the score.
    pub parts: Vec<ScorePart>,
    /// The parts of the keyword score, whose scores add up to it.
    pub clauses: Vec<ClauseExplanation>,
}

/// A part of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorePart {
    /// `keyword`, `semantic` or `boost NAME`.
    pub name: String,
    /// The number that it adds.
    pub value: f32,
    /// The formula of `value`.
    pub formula: String,
}

/// The number that a clause of the query adds to the keyword score.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, PartialEq)]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// Its number of items.
    pub count: usize,
}

impl SearchResult {
    /// Returns the result as JSON, with names in camel case.
    pub fn to_json(&self) -> Json {
        let mut fields = vec![
            ("hits".to_string(), Json::array(self.hits.iter().map(Hit::to_json))),
            ("total".to_string(), self.total.into()),
            ("exact".to_string(), self.exact.into()),
            ("facets".to_string(), map(&self.facets, Facet::to_json)),
            ("mode".to_string(), self.mode.into()),
        ];
        if !self.missing_rows.is_empty() {
            let places = self.missing_rows.iter().map(|place| Json::array(*place));
            fields.push(("missingRows".to_string(), Json::array(places)));
        }
        Json::Object(fields)
    }
}

impl Hit {
    /// Returns the hit as JSON. `stored` and `explanation` are left out if there are none.
    pub fn to_json(&self) -> Json {
        let range = |range: &[u32; 2]| Json::array(range.map(|at| at as usize));
        let scores = [("keyword", self.scores.keyword.into()), ("semantic", self.scores.semantic.into())];
        let mut fields = vec![
            ("id", Json::from(&*self.id)),
            ("score", self.score.into()),
            ("scores", Json::object(scores)),
            ("fields", map(&self.fields, |text| Json::from(&**text))),
            ("attributes", map(&self.attributes, AttributeValue::to_json)),
            ("highlights", map(&self.highlights, |ranges| Json::array(ranges.iter().map(range)))),
        ];
        fields.extend(self.stored.clone().map(|stored| ("stored", stored)));
        fields.extend(self.explanation.as_ref().map(|parts| ("explanation", parts.to_json())));
        Json::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
    }
}

impl Explanation {
    fn to_json(&self) -> Json {
        let part = |part: &ScorePart| {
            Json::object([
                ("name", (&*part.name).into()),
                ("value", part.value.into()),
                ("formula", (&*part.formula).into()),
            ])
        };
        let clause = |clause: &ClauseExplanation| {
            Json::object([
                ("text", (&*clause.text).into()),
                ("score", clause.score.into()),
                ("weight", clause.weight.into()),
                ("idf", clause.idf.into()),
                ("tf", clause.tf.into()),
            ])
        };
        Json::object([
            ("parts", Json::array(self.parts.iter().map(part))),
            ("clauses", Json::array(self.clauses.iter().map(clause))),
        ])
    }
}

impl Facet {
    fn to_json(&self) -> Json {
        let value = |count: &FacetCount| {
            Json::object([("value", (&*count.value).into()), ("count", count.count.into())])
        };
        Json::object([
            ("values", Json::array(self.values.iter().map(value))),
            ("distinct", self.distinct.into()),
            ("ranges", Json::array(self.ranges.iter().copied())),
            ("bounds", self.bounds.map(Json::array).into()),
        ])
    }
}

fn map<T>(values: &BTreeMap<String, T>, to_json: impl Fn(&T) -> Json) -> Json {
    Json::Object(values.iter().map(|(name, value)| (name.clone(), to_json(value))).collect())
}
