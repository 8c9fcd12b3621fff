//! One score per item from the keyword score, the semantic score and boosts.
//!
//! ```text
//! keyword:   the BM25 score                      semantic:  the score in the catalog's metric
//! weighted:  (1 − ratio) · coverage² · max(zₖ, −3) + ratio · zₛ         z = (score − mean) / deviation
//! rrf:       (1 − ratio) · coverage² / (60 + rankₖ) + ratio / (60 + rankₛ)
//! ```
//! `coverage` is the share of the query's characters that the best keyword match has: a query in words that the catalog does
//! not use is left to its meaning. docs/background/search.md has how the default of `ratio` was found.
//!
//! `zₖ` is over the items that match, with a deviation of at least a tenth of the best score: a query with few matches
//! has no spread to speak of. `zₛ` is over a sample of the whole catalog. Neither depends on the filter.

use super::bits::Bits;
use super::catalog::Catalog;
use super::columns::Column;
use super::keyword::leg::KeywordLeg;
use super::number::text_f32 as text;
use super::order::sort_by;
use super::request::{Boost, Fusion, SearchRequest};
use super::result::ScorePart;
use super::schema::AttributeKind;
use super::semantic::{SemanticLeg, Spread};
use super::values::Values;
use crate::error::{Result, fail};

/// The constant of reciprocal rank fusion (Cormack et al., 2009).
const RRF_RANK: f32 = 60.0;
const MIN_KEYWORD: f32 = -3.0;
const MIN_DEVIATION: f32 = 0.1;
/// The largest weight of a boost: the sum of all stays finite, and smaller parts of a score still count.
const MAX_BOOST: f32 = 1e6;

/// The scores of a search.
#[derive(Debug)]
pub(crate) struct Scorer<'a> {
    pub(crate) keyword: Option<&'a KeywordLeg>,
    pub(crate) semantic: Option<&'a SemanticLeg>,
    keyword_spread: Spread,
    /// The weight of each leg.
    shares: [f32; 2],
    fusion: Fusion,
    /// The place of each item by keyword and by semantic score; only for reciprocal ranks.
    ranks: [Vec<u32>; 2],
    boosts: Vec<(&'a str, &'a Column, f32)>,
}

impl<'a> Scorer<'a> {
    /// Prepares the scores of the items in `set`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a boost by an attribute that does not exist or has no order.
    pub(crate) fn new(
        catalog: &'a Catalog,
        request: &'a SearchRequest,
        keyword: Option<&'a KeywordLeg>,
        semantic: Option<&'a SemanticLeg>,
        set: &Bits,
    ) -> Result<Self> {
        let mut keyword_spread = Spread { mean: 0.0, deviation: 0.0 };
        let mut ranks = [Vec::new(), Vec::new()];
        let ratio = request.semantic_ratio;
        let mut shares = [1.0 - ratio, ratio];
        if let (Some(keyword), Some(semantic)) = (keyword, semantic) {
            let best = keyword.best().map_or(0.0, |item| keyword.scores[item]);
            shares[0] *= keyword.coverage().powi(2);
            keyword_spread = Spread::of(
                keyword.items.iter().map(|item| keyword.scores[item]).collect::<Vec<_>>().iter().copied(),
            );
            keyword_spread.deviation = keyword_spread.deviation.max(MIN_DEVIATION * best);
            if request.fusion == Fusion::Rrf {
                ranks = [ranked(&keyword.scores, set), ranked(&semantic.scores, set)];
            }
        }
        let mut boosts = Vec::new();
        for Boost { attribute: name, weight } in &request.boost {
            let Some(attribute) = catalog.schema.attribute(name) else {
                fail!(InvalidArgument, "boost: there is no attribute {name:?}")
            };
            let column = &catalog.columns[attribute];
            if !matches!(column.kind, AttributeKind::Number | AttributeKind::Boolean) {
                let kind = column.kind.name();
                fail!(InvalidArgument, "boost: {name:?} is a {kind}; expected a number or boolean");
            }
            if !(-MAX_BOOST..=MAX_BOOST).contains(weight) {
                fail!(
                    InvalidArgument,
                    "boost: {name:?} has the weight {}; expected -1000000 to 1000000",
                    text(*weight)
                );
            }
            boosts.push((name.as_str(), column, *weight));
        }
        Ok(Self { keyword, semantic, keyword_spread, shares, fusion: request.fusion, ranks, boosts })
    }

    /// Returns the score of an item.
    // Inlined, because a search that only browses spends half its time here.
    #[inline(always)]
    pub(crate) fn score(&self, item: usize) -> f32 {
        let mut score = 0.0;
        self.each_part(item, |_, value| score += value);
        score
    }

    /// Returns the parts that the score of an item is the sum of.
    pub(crate) fn explain(&self, item: usize) -> Vec<ScorePart> {
        let mut parts = Vec::new();
        self.each_part(item, |part, value| {
            let (name, formula) = self.describe(part, item);
            parts.push(ScorePart { name, value, formula });
        });
        parts
    }

    #[inline(always)]
    fn each_part(&self, item: usize, mut visit: impl FnMut(Part, f32)) {
        match (self.keyword, self.semantic) {
            (Some(keyword), Some(semantic)) => {
                let [a, b] = match self.fusion {
                    Fusion::Weighted => [
                        self.keyword_spread.normalize(keyword.scores[item]).max(MIN_KEYWORD),
                        semantic.spread.normalize(semantic.scores[item]),
                    ],
                    Fusion::Rrf => [0, 1]
                        .map(|leg| self.rank(leg, item).map_or(0.0, |rank| 1.0 / (RRF_RANK + rank as f32))),
                };
                visit(Part::Keyword, self.shares[0] * a);
                visit(Part::Semantic, self.shares[1] * b);
            }
            (Some(keyword), None) => visit(Part::Keyword, keyword.scores[item]),
            (None, Some(semantic)) => visit(Part::Semantic, semantic.scores[item]),
            (None, None) => {}
        }
        for (number, (_, column, weight)) in self.boosts.iter().enumerate() {
            visit(Part::Boost(number), weight * place(column, item));
        }
    }

    /// Returns the name of a part, and the formula that gives its value.
    fn describe(&self, part: Part, item: usize) -> (String, String) {
        let (name, leg, raw, spread) = match part {
            Part::Boost(number) => {
                let (name, column, weight) = self.boosts[number];
                return (
                    format!("boost {name}"),
                    format!("{} · {}", text(weight), text(place(column, item))),
                );
            }
            Part::Keyword => {
                ("keyword", 0, self.keyword.map_or(0.0, |leg| leg.scores[item]), self.keyword_spread)
            }
            Part::Semantic => {
                let leg = self.semantic.map(|leg| (leg.scores[item], leg.spread));
                let (raw, spread) = leg.unwrap_or((0.0, self.keyword_spread));
                ("semantic", 1, raw, spread)
            }
        };
        let is_hybrid = self.keyword.is_some() && self.semantic.is_some();
        let share = text(self.shares[leg]);
        let formula = match self.fusion {
            _ if !is_hybrid => text(raw),
            Fusion::Rrf => match self.rank(leg, item) {
                Some(rank) => format!("{share} / (60 + rank {rank})"),
                None => format!("{share} · 0"),
            },
            Fusion::Weighted if spread.deviation <= 0.0 => format!("{share} · 0"),
            Fusion::Weighted => {
                let deviations =
                    format!("({} − {}) / {}", text(raw), text(spread.mean), text(spread.deviation));
                match part {
                    Part::Keyword => format!("{share} · max({deviations}, −3)"),
                    _ => format!("{share} · {deviations}"),
                }
            }
        };
        (name.to_string(), formula)
    }

    /// Returns the rank of an item by a leg that has found it. Semantic search finds every item.
    fn rank(&self, leg: usize, item: usize) -> Option<u32> {
        let is_found = leg == 1 || self.keyword.is_some_and(|keyword| keyword.items.contains(item));
        self.ranks[leg].get(item).copied().filter(|&rank| rank > 0 && is_found)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Keyword,
    Semantic,
    Boost(usize),
}

/// Returns the place of an item's value among the column's values, 0 for the smallest and for none, 1 for the largest and
/// for the only one. A boolean is its own place, so the only value `false` counts nothing.
fn place(column: &Column, item: usize) -> f32 {
    match (column.code(item), &column.values) {
        (0, _) => 0.0,
        (code, Values::Numbers(numbers)) if column.kind == AttributeKind::Boolean => {
            numbers[code as usize - 1] as f32
        }
        (_, values) if values.len() == 1 => 1.0,
        (code, values) => (code - 1) as f32 / (values.len() - 1) as f32,
    }
}

/// Returns the rank of each item of a set by score, from 1 on.
fn ranked(scores: &[f32], set: &Bits) -> Vec<u32> {
    let mut order: Vec<usize> = set.iter().collect();
    sort_by(&mut order, &|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let mut ranks = vec![0; scores.len()];
    order.into_iter().enumerate().for_each(|(rank, item)| ranks[item] = rank as u32 + 1);
    ranks
}
