//! Trains a model step by step. The state between two steps can be saved; a trainer that takes it up computes the same
//! numbers as one that never stopped.

use std::collections::BTreeMap;

use super::adamw::{AdamW, schedule};
use super::dropout::Dropout;
use super::failure::computation_failed;
use super::gradients::Gradients;
use super::history::History;
use super::model::Model;
use super::objective::{Draw, Objective};
use super::options::TrainOptions;
use super::passes::loss_and_gradients;
use super::random::Random;
use super::state;
use crate::error::{Result, fail};

/// The purposes of random numbers.
const ORDER: u64 = 2;
const NEGATIVES: u64 = 3;

/// A training between two steps.
pub struct Trainer<'a> {
    pub(super) model: Model,
    pub(super) objective: &'a dyn Objective,
    pub(super) options: TrainOptions,
    pub(super) optimizer: AdamW,
    pub(super) history: History,
    /// The order of the examples in an epoch, and its number.
    order: Option<(usize, Vec<usize>)>,
}

impl<'a> Trainer<'a> {
    /// Starts a training.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for options out of range.
    pub fn new(model: Model, objective: &'a dyn Objective, options: TrainOptions) -> Result<Self> {
        options.check()?;
        let (optimizer, history) = (AdamW::default(), History::default());
        Ok(Self { model, objective, options, optimizer, history, order: None })
    }

    /// Returns the model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Returns the settings.
    pub fn options(&self) -> &TrainOptions {
        &self.options
    }

    /// Returns the losses and measures so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the number of steps that are done.
    pub fn step_count(&self) -> usize {
        self.history.losses.len()
    }

    /// Returns the number of steps of an epoch. The last one may have fewer examples.
    pub fn steps_per_epoch(&self) -> usize {
        self.objective.examples().div_ceil(self.options.batch)
    }

    /// Returns the number of steps of the training.
    pub fn total_steps(&self) -> usize {
        self.steps_per_epoch() * self.options.epochs
    }

    /// Does the next step and returns its loss.
    ///
    /// # Errors
    /// The errors of the tokenizer; `INVALID_ARGUMENT` if the loss is not finite: the learning rate is too high.
    pub fn step(&mut self) -> Result<f32> {
        let step = self.step_count();
        let (examples, loss, gradients) = self.compute(step)?;
        if !loss.is_finite() {
            fail!(
                InvalidArgument,
                "step {}: the loss is {loss}; the training diverged, choose a lower --learning-rate",
                step + 1
            );
        }
        let rate = self.options.learning_rate
            * schedule(step as u64, self.total_steps() as u64, self.options.warm_up);
        self.optimizer
            .update(self.model.parameters(), &gradients, rate, self.options.weight_decay)
            .map_err(computation_failed)?;
        self.history.losses.push(loss);
        self.history.examples += examples as u64;
        Ok(loss)
    }

    /// Returns the gradient of each parameter by name, of the loss of the next step, and that loss. Nothing changes.
    ///
    /// # Errors
    /// The errors of [`step`](Self::step).
    pub fn gradients(&mut self) -> Result<(f32, BTreeMap<String, Vec<f32>>)> {
        let (_, loss, gradients) = self.compute(self.step_count())?;
        Ok((loss, gradients.into_map()))
    }

    /// Computes the number of examples, the loss and the gradients of a step.
    fn compute(&mut self, step: usize) -> Result<(usize, f32, Gradients)> {
        let examples = self.examples(step);
        let mut draw = Draw(Random::new(self.options.seed, &[NEGATIVES, step as u64]));
        let batch = self.objective.batch(&self.model, &examples, &mut draw)?;
        let rate = self.options.dropout;
        let dropout = (rate > 0.0).then_some(Dropout { rate, seed: self.options.seed, step: step as u64 });
        let of_rows = |rows: &candle_core::Tensor| self.objective.loss(rows, &batch);
        let (loss, gradients) =
            loss_and_gradients(&self.model, &batch.texts, &of_rows, dropout, self.options.max_tokens)
                .map_err(computation_failed)?;
        Ok((examples.len(), loss, gradients))
    }

    /// Returns the examples of a step.
    fn examples(&mut self, step: usize) -> Vec<usize> {
        let (epoch, at) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
        if self.order.as_ref().is_none_or(|(of, _)| *of != epoch) {
            let mut order: Vec<usize> = (0..self.objective.examples()).collect();
            Random::new(self.options.seed, &[ORDER, epoch as u64]).shuffle(&mut order);
            self.order = Some((epoch, order));
        }
        let order = self.order.as_ref().map_or(&[][..], |(_, order)| order);
        let start = at * self.options.batch;
        order[start..(start + self.options.batch).min(order.len())].to_vec()
    }

    /// Returns everything that the next steps depend on: weights, moments, and what is done. `settings` describes the
    /// training; [`resume`](Self::resume) compares it.
    ///
    /// # Errors
    /// `INTERNAL` if it cannot be serialized.
    pub fn save(&self, settings: &str) -> Result<Vec<u8>> {
        state::save(&self.model, &self.optimizer, &self.history, settings)
    }

    /// Takes up a training where [`save`](Self::save) left it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the state is damaged or belongs to other settings.
    pub fn resume(&mut self, state: &[u8], settings: &str) -> Result<()> {
        let (optimizer, history) = state::restore(state, &self.model, settings)?;
        (self.optimizer, self.history) = (optimizer, history);
        Ok(())
    }
}
