//! A search, from the request to the hits.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::bits::Bits;
use super::catalog::Catalog;
use super::diversify::diversify;
use super::facets;
use super::filter::Filter;
use super::fusion::Scorer;
use super::highlight;
use super::json::Json;
use super::keyword::leg::KeywordLeg;
use super::number;
use super::order::map_of;
use super::request::{Fusion, Mode, SearchRequest};
use super::result::{ClauseExplanation, Explanation, Facet, Hit, LegScores, SearchResult};
use super::semantic::SemanticLeg;
use super::top_k::{best_items, items_from, top_k};
use crate::error::{Result, fail};

/// The largest sum of `topK` and `offset`.
const MAX_HITS: usize = 10_000;
/// Hits are ranked so many times before every item is scored in full.
const MAX_ROUNDS: usize = 4;
/// Reordering looks at so many ranked items per wanted hit.
const CANDIDATES_PER_HIT: usize = 5;

impl Catalog {
    /// Searches. `vector`: the query's vector, for a semantic or hybrid search.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the place of what is wrong in the request; `INVALID_CATALOG` if the catalog is damaged.
    pub fn search(&self, request: &SearchRequest, vector: Option<&[f32]>) -> Result<SearchResult> {
        self.check(request)?;
        let conjuncts = match &request.filter {
            Some(filter) => Filter::read(filter, &self.schema)?.conjuncts(),
            None => Vec::new(),
        };
        let allowed = self.allowed(&conjuncts, None);
        let mut facet_sets = Vec::new();
        for facet in &request.facets {
            let attribute = self.attribute("facets", &facet.attribute)?;
            let is_filtered =
                facet.disjunctive && conjuncts.iter().any(|conjunct| conjunct.is_about(attribute));
            facet_sets.push((attribute, is_filtered.then(|| self.allowed(&conjuncts, Some(attribute)))));
        }
        let keyword = match request.mode {
            Mode::Semantic => None,
            Mode::Auto if request.query.trim().is_empty() => None,
            _ => Some(KeywordLeg::search(self, &request.query, request.prefix, request.matching)?),
        };
        let keyword = keyword.filter(|leg| request.mode != Mode::Auto || !leg.is_empty());
        let mut semantic = match (request.mode, vector) {
            (Mode::Keyword, _) | (Mode::Auto, None) => None,
            (Mode::Semantic | Mode::Hybrid, None) => {
                fail!(InvalidArgument, "mode: a semantic or hybrid search needs the query's vector")
            }
            (_, Some(vector)) => {
                let mut scored = allowed.clone();
                facet_sets.iter().for_each(|(_, set)| set.iter().for_each(|set| scored.unite(set)));
                let (wanted, may_estimate) = self.estimate(request, &allowed);
                let mut leg = SemanticLeg::search(self, vector, &scored, wanted, may_estimate)?;
                if let Some(keyword) = &keyword {
                    leg.score_in_full(self, keyword.items.iter())?;
                }
                Some(leg)
            }
        };
        let (set, ranked, total) = self.ranked_in_full(request, keyword.as_ref(), &mut semantic, &allowed)?;
        let scorer = Scorer::new(self, request, keyword.as_ref(), semantic.as_ref(), &set)?;
        let mut counted: BTreeMap<String, Facet> = BTreeMap::new();
        for (facet, (attribute, own)) in request.facets.iter().zip(&facet_sets) {
            let own = own.as_ref().map(|own| found(request, keyword.as_ref(), semantic.as_ref(), own));
            let count = facets::count(&self.columns[*attribute], own.as_ref().unwrap_or(&set), facet);
            counted.insert(facet.attribute.clone(), count);
        }
        let exact = semantic.as_ref().is_none_or(|leg| leg.estimated.is_none());
        let missing_rows = semantic.as_ref().map_or(Ok(Vec::new()), |leg| self.row_places(&leg.missing))?;
        let mut result =
            SearchResult { total, exact, facets: counted, mode: "browse", missing_rows, hits: Vec::new() };
        result.mode = match (&keyword, &semantic) {
            (Some(_), Some(_)) => "hybrid",
            (Some(_), None) => "keyword",
            (None, Some(_)) => "semantic",
            (None, None) => "browse",
        };
        for item in ranked {
            result.hits.push(self.hit(request, &scorer, item)?);
        }
        Ok(result)
    }

    /// Returns how many items need their score from the rows at least, and whether the others may keep an estimate. They
    /// may if hits are ordered by the weighted score alone, and the filter keeps more than half of the items: below that a
    /// scan of the rows is fast, and the filter costs no recall at all.
    fn estimate(&self, request: &SearchRequest, allowed: &Bits) -> (usize, bool) {
        let is_by_score =
            request.sort.is_empty() && request.boost.is_empty() && request.fusion == Fusion::Weighted;
        let wanted = (request.top_k + request.offset).max(1) * self.candidates_per_hit(request);
        (wanted, !request.exact && is_by_score && 2 * allowed.count() > self.len())
    }

    /// Ranks the hits until every one that is returned has its score from its row, if that is there. Returns all hits, those of the
    /// page, and the number of all.
    fn ranked_in_full(
        &self,
        request: &SearchRequest,
        keyword: Option<&KeywordLeg>,
        semantic: &mut Option<SemanticLeg>,
        allowed: &Bits,
    ) -> Result<(Bits, Vec<usize>, usize)> {
        let mut rounds = 0;
        loop {
            let set = found(request, keyword, semantic.as_ref(), allowed);
            let scorer = Scorer::new(self, request, keyword, semantic.as_ref(), &set)?;
            let (ranked, total) = self.ranked(request, &scorer, &set)?;
            let Some(leg) = semantic else { return Ok((set, ranked, total)) };
            if !ranked.iter().any(|&item| leg.can_be_scored(self, item)) {
                leg.note_missing(ranked.iter().copied());
                return Ok((set, ranked, total));
            }
            rounds += 1;
            match rounds < MAX_ROUNDS {
                true => leg.score_in_full(self, ranked)?,
                // Codes that say so little about the items are of no use.
                false => leg.score_in_full(self, allowed.iter())?,
            }
        }
    }

    /// Returns the items that are nearest to an item, without it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if there is no such item, or no vectors.
    pub fn similar(&self, id: &str, request: &SearchRequest) -> Result<SearchResult> {
        let Some(item) = self.find(id)? else { return Err(Self::unknown_id(id)) };
        let vector = match self.vector(item)? {
            Some(vector) if self.has_vectors() => vector,
            _ => fail!(InvalidArgument, "similar: the catalog has no vectors, or they have not arrived"),
        };
        let mut request = SearchRequest { mode: Mode::Semantic, top_k: request.top_k + 1, ..request.clone() };
        request.query.clear();
        let mut result = self.search(&request, Some(&vector))?;
        let before = result.hits.len();
        result.hits.retain(|hit| hit.id != id);
        result.total -= usize::from(before > result.hits.len());
        result.hits.truncate(request.top_k - 1);
        if self.row(item)?.is_none() {
            result.missing_rows.extend(self.row_places(&[item])?);
        }
        Ok(result)
    }

    /// Returns an item with its texts and attributes, if the catalog has it.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the catalog is damaged.
    pub fn item(&self, id: &str) -> Result<Option<Hit>> {
        let Some(item) = self.find(id)? else { return Ok(None) };
        let request = SearchRequest::default();
        let scorer = Scorer::new(self, &request, None, None, &self.live)?;
        self.hit(&request, &scorer, item).map(Some)
    }

    fn check(&self, request: &SearchRequest) -> Result<()> {
        if request.top_k.saturating_add(request.offset) > MAX_HITS {
            fail!(
                InvalidArgument,
                "topK: {} and offset: {} are more than {MAX_HITS}",
                request.top_k,
                request.offset
            );
        }
        let shares = [("semanticRatio", request.semantic_ratio), ("diversity", request.diversity)];
        for (name, share) in shares.into_iter().chain(request.collapse.map(|share| ("collapse", share))) {
            if !(0.0..=1.0).contains(&share) {
                fail!(InvalidArgument, "{name}: found {}; expected 0 to 1", number::text_f32(share));
            }
        }
        if !request.semantic_threshold.is_finite() {
            fail!(
                InvalidArgument,
                "semanticThreshold: found {}; expected a number",
                number::text_f32(request.semantic_threshold)
            );
        }
        Ok(())
    }

    fn attribute(&self, option: &str, name: &str) -> Result<usize> {
        match self.schema.attribute(name) {
            Some(attribute) => Ok(attribute),
            None => fail!(InvalidArgument, "{option}: there is no attribute {name:?}"),
        }
    }

    /// Returns the live items that meet the conjuncts, but for those about one attribute.
    fn allowed(&self, conjuncts: &[Filter], without: Option<usize>) -> Bits {
        let mut allowed = self.live.clone();
        for conjunct in conjuncts.iter().filter(|conjunct| without.is_none_or(|own| !conjunct.is_about(own)))
        {
            allowed.intersect(&conjunct.items(&self.columns, self.items()));
        }
        allowed
    }

    fn candidates_per_hit(&self, request: &SearchRequest) -> usize {
        let is_reordered =
            request.diversity > 0.0 || request.collapse.is_some() || request.distinct.is_some();
        if is_reordered { CANDIDATES_PER_HIT } else { 1 }
    }

    /// Returns the items of the page that is wanted, and the number of all hits.
    fn ranked(&self, request: &SearchRequest, scorer: &Scorer, set: &Bits) -> Result<(Vec<usize>, usize)> {
        let mut sort = Vec::new();
        for key in &request.sort {
            sort.push((&self.columns[self.attribute("sort", &key.attribute)?], key.descending));
        }
        let mut pins = Vec::new();
        for id in &request.pinned {
            let item = self.find(id)?.filter(|&item| self.is_pinnable(item, set) && !pins.contains(&item));
            pins.extend(item);
        }
        let order = |a: &(f32, usize), b: &(f32, usize)| -> Ordering {
            let pin = |item: usize| pins.iter().position(|&pin| pin == item).unwrap_or(usize::MAX);
            let mut order = if pins.is_empty() { Ordering::Equal } else { pin(a.1).cmp(&pin(b.1)) };
            for (column, is_descending) in &sort {
                let codes = [a, b].map(|&(_, item)| column.code(item));
                // Items without a value come last, whatever the direction is.
                let by = match codes {
                    [0, 0] => Ordering::Equal,
                    [0, _] => Ordering::Greater,
                    [_, 0] => Ordering::Less,
                    [x, y] if *is_descending => y.cmp(&x),
                    [x, y] => x.cmp(&y),
                };
                order = order.then(by);
            }
            order.then(b.0.total_cmp(&a.0)).then(a.1.cmp(&b.1))
        };
        let mut items: Vec<(f32, usize)> = set.iter().map(|item| (scorer.score(item), item)).collect();
        if let Some(name) = &request.distinct {
            let column = &self.columns[self.attribute("distinct", name)?];
            let mut best: Vec<Option<(f32, usize)>> = vec![None; column.values.len() + 1];
            let mut without = Vec::new();
            for item in items {
                let slot = &mut best[column.code(item.1) as usize];
                match slot {
                    _ if column.code(item.1) == 0 => without.push(item),
                    Some(other) if order(other, &item).is_lt() => {}
                    _ => *slot = Some(item),
                }
            }
            items = best.into_iter().flatten().chain(without).collect();
        }
        let total = items.len();
        let wanted = request.top_k + request.offset;
        let is_reordered = request.diversity > 0.0 || request.collapse.is_some();
        if is_reordered && !self.has_vectors() {
            fail!(
                InvalidArgument,
                "diversity, collapse: the catalog has no vectors, or they have not arrived"
            );
        }
        let count = if is_reordered { wanted * CANDIDATES_PER_HIT } else { wanted };
        let mut ranked: Vec<usize> =
            top_k(items.into_iter(), count, order).into_iter().map(|(_, item)| item).collect();
        if is_reordered {
            ranked = diversify(self, &ranked, wanted, request.diversity, request.collapse)?;
        }
        Ok((ranked.into_iter().skip(request.offset).take(request.top_k).collect(), total))
    }

    /// Returns true if an item can come first: it is a hit. Pinned items do not get around the filter.
    fn is_pinnable(&self, item: usize, set: &Bits) -> bool {
        set.contains(item)
    }

    fn hit(&self, request: &SearchRequest, scorer: &Scorer, item: usize) -> Result<Hit> {
        let texts = self.texts(item)?.unwrap_or_default();
        let names = self.schema.fields.iter().map(|field| field.name.clone());
        let mut highlights = BTreeMap::new();
        if let (Some(leg), true) = (scorer.keyword, request.highlight) {
            for (name, text) in names.clone().zip(&texts.fields) {
                let ranges = highlight::ranges(self, &leg.clauses, text);
                if !ranges.is_empty() {
                    highlights.insert(name, ranges);
                }
            }
        }
        let attributes = self.schema.attributes.iter().zip(&self.columns);
        Ok(Hit {
            id: self.id(item)?.to_string(),
            score: scorer.score(item),
            scores: LegScores {
                keyword: scorer.keyword.filter(|leg| leg.items.contains(item)).map(|leg| leg.scores[item]),
                semantic: scorer.semantic.map(|leg| leg.scores[item]),
            },
            fields: map_of(names.zip(texts.fields)),
            attributes: map_of(
                attributes
                    .filter_map(|(attribute, column)| Some((attribute.name.clone(), column.value(item)?))),
            ),
            stored: stored(&texts.stored)?,
            highlights,
            explanation: request.explain.then(|| explanation(scorer, item)),
        })
    }
}

/// Reads what is stored with an item: JSON, or nothing.
fn stored(text: &str) -> Result<Option<Json>> {
    match Json::parse(text) {
        _ if text.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(problem) => fail!(InvalidCatalog, "texts: what is stored with an item is not JSON: {problem}"),
    }
}

/// Returns the hits among the allowed items: what keyword search finds, and what is above the semantic threshold.
fn found(
    request: &SearchRequest,
    keyword: Option<&KeywordLeg>,
    semantic: Option<&SemanticLeg>,
    allowed: &Bits,
) -> Bits {
    let mut set = match (keyword, semantic) {
        (None, None) => return allowed.clone(),
        (Some(keyword), _) => keyword.items.clone(),
        (None, Some(_)) => Bits::none(allowed.len()),
    };
    set.intersect(allowed);
    if let Some(leg) = semantic {
        let needed = (request.top_k + request.offset).min(allowed.count());
        let above = items_from(&leg.scores, allowed, leg.spread.score_at(request.semantic_threshold));
        // A page is never shorter than it could be: without enough hits above the threshold the best ones are taken.
        if above.count() < needed {
            best_items(&leg.scores, allowed, needed).into_iter().for_each(|item| set.insert(item));
        }
        set.unite(&above);
    }
    set
}

fn explanation(scorer: &Scorer, item: usize) -> Explanation {
    let mut clauses = Vec::new();
    if let Some(leg) = scorer.keyword {
        for (number, score) in leg.explain(item) {
            let chars = leg.clauses[number].chars.clone();
            clauses.push(ClauseExplanation {
                text: leg.query.chars[chars].iter().map(|folded| folded.c).collect(),
                score: score.score,
                weight: score.weight,
                idf: score.idf,
                tf: score.frequency,
            });
        }
    }
    Explanation { parts: scorer.explain(item), clauses }
}
