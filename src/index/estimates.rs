//! The scores of the last search that wants rows. When these have arrived the same search runs again, and does not estimate
//! the scores of all items again.

use std::sync::Mutex;

use super::bits::Bits;

/// The scores of a search before those from rows that arrived by themselves.
#[derive(Debug, Clone)]
pub(crate) struct Estimates {
    /// The score of each item of the set.
    pub(crate) scores: Vec<f32>,
    /// The items whose score is an estimate.
    pub(crate) estimated: Bits,
}

/// The question that estimates answer.
#[derive(Debug)]
struct Question {
    vector: Vec<f32>,
    set: Bits,
    is_coded: bool,
}

/// The estimates of the last search, if it wants rows.
#[derive(Debug, Default)]
pub(crate) struct LastEstimates(Mutex<Option<(Question, Estimates)>>);

impl LastEstimates {
    /// Takes the estimates for a vector and a set of items, if they are those of the last search.
    pub(crate) fn take(&self, vector: &[f32], set: &Bits, is_coded: bool) -> Option<Estimates> {
        let mut last = self.0.try_lock().ok()?;
        let is_same = last.as_ref().is_some_and(|(question, _)| {
            question.vector == vector && question.set == *set && question.is_coded == is_coded
        });
        if is_same { last.take().map(|(_, estimates)| estimates) } else { None }
    }

    pub(crate) fn set(&self, vector: &[f32], set: &Bits, is_coded: bool, estimates: Estimates) {
        if let Ok(mut last) = self.0.try_lock() {
            let question = Question { vector: vector.to_vec(), set: set.clone(), is_coded };
            *last = Some((question, estimates));
        }
    }

    pub(crate) fn clear(&self) {
        if let Ok(mut last) = self.0.try_lock() {
            *last = None;
        }
    }

    /// Returns the number of scores that are kept.
    #[cfg(all(test, feature = "index"))]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().as_ref().map_or(0, |(_, estimates)| estimates.scores.len())
    }
}
