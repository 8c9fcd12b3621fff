//! The request of a search.

use super::json::Json;
use super::json_fields::{boolean, fields, list, number, one_of, optional, real, string, whole};
use crate::error::{Result, fail};

/// A search. Every field has a default; an unknown field is an error.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// The text to search for. Empty: no keyword search.
    pub query: String,
    /// The last word of the query may be unfinished.
    pub prefix: bool,
    /// The share of the query that an item has to match.
    pub matching: Matching,
    /// The scores that are used.
    pub mode: Mode,
    /// The fusion of the scores of a hybrid search.
    pub fusion: Fusion,
    /// The share of the semantic score in a hybrid search, 0 to 1.
    pub semantic_ratio: f32,
    /// Semantic hits are the items whose score is so many standard deviations above the mean.
    pub semantic_threshold: f32,
    /// Scores every vector in full, whatever codes there are.
    pub exact: bool,
    /// The items that are searched.
    pub filter: Option<Json>,
    /// Attributes whose values are counted over all hits.
    pub facets: Vec<FacetRequest>,
    /// The order of the hits. Empty: by score.
    pub sort: Vec<SortKey>,
    /// The largest number of hits. It decides how many of the nearest items are hits where few are above the threshold.
    pub top_k: usize,
    /// The number of hits to leave out at the beginning.
    pub offset: usize,
    /// Attributes that raise the score.
    pub boost: Vec<Boost>,
    /// Ids of hits that come first.
    pub pinned: Vec<String>,
    /// An attribute of which each value stands once. No tags.
    pub distinct: Option<String>,
    /// Leaves out hits whose vector has at least this cosine with that of a better hit.
    pub collapse: Option<f32>,
    /// Maximal marginal relevance: the share of difference from better hits in the order, 0 to 1. Not with `sort`.
    pub diversity: f32,
    /// Adds what each score consists of.
    pub explain: bool,
    /// Adds the ranges of the texts that match.
    pub highlight: bool,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            query: String::new(),
            prefix: true,
            matching: Matching::Most,
            mode: Mode::Auto,
            fusion: Fusion::Weighted,
            semantic_ratio: 0.3,
            semantic_threshold: 2.0,
            exact: false,
            filter: None,
            facets: Vec::new(),
            sort: Vec::new(),
            top_k: 10,
            offset: 0,
            boost: Vec::new(),
            pinned: Vec::new(),
            distinct: None,
            collapse: None,
            diversity: 0.0,
            explain: false,
            highlight: true,
        }
    }
}

impl SearchRequest {
    /// Reads a request: an object with the fields in camel case.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the name of a field that is unknown or has another type.
    pub fn from_json(json: &Json) -> Result<Self> {
        let mut request = Self::default();
        for (name, value) in fields(json, "options")? {
            match name.as_str() {
                "query" => request.query = string(value, name)?,
                "prefix" => request.prefix = boolean(value, name)?,
                "matching" => {
                    let choices = [("all", Matching::All), ("most", Matching::Most), ("any", Matching::Any)];
                    request.matching = one_of(value, name, &choices)?;
                }
                "mode" => {
                    let choices = [
                        ("auto", Mode::Auto),
                        ("keyword", Mode::Keyword),
                        ("semantic", Mode::Semantic),
                        ("hybrid", Mode::Hybrid),
                    ];
                    request.mode = one_of(value, name, &choices)?;
                }
                "fusion" => {
                    let choices = [("weighted", Fusion::Weighted), ("rrf", Fusion::Rrf)];
                    request.fusion = one_of(value, name, &choices)?;
                }
                "semanticRatio" => request.semantic_ratio = number(value, name)?,
                "semanticThreshold" => request.semantic_threshold = number(value, name)?,
                "exact" => request.exact = boolean(value, name)?,
                "filter" => request.filter = optional(value, |value| Ok(value.clone()))?,
                "facets" => request.facets = list(value, name, FacetRequest::from_json)?,
                "sort" => request.sort = list(value, name, SortKey::from_json)?,
                "topK" => request.top_k = whole(value, name)?,
                "offset" => request.offset = whole(value, name)?,
                "boost" => request.boost = list(value, name, Boost::from_json)?,
                "pinned" => request.pinned = list(value, name, string)?,
                "distinct" => request.distinct = optional(value, |value| string(value, name))?,
                "collapse" => request.collapse = optional(value, |value| number(value, name))?,
                "diversity" => request.diversity = number(value, name)?,
                "explain" => request.explain = boolean(value, name)?,
                "highlight" => request.highlight = boolean(value, name)?,
                _ => fail!(InvalidArgument, "options: there is no field {name:?}"),
            }
        }
        Ok(request)
    }
}

/// The share of a query that an item has to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// Everything.
    All,
    /// Half, by how rare the parts of the query are.
    Most,
    /// Anything.
    Any,
}

/// The scores that a search uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The given queries: a text, a vector, both or, with neither, all items.
    Auto,
    /// The keyword score.
    Keyword,
    /// The semantic score.
    Semantic,
    /// Both.
    Hybrid,
}

/// The fusion of two scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fusion {
    /// The weighted sum of the scores, each in units of its own spread.
    Weighted,
    /// The weighted sum of the reciprocal ranks.
    Rrf,
}

/// An attribute whose values are counted.
#[derive(Debug, Clone, PartialEq)]
pub struct FacetRequest {
    /// The attribute.
    pub attribute: String,
    /// The largest number of values; 100 by default. Those with most items come first.
    pub limit: usize,
    /// For numbers: the borders of ranges, rising. Range `i` has the values from border `i` up to the next one.
    pub ranges: Vec<f64>,
    /// A condition on the attribute itself does not count for the facet, so the other values keep their numbers.
    pub disjunctive: bool,
}

/// A key of the order.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    /// The attribute.
    pub attribute: String,
    /// Larger values first.
    pub descending: bool,
}

/// An attribute that raises the score.
#[derive(Debug, Clone, PartialEq)]
pub struct Boost {
    /// A number or boolean attribute.
    pub attribute: String,
    /// The number that the largest value adds, or the only one, or `true`. The smallest one adds nothing; between them counts
    /// the place among the values.
    pub weight: f32,
}

const DEFAULT_FACET_VALUES: usize = 100;

impl FacetRequest {
    fn from_json(json: &Json, at: &str) -> Result<Self> {
        let mut facet = Self {
            attribute: String::new(),
            limit: DEFAULT_FACET_VALUES,
            ranges: Vec::new(),
            disjunctive: true,
        };
        for (name, value) in named(json, at)? {
            let at = &format!("{at}.{name}");
            match name.as_str() {
                "attribute" => facet.attribute = string(value, at)?,
                "limit" => facet.limit = whole(value, at)?,
                "ranges" => facet.ranges = list(value, at, real)?,
                "disjunctive" => facet.disjunctive = boolean(value, at)?,
                _ => fail!(InvalidArgument, "{at}: there is no such field"),
            }
        }
        Ok(facet)
    }
}

impl SortKey {
    fn from_json(json: &Json, at: &str) -> Result<Self> {
        let mut key = Self { attribute: String::new(), descending: false };
        for (name, value) in named(json, at)? {
            let at = &format!("{at}.{name}");
            match name.as_str() {
                "attribute" => key.attribute = string(value, at)?,
                "descending" => key.descending = boolean(value, at)?,
                _ => fail!(InvalidArgument, "{at}: there is no such field"),
            }
        }
        Ok(key)
    }
}

impl Boost {
    fn from_json(json: &Json, at: &str) -> Result<Self> {
        let mut boost = Self { attribute: String::new(), weight: f32::NAN };
        for (name, value) in named(json, at)? {
            let at = &format!("{at}.{name}");
            match name.as_str() {
                "attribute" => boost.attribute = string(value, at)?,
                "weight" => boost.weight = number(value, at)?,
                _ => fail!(InvalidArgument, "{at}: there is no such field"),
            }
        }
        if boost.weight.is_nan() {
            fail!(InvalidArgument, "{at}: \"weight\" is missing");
        }
        Ok(boost)
    }
}

/// Returns the fields of an object that names an attribute.
fn named<'a>(json: &'a Json, at: &str) -> Result<&'a [(String, Json)]> {
    let fields = fields(json, at)?;
    if json.get("attribute").is_none() {
        fail!(InvalidArgument, "{at}: \"attribute\" is missing");
    }
    Ok(fields)
}
