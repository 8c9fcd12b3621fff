//! The settings of a training.

use crate::error::{Result, fail};

/// The settings of a training. The defaults are those of the model card for retrieval.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// The number of times that each example is used.
    pub epochs: usize,
    /// Examples per step.
    pub batch: usize,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// The share of the steps in which the learning rate rises.
    pub warm_up: f64,
    /// AdamW's weight decay.
    pub weight_decay: f64,
    /// The share of hidden states and attention weights that are dropped.
    pub dropout: f32,
    /// The seed of everything random.
    pub seed: u64,
    /// The most tokens whose intermediate results are in memory at once. Larger steps are computed in parts, with the
    /// same result.
    pub max_tokens: usize,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 3,
            batch: 64,
            learning_rate: 5e-6,
            warm_up: 0.1,
            weight_decay: 0.01,
            dropout: 0.1,
            seed: 1,
            max_tokens: 4096,
        }
    }
}

impl TrainOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the name of the setting.
    pub fn check(&self) -> Result<()> {
        let sizes = [("epochs", self.epochs), ("batch", self.batch), ("max-tokens", self.max_tokens)];
        if let Some((name, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            fail!(InvalidArgument, "--{name} 0: expected 1 or more");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            fail!(InvalidArgument, "--learning-rate {}: expected a positive number", self.learning_rate);
        }
        let shares = [("warm-up", self.warm_up), ("dropout", f64::from(self.dropout))];
        if let Some((name, share)) = shares.into_iter().find(|(_, share)| !(0.0..1.0).contains(share)) {
            fail!(InvalidArgument, "--{name} {share}: expected a number from 0 to 1, without 1");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            fail!(InvalidArgument, "--weight-decay {}: expected 0 or more", self.weight_decay);
        }
        Ok(())
    }
}
