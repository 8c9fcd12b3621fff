//! The poolings by name: [`Pooling`], one way to make a vector from hidden states, and
//! [`PoolingChoice`], what a model or a caller asks for.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Result, fail};

/// A way to make one vector from the hidden states of a text.
///
/// [`Cls`](Self::Cls), [`Mean`](Self::Mean), [`AvgTop2`](Self::AvgTop2) and
/// [`AvgFirstLast`](Self::AvgFirstLast) are ModelScope's `emb_pooler_type`s; its `avg` is `Mean`
/// (docs/corom.md). The others are sentence-transformers' pooling modes.
/// [`pool`](crate::pooling::pool) computes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Row 0 of the last layer, CoROM's pooling.
    Cls,
    /// Mean of the last layer's rows over all tokens.
    Mean,
    /// Maximum of each element of the last layer's rows over all tokens.
    Max,
    /// Sum of the last layer's rows over all tokens, divided by the square root of their number.
    MeanSqrtLen,
    /// Mean of the last layer's rows, weighted by their position: 1 for the first token, 2 for the second.
    WeightedMean,
    /// The last row of the last layer.
    LastToken,
    /// Mean over all tokens of the average of the last two layers.
    AvgTop2,
    /// Mean over all tokens of the average of the last layer and the output of the first layer.
    AvgFirstLast,
}

impl Pooling {
    /// Every pooling.
    pub const ALL: [Self; 8] = [
        Self::Cls,
        Self::Mean,
        Self::Max,
        Self::MeanSqrtLen,
        Self::WeightedMean,
        Self::LastToken,
        Self::AvgTop2,
        Self::AvgFirstLast,
    ];

    /// Returns the name that `corom.json` and JavaScript use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Mean => "mean",
            Self::Max => "max",
            Self::MeanSqrtLen => "mean_sqrt_len",
            Self::WeightedMean => "weighted_mean",
            Self::LastToken => "last_token",
            Self::AvgTop2 => "avg_top2",
            Self::AvgFirstLast => "avg_first_last",
        }
    }

    /// Parses a name of [`as_str`](Self::as_str), or ModelScope's `avg` for `mean`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        let name = if name == "avg" { "mean" } else { name };
        match Self::ALL.into_iter().find(|pooling| pooling.as_str() == name) {
            Some(pooling) => Ok(pooling),
            None => {
                fail!(InvalidArgument, "pooling: `{name}` is unknown; use {}", PoolingChoice::names())
            }
        }
    }

    /// Returns the layers whose outputs this pooling averages, in a model with `num_hidden_layers` layers.
    /// Layer 1 is the output of the first transformer layer.
    ///
    /// ```
    /// use corom::config::Pooling;
    ///
    /// assert_eq!(Pooling::Cls.layers(12), [12]);
    /// assert_eq!(Pooling::AvgFirstLast.layers(12), [12, 1]);
    /// ```
    pub fn layers(self, num_hidden_layers: usize) -> Vec<usize> {
        let last = num_hidden_layers;
        match self {
            Self::Cls | Self::Mean | Self::Max | Self::MeanSqrtLen | Self::WeightedMean | Self::LastToken => {
                vec![last]
            }
            // With one layer, the layer before the last is the embeddings' output.
            Self::AvgTop2 => vec![last, last - 1],
            Self::AvgFirstLast => vec![last, 1],
        }
    }
}

/// The way in which a model makes one vector per text: the graph's own sentence vector, or one or several poolings of
/// hidden states, concatenated in their order.
///
/// ```
/// use corom::config::{Pooling, PoolingChoice};
///
/// let choice = PoolingChoice::parse(&["cls", "max"])?;
/// assert_eq!(choice, PoolingChoice::Hidden(vec![Pooling::Cls, Pooling::Max]));
/// assert_eq!(choice.to_string(), "cls + max");
/// assert_eq!(PoolingChoice::parse(&["graph"])?, PoolingChoice::Graph);
/// # Ok::<(), corom::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolingChoice {
    /// The sentence vector that the graph returns.
    Graph,
    /// These poolings of the hidden states, at least one. Their vectors are concatenated.
    Hidden(Vec<Pooling>),
}

impl PoolingChoice {
    /// The name of [`Graph`](Self::Graph).
    pub const GRAPH: &'static str = "graph";

    /// Parses the names of one or several poolings, or `graph` alone.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for another name, for no name, for a name that is repeated, and for `graph`
    /// together with other names.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self> {
        if let [one] = names
            && one.as_ref() == Self::GRAPH
        {
            return Ok(Self::Graph);
        }
        let mut poolings = Vec::with_capacity(names.len());
        for name in names {
            if name.as_ref() == Self::GRAPH {
                fail!(InvalidArgument, "pooling: `graph` cannot be concatenated with other poolings");
            }
            let pooling = Pooling::parse(name.as_ref())?;
            if poolings.contains(&pooling) {
                fail!(InvalidArgument, "pooling: `{}` is given twice", pooling.as_str());
            }
            poolings.push(pooling);
        }
        if poolings.is_empty() {
            fail!(InvalidArgument, "pooling: the list is empty; use {}", Self::names());
        }
        Ok(Self::Hidden(poolings))
    }

    /// Returns the names of all choices, for messages: `cls, mean, … or graph`.
    pub fn names() -> String {
        format!("{} or {}", Self::hidden_names(), Self::GRAPH)
    }

    /// Returns the names of the poolings of hidden states, for messages: `cls, mean, …`.
    pub fn hidden_names() -> String {
        let names: Vec<&str> = Pooling::ALL.iter().map(|pooling| pooling.as_str()).collect();
        names.join(", ")
    }

    /// Returns the names of the poolings, or `graph`.
    pub fn as_names(&self) -> Vec<&'static str> {
        match self {
            Self::Graph => vec![Self::GRAPH],
            Self::Hidden(poolings) => poolings.iter().map(|pooling| pooling.as_str()).collect(),
        }
    }

    /// Returns the poolings of hidden states; none for [`Graph`](Self::Graph).
    pub fn poolings(&self) -> &[Pooling] {
        match self {
            Self::Graph => &[],
            Self::Hidden(poolings) => poolings,
        }
    }

    /// Returns the layers that the poolings read, in ascending order.
    pub fn layers(&self, num_hidden_layers: usize) -> Vec<usize> {
        let mut layers: Vec<usize> =
            self.poolings().iter().flat_map(|pooling| pooling.layers(num_hidden_layers)).collect();
        layers.sort_unstable();
        layers.dedup();
        layers
    }

    /// Returns true for `cls` alone: only the first row of each text is read.
    pub fn is_cls(&self) -> bool {
        *self == Self::Hidden(vec![Pooling::Cls])
    }
}

impl From<Pooling> for PoolingChoice {
    fn from(pooling: Pooling) -> Self {
        Self::Hidden(vec![pooling])
    }
}

impl PartialEq<Pooling> for PoolingChoice {
    fn eq(&self, other: &Pooling) -> bool {
        self.poolings() == [*other]
    }
}

/// Writes the names with ` + ` between them.
impl fmt::Display for PoolingChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_names().join(" + "))
    }
}

/// Serializes as one name, or as a list of names.
impl Serialize for PoolingChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.as_names()[..] {
            [one] => one.serialize(serializer),
            names => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PoolingChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Names {
            One(String),
            Several(Vec<String>),
        }
        match Names::deserialize(deserializer)? {
            Names::One(name) => Self::parse(&[name]),
            Names::Several(names) => Self::parse(&names),
        }
        .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn choice_parses_and_serializes_one_name_and_lists() {
        for (json, shown) in
            [(r#""mean""#, "mean"), (r#""graph""#, "graph"), (r#"["max","cls"]"#, "max + cls")]
        {
            let choice: PoolingChoice = serde_json::from_str(json).unwrap();
            assert_eq!(choice.to_string(), shown);
            assert_eq!(serde_json::to_string(&choice).unwrap(), json);
        }
        let avg: PoolingChoice = serde_json::from_str(r#""avg""#).unwrap();
        assert_eq!(avg, Pooling::Mean);
    }

    #[test]
    fn choice_rejects_unknown_repeated_and_mixed_names() {
        let cases: [&[&str]; 5] = [&[], &["sum"], &["cls", "cls"], &["graph", "cls"], &["mean", "avg"]];
        for names in cases {
            let error = PoolingChoice::parse(names).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument, "{names:?}");
        }
    }

    #[test]
    fn layers_of_several_poolings_are_sorted_and_unique() {
        let choice = PoolingChoice::Hidden(vec![Pooling::AvgFirstLast, Pooling::Cls, Pooling::AvgTop2]);
        assert_eq!(choice.layers(4), [1, 3, 4]);
        assert_eq!(PoolingChoice::Graph.layers(4), [0usize; 0]);
    }
}
