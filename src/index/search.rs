//! A search, from the request to the hits.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::catalog::Catalog;
use super::facets;
use super::filter::Filter;
use super::fusion::Scorer;
use super::highlight;
use super::json::Json;
use super::keyword::leg::KeywordLeg;
use super::number;
use super::order::map_of;
use super::ranking::{Ranking, is_reordered};
use super::request::{Fusion, Mode, SearchRequest};
use super::result::{ClauseExplanation, Explanation, Facet, Hit, LegScores, SearchResult};
use super::semantic::SemanticLeg;
use super::top_k::{best_items, items_from};
use crate::error::{Result, fail};

/// The largest sum of `topK` and `offset`.
const MAX_HITS: usize = 10_000;
/// Hits are ranked so many times before every item is scored in full.
const MAX_ROUNDS: usize = 4;
/// Where hits are left out or reordered, there are at least so many per hit of a page.
const CANDIDATES_PER_HIT: usize = 5;

impl Catalog {
    /// Searches. `vector`: the query's vector, for a semantic or hybrid search.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the place of what is wrong in the request; `INVALID_CATALOG` if the catalog is damaged.
    pub fn search(&self, request: &SearchRequest, vector: Option<&[f32]>) -> Result<SearchResult> {
        self.search_in(&self.live, request, vector)
    }

    /// Searches some of the live items.
    fn search_in(
        &self,
        items: &Bits,
        request: &SearchRequest,
        vector: Option<&[f32]>,
    ) -> Result<SearchResult> {
        Self::check(request)?;
        self.segments[0].single_rows.begin_search();
        let ranking = Ranking::new(self, request)?;
        let conjuncts = match &request.filter {
            Some(filter) => Filter::read(filter, &self.schema)?.conjuncts(),
            None => Vec::new(),
        };
        let allowed = self.allowed(items, &conjuncts, None);
        let mut facet_sets = Vec::new();
        for facet in &request.facets {
            let attribute = self.attribute("facets", &facet.attribute)?;
            facets::check(facet, self.schema.attributes[attribute].kind)?;
            if facet_sets.iter().any(|(other, _)| *other == attribute) {
                fail!(InvalidArgument, "facets: {:?} stands twice", facet.attribute);
            }
            let is_filtered =
                facet.disjunctive && conjuncts.iter().any(|conjunct| conjunct.is_about(attribute));
            facet_sets
                .push((attribute, is_filtered.then(|| self.allowed(items, &conjuncts, Some(attribute)))));
        }
        let keyword = match request.mode {
            Mode::Semantic => None,
            mode if request.query.trim().is_empty() && (mode != Mode::Hybrid || vector.is_none()) => None,
            _ => Some(KeywordLeg::search(self, &request.query, request.prefix, request.matching)?),
        };
        // A text that asks for nothing, such as an emoji, is left to its vector. Without one it finds nothing.
        let keyword = keyword.filter(|leg| request.mode != Mode::Auto || vector.is_none() || !leg.is_empty());
        if request.mode == Mode::Keyword && keyword.is_none() && vector.is_some() {
            fail!(InvalidArgument, "mode: a keyword search needs a text, and only a vector is given");
        }
        let mut semantic = match (request.mode, vector) {
            (Mode::Keyword, _) | (Mode::Auto, None) => None,
            // Without a text it browses.
            (_, None) if request.query.trim().is_empty() => None,
            (Mode::Semantic | Mode::Hybrid, None) => {
                fail!(InvalidArgument, "mode: a semantic or hybrid search needs the vector of its text")
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
        let (set, ranked, total) =
            self.ranked_in_full(&ranking, request, keyword.as_ref(), &mut semantic, &allowed)?;
        let scorer = Scorer::new(self, request, keyword.as_ref(), semantic.as_ref(), &set)?;
        let mut counted: BTreeMap<String, Facet> = BTreeMap::new();
        for (facet, (attribute, own)) in request.facets.iter().zip(&facet_sets) {
            let own = own.as_ref().map(|own| {
                let mut own = found(request, keyword.as_ref(), semantic.as_ref(), own);
                own.unite(&set); // the nearest items of the search may be others
                own
            });
            let count = facets::count(&self.columns[*attribute], own.as_ref().unwrap_or(&set), facet);
            counted.insert(facet.attribute.clone(), count);
        }
        let exact = semantic.as_ref().is_none_or(SemanticLeg::is_exact);
        let missing_rows = semantic.as_ref().map_or(Ok(Vec::new()), |leg| self.row_places(&leg.missing))?;
        if missing_rows.is_empty() {
            self.last_estimates.clear();
        }
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

    /// Returns how many items need their score from the rows at least, and whether the others may keep an estimate.
    ///
    /// An exact search wants the rows of all. In others they may if hits are ordered by the weighted score alone, and the
    /// filter keeps more than half of the items: below that a scan of the rows is fast, and the filter costs no recall.
    fn estimate(&self, request: &SearchRequest, allowed: &Bits) -> (usize, bool) {
        let is_by_score = request.sort.is_empty()
            && request.boost.is_empty()
            && request.fusion == Fusion::Weighted
            && !is_reordered(request);
        let wanted = match request.exact {
            true => usize::MAX,
            false => (request.top_k + request.offset).max(1) * candidates_per_hit(request),
        };
        (wanted, !request.exact && is_by_score && 2 * allowed.count() > self.len())
    }

    /// Ranks the hits until every one that is returned has its score from its row, if that is there. Returns all hits, those of the
    /// page, and the number of all.
    fn ranked_in_full(
        &self,
        ranking: &Ranking,
        request: &SearchRequest,
        keyword: Option<&KeywordLeg>,
        semantic: &mut Option<SemanticLeg>,
        allowed: &Bits,
    ) -> Result<(Bits, Vec<usize>, usize)> {
        let mut rounds = 0;
        loop {
            let set = found(request, keyword, semantic.as_ref(), allowed);
            let scorer = Scorer::new(self, request, keyword, semantic.as_ref(), &set)?;
            let (ranked, total) = ranking.page(&scorer, &set)?;
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
        let request = SearchRequest { mode: Mode::Semantic, query: String::new(), ..request.clone() };
        let mut others = self.live.clone();
        others.remove(item);
        let mut result = self.search_in(&others, &request, Some(&vector))?;
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

    fn check(request: &SearchRequest) -> Result<()> {
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

    /// Returns the number of an attribute that an option names.
    pub(super) fn attribute(&self, option: &str, name: &str) -> Result<usize> {
        match self.schema.attribute(name) {
            Some(attribute) => Ok(attribute),
            None => fail!(InvalidArgument, "{option}: there is no attribute {name:?}"),
        }
    }

    /// Returns the items that meet the conjuncts, but for those about one attribute.
    fn allowed(&self, items: &Bits, conjuncts: &[Filter], without: Option<usize>) -> Bits {
        let mut allowed = items.clone();
        for conjunct in conjuncts.iter().filter(|conjunct| without.is_none_or(|own| !conjunct.is_about(own)))
        {
            allowed.intersect(&conjunct.items(&self.columns, self.items()));
        }
        allowed
    }

    fn hit(&self, request: &SearchRequest, scorer: &Scorer, item: usize) -> Result<Hit> {
        let texts = self.texts(item)?.unwrap_or_default();
        let names = self.schema.fields.iter().map(|field| field.name.clone());
        let mut highlights = BTreeMap::new();
        if let (Some(leg), true) = (scorer.keyword, request.highlight) {
            for (name, text) in names.clone().zip(&texts.fields) {
                let ranges = highlight::ranges(self, &leg.matching(item), text);
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

/// Returns the hits among the allowed items: what keyword search finds, and what is above the semantic threshold. Where
/// these are too few for one page, the best of the others are hits too, unless hits are sorted by an attribute, which would
/// put the worst of them first. Nothing depends on `offset`, so all pages of a
/// search have the same hits, total and facets.
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
        set.unite(&items_from(&leg.scores, allowed, leg.spread.score_at(request.semantic_threshold)));
        let wanted = if request.sort.is_empty() { request.top_k * candidates_per_hit(request) } else { 0 };
        let missing = wanted.saturating_sub(set.count());
        if missing > 0 {
            let mut others = set.clone();
            others.invert();
            others.intersect(allowed);
            best_items(&leg.scores, &others, missing).into_iter().for_each(|item| set.insert(item));
        }
    }
    set
}

fn candidates_per_hit(request: &SearchRequest) -> usize {
    if is_reordered(request) || request.distinct.is_some() { CANDIDATES_PER_HIT } else { 1 }
}

fn explanation(scorer: &Scorer, item: usize) -> Explanation {
    let mut clauses = Vec::new();
    // A hit that matches too few clauses has no keyword score.
    if let Some(leg) = scorer.keyword.filter(|leg| leg.items.contains(item)) {
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
