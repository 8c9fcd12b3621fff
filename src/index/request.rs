//! The request of a search.

use serde::Deserialize;
use serde_json::Value;

/// A search. Every field has a default; an unknown field is an error.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SearchRequest {
    /// The text to search for. Empty: no keyword search.
    pub query: String,
    /// The last word of the query may be unfinished.
    pub prefix: bool,
    /// The share of the query that an item has to match.
    pub matching: Matching,
    /// Which scores are used.
    pub mode: Mode,
    /// How the scores of a hybrid search become one.
    pub fusion: Fusion,
    /// The share of the semantic score in a hybrid search, 0 to 1.
    pub semantic_ratio: f32,
    /// Semantic hits are the items whose score is so many standard deviations above the mean.
    pub semantic_threshold: f32,
    /// Scores every vector in full, whatever codes there are.
    pub exact: bool,
    /// Which items are searched.
    pub filter: Option<Value>,
    /// Attributes whose values are counted over all hits.
    pub facets: Vec<FacetRequest>,
    /// The order of the hits. Empty: by score.
    pub sort: Vec<SortKey>,
    /// The largest number of hits.
    pub top_k: usize,
    /// The number of hits to leave out at the beginning.
    pub offset: usize,
    /// Attributes that raise the score.
    pub boost: Vec<Boost>,
    /// Ids of hits that come first.
    pub pinned: Vec<String>,
    /// An attribute of which each value stands once.
    pub distinct: Option<String>,
    /// Leaves out hits whose vector has at least this cosine with that of a better hit.
    pub collapse: Option<f32>,
    /// Maximal marginal relevance: the share of difference from better hits in the order, 0 to 1.
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

/// The share of a query that an item has to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matching {
    /// Everything.
    All,
    /// Half, by how rare the parts of the query are.
    Most,
    /// Anything.
    Any,
}

/// Which scores a search uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// How two scores become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fusion {
    /// The weighted sum of the scores, each in units of its own spread.
    Weighted,
    /// The weighted sum of the reciprocal ranks.
    Rrf,
}

/// An attribute whose values are counted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FacetRequest {
    /// The attribute.
    pub attribute: String,
    /// The largest number of values. Those with most items come first.
    #[serde(default = "default_values")]
    pub limit: usize,
    /// For numbers: the borders of ranges, rising. Range `i` has the values from border `i` up to the next one.
    #[serde(default)]
    pub ranges: Vec<f64>,
    /// A condition on the attribute itself does not count for the facet, so the other values keep their numbers.
    #[serde(default = "default_disjunctive")]
    pub disjunctive: bool,
}

fn default_disjunctive() -> bool {
    true
}

fn default_values() -> usize {
    100
}

/// A key of the order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SortKey {
    /// The attribute.
    pub attribute: String,
    /// Larger values first.
    #[serde(default)]
    pub descending: bool,
}

/// An attribute that raises the score.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Boost {
    /// A number or boolean attribute.
    pub attribute: String,
    /// The number that the largest value adds. The smallest one adds nothing; between them counts the place among the values.
    pub weight: f32,
}
