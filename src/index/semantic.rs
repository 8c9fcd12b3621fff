//! The semantic scores of a set of items for one query.

use super::bits::Bits;
use super::catalog::Catalog;
use super::top_k::top_k;
use super::vectors::query::{CodeQuery, VectorQuery};
use super::vectors::rotation::Rotation;
use crate::error::{Result, fail};

/// The mean and standard deviation of a query's scores are taken over so many items at most.
const SAMPLE: usize = 2048;

/// The result of a semantic search.
#[derive(Debug)]
pub(crate) struct SemanticLeg {
    /// The score of each item of the set; 0 for other items.
    pub(crate) scores: Vec<f32>,
    /// The items whose score is an estimate from their code. None: every score comes from the int8 rows.
    pub(crate) estimated: Option<Bits>,
    pub(crate) spread: Spread,
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

    /// Returns a score in units of the deviation, from the mean on.
    pub(crate) fn normalize(self, score: f32) -> f32 {
        if self.deviation > 0.0 { (score - self.mean) / self.deviation } else { 0.0 }
    }
}

impl SemanticLeg {
    /// Scores a set of items from their int8 rows. With codes and `estimate: Some(wanted)`, only the `wanted` best items
    /// times the catalog's oversampling get such a score, and the others keep an estimate.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a wrong vector, or if the catalog has no vectors.
    pub(crate) fn search(
        catalog: &Catalog,
        vector: &[f32],
        set: &Bits,
        estimate: Option<usize>,
    ) -> Result<Self> {
        let Some(space) = &catalog.schema.vectors else {
            fail!(InvalidArgument, "vector: the catalog was built without vectors")
        };
        if !catalog.has_vectors() {
            fail!(InvalidArgument, "vector: the vectors of the catalog have not arrived");
        }
        let query = VectorQuery::new(vector, space, &catalog.mean)?;
        let spread = Spread { mean: 0.0, deviation: 0.0 };
        let mut leg = Self { scores: vec![0.0; catalog.items()], estimated: None, spread, query };
        let candidates = estimate.map(|wanted| wanted.saturating_mul(space.oversampling as usize));
        match (&catalog.rotation, candidates) {
            (Some(rotation), Some(candidates)) if candidates < set.count() => {
                leg.estimate(catalog, set, rotation)?;
                let better = |&a: &usize, &b: &usize| leg.scores[b].total_cmp(&leg.scores[a]).then(a.cmp(&b));
                let best = top_k(set.iter(), candidates, better);
                leg.score_in_full(catalog, best)?;
            }
            _ => {
                for segment in &catalog.segments {
                    let Some(rows) = segment.rows()? else { continue };
                    for item in set.iter_range(segment.range()) {
                        leg.scores[item] = leg.query.score(rows.get(item - segment.first));
                    }
                }
            }
        }
        leg.spread = leg.spread(catalog, set)?;
        Ok(leg)
    }

    /// Estimates the scores of a set of items from their codes.
    fn estimate(&mut self, catalog: &Catalog, set: &Bits, rotation: &Rotation) -> Result<()> {
        let coded = CodeQuery::new(&self.query, rotation);
        for segment in &catalog.segments {
            let Some(codes) = segment.codes()? else { continue };
            for item in set.iter_range(segment.range()) {
                self.scores[item] = coded.estimate(&self.query, &codes, item - segment.first);
            }
        }
        self.estimated = Some(set.clone());
        Ok(())
    }

    /// Replaces the estimates of items by the scores from their int8 rows.
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

    /// Returns the mean and deviation of the query's scores over a sample of the catalog. Scores of `set` are there already.
    fn spread(&self, catalog: &Catalog, set: &Bits) -> Result<Spread> {
        let step = catalog.len().div_ceil(SAMPLE).max(1);
        let mut sample = Vec::new();
        for item in catalog.live.iter().step_by(step) {
            let is_estimated = self.estimated.as_ref().is_some_and(|estimated| estimated.contains(item));
            if set.contains(item) && !is_estimated {
                sample.push(self.scores[item]);
            } else if let Some(row) = catalog.row(item)? {
                sample.push(self.query.score(row));
            }
        }
        Ok(Spread::of(sample.iter().copied()))
    }
}
