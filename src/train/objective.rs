//! The objective of a training: which texts a step has, and the loss of their rows.

use candle_core::Tensor;

use super::model::Model;
use super::random::Random;
use crate::error::Result;
use crate::tokenizer::Encoding;

/// The texts of a step.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The examples, by number.
    pub examples: Vec<usize>,
    /// The texts, or pairs of texts, whose rows the loss takes in this order.
    pub texts: Vec<Encoding>,
}

/// A loss over examples. [`retrieval`](super::RetrievalObjective), [`ranking`](super::RankingObjective) and
/// [`distillation`](super::DistillationObjective) are three.
pub trait Objective {
    /// Returns a short name for messages and files.
    fn name(&self) -> &'static str;

    /// Returns the number of examples of an epoch.
    fn examples(&self) -> usize;

    /// Tokenizes the texts of a step. `draw` is the step's own source of random numbers.
    ///
    /// # Errors
    /// The errors of the tokenizer.
    fn batch(&self, model: &Model, examples: &[usize], draw: &mut Draw) -> Result<Batch>;

    /// Computes the loss, a scalar, of the rows `[texts, width]` of a batch.
    ///
    /// # Errors
    /// The errors of candle.
    fn loss(&self, rows: &Tensor, batch: &Batch) -> candle_core::Result<Tensor>;
}

/// The random numbers of a step.
pub struct Draw(pub(super) Random);
