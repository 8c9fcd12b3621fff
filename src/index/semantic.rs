//! The semantic scores of a set of items for one query.

use super::bits::Bits;
use super::catalog::Catalog;
use super::estimates::Estimates;
use super::kernels::nibble_sums::BLOCK_ITEMS;
use super::schema::RowKind;
use super::top_k::best_items;
use super::vectors::query::{CodeQuery, VectorQuery};
use crate::error::{Result, fail};

/// The mean and standard deviation of a query's scores are taken over so many items at least, and over less than twice as
/// many.
const SAMPLE: usize = 768;

/// The result of a semantic search.
#[derive(Debug)]
pub(crate) struct SemanticLeg {
    /// The score of each item of the set. Those of other items mean nothing.
    pub(crate) scores: Vec<f32>,
    /// The items whose score is an estimate from their code. None: every score comes from the rows.
    pub(crate) estimated: Option<Bits>,
    /// The items whose row was wanted and has not arrived.
    pub(crate) missing: Vec<usize>,
    pub(crate) spread: Spread,
    /// False if the spread has estimates.
    is_spread_exact: bool,
    query: VectorQuery,
}

/// The mean and standard deviation of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) mean: f32,
    pub(crate) deviation: f32,
}

impl Spread {
    pub(crate) fn of(scores: impl Iterator<Item = f32> + Clone) -> Self {
        let count = scores.clone().count().max(1) as f64;
        let mean = scores.clone().map(f64::from).sum::<f64>() / count;
        let variance = scores.map(|x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
        Self { mean: mean as f32, deviation: variance.sqrt() as f32 }
    }

    /// Returns the score that is `threshold` deviations above the mean.
    pub(crate) fn score_at(self, threshold: f32) -> f32 {
        match self.deviation > 0.0 {
            true => self.mean + threshold * self.deviation,
            // All scores are the mean: they are 0 deviations above it.
            false if threshold <= 0.0 => f32::NEG_INFINITY,
            false => f32::INFINITY,
        }
    }

    /// Returns a score in units of the deviation, from the mean on.
    pub(crate) fn normalize(self, score: f32) -> f32 {
        if self.deviation > 0.0 { (score - self.mean) / self.deviation } else { 0.0 }
    }
}

impl SemanticLeg {
    /// Scores a set of items. With codes and `may_estimate`, only the best items get their score from the rows: `wanted`
    /// times the catalog's oversampling. The others keep an estimate, and so do items whose row is not there.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a wrong vector, or if the catalog has no vectors.
    pub(crate) fn search(
        catalog: &Catalog,
        vector: &[f32],
        set: &Bits,
        wanted: usize,
        may_estimate: bool,
    ) -> Result<Self> {
        let Some(space) = &catalog.schema.vectors else {
            fail!(InvalidArgument, "vector: the catalog was built without vectors")
        };
        if !catalog.has_vectors() {
            fail!(InvalidArgument, "vector: the vectors of the catalog have not arrived");
        }
        let query = VectorQuery::new(vector, space, &catalog.mean)?;
        let coded = catalog.rotation.as_ref().map(|rotation| CodeQuery::new(&query, rotation));
        let candidates = wanted.saturating_mul(space.oversampling as usize);
        let is_coded = coded.is_some() && may_estimate && candidates < set.count();
        let estimates = match catalog.last_estimates.take(vector, set, is_coded) {
            Some(estimates) => estimates,
            None => Self::first_scores(catalog, &query, coded.as_ref().map(|coded| (coded, is_coded)), set)?,
        };
        if space.rows != RowKind::None && !catalog.has_rows() {
            catalog.last_estimates.set(vector, set, is_coded, estimates.clone());
        }
        let spread = Spread { mean: 0.0, deviation: 0.0 };
        let Estimates { scores, estimated } = estimates;
        let mut leg =
            Self { scores, estimated: None, missing: Vec::new(), spread, is_spread_exact: true, query };
        if estimated.count() > 0 {
            leg.estimated = Some(estimated);
            let best = best_items(&leg.scores, set, candidates);
            leg.score_in_full(catalog, best.iter().copied())?;
            leg.note_missing(best);
        }
        leg.take_spread(catalog, set, coded.as_ref(), wanted == usize::MAX)?;
        Ok(leg)
    }

    /// Scores a set of items: from the rows, or from the codes where the rows are not there, or with `true` beside the query.
    fn first_scores(
        catalog: &Catalog,
        query: &VectorQuery,
        coded: Option<(&CodeQuery, bool)>,
        set: &Bits,
    ) -> Result<Estimates> {
        let mut scores = vec![0.0; catalog.items()];
        let mut estimated = Bits::none(catalog.items());
        for segment in &catalog.segments {
            match (segment.rows()?, segment.codes()?, coded) {
                (rows, Some(codes), Some((coded, is_coded))) if is_coded || rows.is_none() => {
                    let blocks = scores[segment.range()].chunks_mut(BLOCK_ITEMS);
                    for (block, scores) in blocks.enumerate() {
                        let first = segment.first + block * BLOCK_ITEMS;
                        if set.has_any(first..first + scores.len()) {
                            coded.estimate(query, codes.block(block), scores);
                        }
                    }
                    estimated.unite_range(set, segment.range());
                }
                (Some(rows), ..) => {
                    for item in set.iter_range(segment.range()) {
                        scores[item] = query.score(rows.get(item - segment.first));
                    }
                }
                _ => {}
            }
        }
        Ok(Estimates { scores, estimated })
    }

    /// Returns true if no score, threshold or total has an estimate in it.
    pub(crate) fn is_exact(&self) -> bool {
        self.is_spread_exact && self.estimated.as_ref().is_none_or(|set| set.count() == 0)
    }

    /// Returns true if an item has an estimate, and its row is there.
    pub(crate) fn can_be_scored(&self, catalog: &Catalog, item: usize) -> bool {
        self.estimated.as_ref().is_some_and(|set| set.contains(item))
            && matches!(catalog.row(item), Ok(Some(_)))
    }

    /// Replaces the estimates of items by the scores from their rows, as far as they have arrived.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the rows are damaged.
    pub(crate) fn score_in_full(
        &mut self,
        catalog: &Catalog,
        items: impl IntoIterator<Item = usize>,
    ) -> Result<()> {
        let Some(estimated) = &mut self.estimated else { return Ok(()) };
        for item in items {
            if estimated.contains(item)
                && let Some(row) = catalog.row(item)?
            {
                self.scores[item] = self.query.score(row);
                estimated.remove(item);
            }
        }
        Ok(())
    }

    /// Adds those of the items to `missing` that still have an estimate.
    pub(crate) fn note_missing(&mut self, items: impl IntoIterator<Item = usize>) {
        if let Some(estimated) = &self.estimated {
            self.missing.extend(items.into_iter().filter(|&item| estimated.contains(item)));
        }
    }

    /// Takes the mean and deviation of the query's scores over a sample of the catalog. Items whose row is not there count
    /// with their estimates; with `wants_rows` their rows are missing.
    fn take_spread(
        &mut self,
        catalog: &Catalog,
        set: &Bits,
        coded: Option<&CodeQuery>,
        wants_rows: bool,
    ) -> Result<()> {
        let step = 1 << (catalog.len() / SAMPLE).max(1).ilog2();
        let mut sample = Vec::new();
        for item in catalog.live.sample(step) {
            let is_estimated = self.estimated.as_ref().is_some_and(|estimated| estimated.contains(item));
            if set.contains(item) && !is_estimated {
                sample.push(self.scores[item]);
                continue;
            }
            let (segment, local) = catalog.segment_of(item);
            // Rows that arrived by themselves belong to searches: only what wants all of them looks there.
            let row =
                if wants_rows { catalog.row(item)? } else { segment.rows()?.map(|rows| rows.get(local)) };
            if let Some(row) = row {
                sample.push(self.query.score(row));
                continue;
            }
            let (Some(codes), Some(coded)) = (segment.codes()?, coded) else { continue };
            self.is_spread_exact = false;
            if wants_rows {
                self.missing.push(item);
            }
            let mut scores = [self.scores[item]; BLOCK_ITEMS];
            if !set.contains(item) {
                coded.estimate(&self.query, codes.block(local / BLOCK_ITEMS), &mut scores);
            }
            sample.push(scores[local % BLOCK_ITEMS]);
        }
        self.spread = Spread::of(sample.iter().copied());
        Ok(())
    }
}
