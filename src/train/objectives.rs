//! The three objectives.

use candle_core::{Device, Tensor};

use super::loss;
use super::model::Model;
use super::objective::{Batch, Draw, Objective};
use super::pairs::Pairs;
use crate::error::{Result, fail};
use crate::eval::Texts;

/// Trains vectors: each query against every passage of its step.
pub struct RetrievalObjective<'a> {
    pairs: &'a Pairs,
    negatives: usize,
}

impl<'a> RetrievalObjective<'a> {
    /// Trains on `pairs`, with `negatives` of each query beside the passages of the other queries.
    pub fn new(pairs: &'a Pairs, negatives: usize) -> Self {
        Self { pairs, negatives }
    }
}

impl Objective for RetrievalObjective<'_> {
    fn name(&self) -> &'static str {
        "retrieval"
    }

    fn examples(&self) -> usize {
        self.pairs.len()
    }

    fn batch(&self, model: &Model, examples: &[usize], draw: &mut Draw) -> Result<Batch> {
        let queries = examples.iter().map(|&example| model.encode_query(self.pairs.query(example)));
        let mut texts = queries.collect::<Result<Vec<_>>>()?;
        for &example in examples {
            for passage in self.pairs.draw(example, self.negatives, &mut draw.0) {
                texts.push(model.encode_passage(passage)?);
            }
        }
        Ok(Batch { examples: examples.to_vec(), texts })
    }

    fn loss(&self, rows: &Tensor, batch: &Batch) -> candle_core::Result<Tensor> {
        let queries = batch.examples.len();
        loss::retrieval_loss(
            &rows.narrow(0, 0, queries)?,
            &rows.narrow(0, queries, batch.texts.len() - queries)?,
        )
    }
}

/// Trains a reranker: a query's positive against its negatives.
pub struct RankingObjective<'a> {
    pairs: &'a Pairs,
    negatives: usize,
}

impl<'a> RankingObjective<'a> {
    /// Trains on `pairs`, with `negatives` per query.
    pub fn new(pairs: &'a Pairs, negatives: usize) -> Self {
        Self { pairs, negatives }
    }
}

impl Objective for RankingObjective<'_> {
    fn name(&self) -> &'static str {
        "ranking"
    }

    fn examples(&self) -> usize {
        self.pairs.len()
    }

    fn batch(&self, model: &Model, examples: &[usize], draw: &mut Draw) -> Result<Batch> {
        let mut texts = Vec::new();
        for &example in examples {
            for passage in self.pairs.draw(example, self.negatives, &mut draw.0) {
                texts.push(model.tokenizer().encode_pair(self.pairs.query(example), passage)?);
            }
        }
        Ok(Batch { examples: examples.to_vec(), texts })
    }

    fn loss(&self, rows: &Tensor, batch: &Batch) -> candle_core::Result<Tensor> {
        loss::ranking_loss(&rows.reshape((batch.examples.len(), batch.texts.len() / batch.examples.len()))?)
    }
}

/// Trains a student to return its teacher's vectors.
pub struct DistillationObjective<'a> {
    texts: &'a Texts,
    vectors: &'a [f32],
    dimension: usize,
}

impl<'a> DistillationObjective<'a> {
    /// Takes queries and the teacher's vectors, `[texts, dimension]`, row-major.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if there is not one vector per text.
    pub fn new(texts: &'a Texts, vectors: &'a [f32], dimension: usize) -> Result<Self> {
        if vectors.len() != texts.len() * dimension || texts.is_empty() {
            fail!(InvalidArgument, "{} numbers for {} texts of {dimension}", vectors.len(), texts.len());
        }
        Ok(Self { texts, vectors, dimension })
    }
}

impl Objective for DistillationObjective<'_> {
    fn name(&self) -> &'static str {
        "distillation"
    }

    fn examples(&self) -> usize {
        self.texts.len()
    }

    fn batch(&self, model: &Model, examples: &[usize], _draw: &mut Draw) -> Result<Batch> {
        let texts = examples.iter().map(|&example| model.encode_query(self.texts.text(example)));
        Ok(Batch { examples: examples.to_vec(), texts: texts.collect::<Result<_>>()? })
    }

    fn loss(&self, rows: &Tensor, batch: &Batch) -> candle_core::Result<Tensor> {
        let dimension = self.dimension;
        let row = |&example: &usize| &self.vectors[example * dimension..][..dimension];
        let vectors: Vec<f32> = batch.examples.iter().flat_map(row).copied().collect();
        loss::distillation_loss(
            rows,
            &Tensor::from_vec(vectors, (batch.examples.len(), dimension), &Device::Cpu)?,
        )
    }
}
